package ical_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/ical"
)

// A copy is read to the same instances and refusals as its file, and to the same copy.
func TestCopiesSayTheSame(t *testing.T) {
	t.Parallel()
	for _, f := range expectations(t) {
		t.Run(filepath.Base(f.File), func(t *testing.T) {
			t.Parallel()
			for _, titles := range []bool{false, true} {
				data := content(t, f.File)
				var first, second bytes.Buffer
				c, err := ical.Parse(bytes.NewReader(data), ical.Options{Titles: titles, Copy: &first})
				if err != nil {
					return
				}
				again, err := ical.Parse(bytes.NewReader(first.Bytes()), ical.Options{Titles: titles, Copy: &second})
				require.NoError(t, err)
				require.Equal(t, first.String(), second.String())
				require.Less(t, first.Len(), len(data)+len(data)/8, "line ends alone may be longer")
				require.Equal(t, untold(c.Refused()), untold(again.Refused()))
				z := zone(t, f.Zone)
				want, wantErr := c.Instances(z, f.Window[0], f.Window[1])
				got, gotErr := again.Instances(z, f.Window[0], f.Window[1])
				require.Equal(t, want, got)
				require.Equal(t, wantErr == nil, gotErr == nil)
			}
		})
	}
}

// untold are the events that are refused, and for which property.
func untold(all []*ical.Error) []ical.Error {
	var found []ical.Error
	for _, err := range all {
		e := *err
		e.Line, e.Rule = 0, ""
		found = append(found, e)
	}
	return found
}

// Nothing that does not decide when somebody is busy is in a copy.
func TestACopyHasNothingElse(t *testing.T) {
	t.Parallel()
	const file = "BEGIN:VCALENDAR\nX-WR-CALNAME:secret 1\nBEGIN:VEVENT\nUID:u\nSUMMARY;LANGUAGE=en:secret\n  2\n" +
		"DTSTART;X-P=\"secret 3\";TZID=\"a;b\":20261201T090000\nDURATION:PT1H\nDESCRIPTION:secret 4\nATTENDEE;CN=secret 5:mailto:secret6@x.test\n" +
		"BEGIN:VALARM\nDESCRIPTION:secret 7\nEND:VALARM\nEND:VEVENT\nBEGIN:VEVENT\nUID:v\nDTSTART;X=\":20261201\nSUMMARY:secret 8\nEND:VEVENT\n" +
		"BEGIN:X-SECRET\nUID:secret 9\nEND:X-SECRET\nEND:VCALENDAR\n"
	var copied bytes.Buffer
	_, err := ical.Parse(strings.NewReader(file), ical.Options{Copy: &copied})
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nDTSTART;TZID=\"a;b\":20261201T090000\nDURATION:PT1H\nEND:VEVENT\n"+
		"BEGIN:VEVENT\nUID:v\nDTSTART;\nEND:VEVENT\nEND:VCALENDAR\n", "\n", "\r\n"), copied.String())
	copied.Reset()
	_, err = ical.Parse(strings.NewReader(file), ical.Options{Copy: &copied, Titles: true})
	require.NoError(t, err)
	require.Contains(t, copied.String(), "SUMMARY:secret 2\r\n")
}
