package ical_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// expected is testdata/expected.json; testdata/README.md says what its fields mean.
type expected struct {
	Files []expectedFile `json:"files"`
}

type expectedFile struct {
	File        string         `json:"file"`
	Kind        string         `json:"kind"`
	SHA256      string         `json:"sha256"`
	Zone        string         `json:"calendar_zone"`
	Window      [2]time.Time   `json:"window"`
	Instances   *int           `json:"instances"`
	Busy        [][2]time.Time `json:"busy"`
	Alternative [][2]time.Time `json:"busy_alternative"`
	Expect      string         `json:"expect"`
	Names       string         `json:"error_names"`
	Rest        [][2]time.Time `json:"busy_if_rest_kept"`
}

func expectations(tb testing.TB) []expectedFile {
	tb.Helper()
	data, err := os.ReadFile("testdata/expected.json")
	require.NoError(tb, err)
	var e expected
	require.NoError(tb, json.Unmarshal(data, &e))
	return e.Files
}

func content(tb testing.TB, file string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(tb, err)
	return data
}

func zone(tb testing.TB, name string) *worktime.Zone {
	tb.Helper()
	z, err := worktime.LoadZone(name)
	require.NoError(tb, err)
	return z
}

func pairs(intervals []worktime.Interval) [][2]time.Time {
	var all [][2]time.Time
	for _, i := range intervals {
		all = append(all, [2]time.Time{i.Start, i.End})
	}
	return all
}

func parse(data []byte) (*ical.Calendar, error) {
	return ical.Parse(bytes.NewReader(data), ical.Options{Titles: true})
}

func TestFilesOfOthers(t *testing.T) {
	t.Parallel()
	all := expectations(t)
	require.Len(t, all, 38)
	for _, f := range all {
		t.Run(filepath.Base(f.File), func(t *testing.T) {
			t.Parallel()
			data := content(t, f.File)
			sum := sha256.Sum256(data)
			require.Equal(t, f.SHA256, hex.EncodeToString(sum[:]), "the file is as it was")
			if f.Expect == "error" {
				requireRefused(t, f, data)
				return
			}
			c, err := parse(data)
			require.NoError(t, err)
			require.Empty(t, c.Refused())
			busy, err := c.Busy(zone(t, f.Zone), f.Window[0], f.Window[1])
			var limit *ical.LimitError
			if f.Expect == "bounded" && errors.As(err, &limit) {
				require.NotEmpty(t, limit.Limit)
				return
			}
			require.NoError(t, err)
			requireBusy(t, f.Busy, busy)
			if f.Instances != nil {
				instances, err := c.Instances(zone(t, f.Zone), f.Window[0], f.Window[1])
				require.NoError(t, err)
				require.Len(t, instances, *f.Instances)
			}
		})
	}
}

func requireBusy(t *testing.T, want [][2]time.Time, busy []worktime.Interval) {
	t.Helper()
	got := pairs(busy)
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i], got[i])
	}
}

// A file that is broken as a whole is refused; of one with a broken event the others count, and it is named.
func requireRefused(t *testing.T, f expectedFile, data []byte) {
	t.Helper()
	c, err := parse(data)
	if f.Rest == nil {
		require.ErrorContains(t, err, f.Names)
		return
	}
	require.NoError(t, err)
	require.Len(t, c.Refused(), 1)
	require.ErrorContains(t, c.Refused()[0], f.Names)
	require.NotZero(t, c.Refused()[0].Line)
	busy, err := c.Busy(zone(t, f.Zone), f.Window[0], f.Window[1])
	require.NoError(t, err)
	requireBusy(t, f.Rest, busy)
}
