package ical_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	other "github.com/emersion/go-ical"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

func interval(start string, length time.Duration) worktime.Interval {
	at, err := time.Parse(time.RFC3339, start)
	if err != nil {
		panic(err)
	}
	return worktime.Interval{Start: at, End: at.Add(length)}
}

func TestAFeedLineByLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, ical.Feed{
		Product: "-//Meridian//Availability//EN", Name: "Ada; Grace, both", Stamp: at(t, "20261126T090000Z"),
		Entries: []ical.Entry{
			{Interval: interval("2026-12-01T09:00:00+01:00", time.Hour), UID: "1@meridian", Title: "Working", Categories: []string{"WORKING", "a,b"}, Free: true},
			{Interval: interval("2026-12-01T12:00:00.5Z", time.Hour), UID: "2@meridian", Title: strings.Repeat("ä", 50) + "\r\nback\\slash"},
		},
	}.Write(&out))
	require.Equal(t, strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Meridian//Availability//EN", "METHOD:PUBLISH",
		`X-WR-CALNAME:Ada\; Grace\, both`,
		"BEGIN:VEVENT", "UID:1@meridian", "DTSTAMP:20261126T090000Z", "DTSTART:20261201T080000Z", "DTEND:20261201T090000Z",
		"SUMMARY:Working", `CATEGORIES:WORKING,a\,b`, "TRANSP:TRANSPARENT", "END:VEVENT",
		"BEGIN:VEVENT", "UID:2@meridian", "DTSTAMP:20261126T090000Z", "DTSTART:20261201T120000Z", "DTEND:20261201T130001Z",
		"SUMMARY:" + strings.Repeat("ä", 33), " " + strings.Repeat("ä", 17) + `\nback\\slash`, "TRANSP:OPAQUE", "END:VEVENT",
		"END:VCALENDAR", "",
	}, "\r\n"), out.String())
}

func TestFreeBusyLineByLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, ical.FreeBusy{
		Product: "-//Meridian//Availability//EN", UID: "ada@meridian", Stamp: at(t, "20261126T090000Z"),
		Range: interval("2026-12-01T00:00:00Z", 24*time.Hour),
		Times: []ical.BusyTime{
			{Interval: interval("2026-12-01T17:00:00Z", 7*time.Hour), Kind: ical.Unavailable},
			{Interval: interval("2026-12-01T09:00:00Z", time.Hour), Kind: ical.Busy},
		},
	}.Write(&out))
	require.Equal(t, strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Meridian//Availability//EN", "METHOD:PUBLISH",
		"BEGIN:VFREEBUSY", "UID:ada@meridian", "DTSTAMP:20261126T090000Z", "DTSTART:20261201T000000Z", "DTEND:20261202T000000Z",
		"FREEBUSY;FBTYPE=BUSY:20261201T090000Z/20261201T100000Z",
		"FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20261201T170000Z/20261202T000000Z",
		"END:VFREEBUSY", "END:VCALENDAR", "",
	}, "\r\n"), out.String())
}

// entries draws intervals that are in order and apart, with any text at all.
func entries(t *rapid.T) []ical.Entry {
	var all []ical.Entry
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range rapid.IntRange(0, 20).Draw(t, "entries") {
		start := at.Add(time.Duration(rapid.IntRange(1, 500_000).Draw(t, "gap")) * time.Second)
		at = start.Add(time.Duration(rapid.IntRange(1, 200_000).Draw(t, "length")) * time.Second)
		all = append(all, ical.Entry{
			Interval: worktime.Interval{Start: start, End: at}, UID: start.Format(time.RFC3339Nano),
			Title: rapid.StringMatching(`[a-zä漢😀,;\\ "':\n]{0,120}`).Draw(t, "title"), Free: rapid.Bool().Draw(t, "free"),
		})
	}
	return all
}

// A feed is read back as it was written, by another implementation and by this one, and no line of it is too long.
func TestAFeedIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := entries(t)
		var out bytes.Buffer
		require.NoError(t, ical.Feed{Product: "-//M//A//EN", Name: "n", Stamp: time.Unix(0, 0), Entries: want}.Write(&out))
		for line := range strings.Lines(out.String()) {
			require.LessOrEqual(t, len(strings.TrimSuffix(line, "\r\n")), 75)
			require.True(t, strings.HasSuffix(line, "\r\n"))
		}
		requireReadByAnother(t, want, out.Bytes())

		c, err := parse(out.Bytes())
		require.NoError(t, err)
		require.Empty(t, c.Refused())
		got, err := c.Instances(worktime.UTC(), time.Unix(0, 0), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		busy := slices.DeleteFunc(slices.Clone(want), func(e ical.Entry) bool { return e.Free })
		require.Len(t, got, len(busy))
		for i, e := range busy {
			require.Equal(t, ical.Instance{Interval: e.Interval, UID: e.UID, Title: strings.TrimSpace(e.Title)},
				ical.Instance{Interval: got[i].Interval, UID: got[i].UID, Title: strings.TrimSpace(got[i].Title)})
		}
	})
}

func requireReadByAnother(t *rapid.T, want []ical.Entry, data []byte) {
	read, err := other.NewDecoder(bytes.NewReader(data)).Decode()
	require.NoError(t, err)
	events := read.Events()
	require.Len(t, events, len(want))
	for i, e := range want {
		start, err := events[i].DateTimeStart(time.UTC)
		require.NoError(t, err)
		end, err := events[i].DateTimeEnd(time.UTC)
		require.NoError(t, err)
		require.True(t, start.Equal(e.Start) && end.Equal(e.End), "%s to %s", start, end)
		title, err := events[i].Props.Text(other.PropSummary)
		require.NoError(t, err)
		require.Equal(t, e.Title, title)
		uid, err := events[i].Props.Text(other.PropUID)
		require.NoError(t, err)
		require.Equal(t, e.UID, uid)
		transparency, err := events[i].Props.Text(other.PropTransparency)
		require.NoError(t, err)
		require.Equal(t, e.Free, transparency == "TRANSPARENT")
	}
}

// broken is a writer that cannot.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAWriterThatCannot(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, ical.Feed{}.Write(broken{}), io.ErrClosedPipe)
	require.ErrorIs(t, ical.FreeBusy{}.Write(broken{}), io.ErrClosedPipe)
}
