package ical_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

type vector struct {
	Rule      string   `json:"rrule"`
	Start     string   `json:"dtstart"`
	From      string   `json:"from"`
	Instances []string `json:"instances"`
	Line      int      `json:"source_line"`
}

func vectors(tb testing.TB) []vector {
	tb.Helper()
	data, err := os.ReadFile("testdata/recurrence_vectors.json")
	require.NoError(tb, err)
	var all struct {
		Vectors []vector `json:"vectors"`
	}
	require.NoError(tb, json.Unmarshal(data, &all))
	return all.Vectors
}

// refusedVectors are the rules of the vectors that are refused by name. None is.
var refusedVectors = map[string]string{}

func TestRecurrenceVectors(t *testing.T) {
	t.Parallel()
	all := vectors(t)
	require.Len(t, all, 63)
	refused := 0
	for _, v := range all {
		from := at(t, v.Start)
		if v.From != "" {
			from = at(t, v.From)
		}
		until := at(t, v.Instances[len(v.Instances)-1]).AddDate(12, 0, 0)
		starts, err := starts(t, v.Rule, v.Start, from, until)
		var wrong *ical.Error
		if errors.As(err, &wrong) {
			require.Equal(t, refusedVectors[v.Rule], wrong.Property)
			refused++
			continue
		}
		require.NoError(t, err)
		require.Equal(t, v.Instances, starts, "line %d: %s from %s", v.Line, v.Rule, v.Start)
	}
	require.Len(t, refusedVectors, refused)
}

// at reads a date or time as if it were UTC.
func at(t require.TestingT, text string) time.Time {
	layout := "20060102T150405"
	at, err := time.Parse(layout[:len(strings.TrimSuffix(text, "Z"))], strings.TrimSuffix(text, "Z"))
	require.NoError(t, err)
	return at
}

// starts are when the instances of a rule begin, in the form of its start.
func starts(t require.TestingT, rule, start string, from, until time.Time) ([]string, error) {
	layout, duration := "20060102T150405", "PT1S"
	if len(start) == 8 {
		layout, duration = "20060102", "P1D"
	}
	if strings.HasSuffix(start, "Z") {
		layout += "Z"
	}
	c, err := parse(calendar("DTSTART:"+start, "DURATION:"+duration, "RRULE:"+rule))
	require.NoError(t, err)
	if len(c.Refused()) > 0 {
		return nil, c.Refused()[0]
	}
	instances, err := c.Instances(worktime.UTC(), from, until)
	var all []string
	for _, i := range instances {
		all = append(all, i.Start.Format(layout))
	}
	return all, err
}

// calendar is a file of one event with the lines.
func calendar(event ...string) []byte {
	lines := append([]string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", "BEGIN:VEVENT", "UID:one"}, event...)
	return []byte(strings.Join(append(lines, "END:VEVENT", "END:VCALENDAR", ""), "\r\n"))
}
