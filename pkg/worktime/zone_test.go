package worktime

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The version and the files were taken from one release. Who replaces one of them changes all three lines.
func TestTheVersionIsThatOfTheFiles(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(archive))
	require.Equal(t, "2025c", Version())
	require.Equal(t, "8f55634d05f8bca1f7bc7c69c5933428c69357e0bdf565e5ba224e3f88ff12e8", hex.EncodeToString(sum[:]))
}

func TestZonesAreThoseOfTheDatabase(t *testing.T) {
	t.Parallel()
	names := Zones()
	require.Greater(t, len(names), 500)
	for _, name := range names {
		zone, err := LoadZone(name)
		require.NoError(t, err)
		require.Equal(t, name, zone.Name())
		again, err := LoadZone(name)
		require.NoError(t, err)
		require.Same(t, zone, again)
	}
	for _, name := range []string{"", "Local", "local", "america/chicago", "Africa", "Africa/", "../UTC", "Mars/Olympus"} {
		_, err := LoadZone(name)
		require.Error(t, err, name)
	}
	require.Equal(t, "UTC", UTC().Name())
}

// shown is what clocks in the zone show at an instant, in seconds.
func (z *Zone) shown(at int64) int64 {
	_, offset := time.Unix(at, 0).In(z.location).Zone()
	return at + int64(offset)
}

// changes are the instants at which the zone's offset changes, from a year on until another.
func (z *Zone) changes(from, until int) []int64 {
	var all []int64
	at := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	end := time.Date(until, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for s := z.spanAt(at); s.end != math.MaxInt64 && s.end < end; s = z.spanAt(s.end) {
		if z.spanAt(s.end).offset != s.offset {
			all = append(all, s.end)
		}
	}
	return all
}

// The two rules from which all else follows, by their definition, at every change of every zone: the first instant at
// which clocks show a wall time or more, and the last at which they show it or less.
func TestWallTimeOfEveryZone(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, name := range Zones() {
		zone, err := LoadZone(name)
		require.NoError(t, err)
		for _, change := range zone.changes(1900, 2060) {
			before, after := zone.shown(change-1)+1, zone.shown(change)
			lo, hi := min(before, after), max(before, after)
			for _, w := range []int64{lo - 3600, lo - 1, lo, (lo + hi) / 2, hi - 1, hi, hi + 3600} {
				r := reckoner{zone: zone}
				first, offset := r.first(w)
				last := r.last(w)
				// Between two changes clocks run on, so what holds at the ends of a stretch holds within it.
				require.GreaterOrEqual(t, zone.shown(first), w, "%s %d", name, w)
				require.Equal(t, zone.shown(first), first+offset)
				for _, at := range append(zone.stops(first-2*farthest, first), first-1) {
					require.Less(t, zone.shown(at), w, "%s: %s is before the first", name, instant(at))
				}
				for _, at := range append(zone.stops(last, last+2*farthest), last+1) {
					require.Greater(t, zone.shown(at), w, "%s: %s is after the last", name, instant(at))
				}
				if w >= before && w < after { // skipped
					require.Equal(t, change, first, name)
					require.Equal(t, change, last, name)
				} else {
					require.Equal(t, w, zone.shown(first), name)
					require.Equal(t, w, zone.shown(last), name)
				}
				seen++
			}
		}
	}
	require.Greater(t, seen, 100_000)
}

// stops are the last seconds before and the first after each change within a stretch, its ends left out.
func (z *Zone) stops(from, until int64) []int64 {
	var all []int64
	for s := z.spanAt(from); s.end < until; s = z.spanAt(s.end) {
		if s.end-1 > from {
			all = append(all, s.end-1)
		}
		if s.end > from {
			all = append(all, s.end)
		}
	}
	return all
}

func TestDates(t *testing.T) {
	t.Parallel()
	d, ok := NewDate(2028, time.February, 29)
	require.True(t, ok)
	require.Equal(t, "2028-02-29", d.String())
	require.Equal(t, time.Tuesday, d.Weekday())
	for _, bad := range [][3]int{{2027, 2, 29}, {2026, 13, 1}, {2026, 0, 1}, {2026, 4, 31}, {2026, 4, 0}} {
		_, ok := NewDate(bad[0], time.Month(bad[1]), bad[2])
		require.False(t, ok, "%v", bad)
	}
	for day := Date(-800_000); day < 3_000_000; day += 97 {
		year, month, n := day.Parts()
		at := time.Date(year, month, n, 0, 0, 0, 0, time.UTC)
		require.Equal(t, at.Weekday(), day.Weekday())
		back, ok := NewDate(year, month, n)
		require.True(t, ok)
		require.Equal(t, day, back)
	}
	for _, bad := range []string{"", "2026-02-30", "2026-1-1", "yesterday", "2026-01-01T00:00:00Z"} {
		_, err := ParseDate(bad)
		require.Error(t, err, bad)
	}
	for _, bad := range []string{"", "9:00", "09:60", "9", "09:00:00", "-1:00", "aa:bb"} {
		_, err := ParseClock(bad)
		require.Error(t, err, bad)
	}
}

// Santiago's clocks go from 24:00 back to 23:00, so that Saturday is shown twice; Apia's 30 December never was.
func TestTheLocalDate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, at, date string }{
		{"America/Santiago", "2026-04-05T02:59:59Z", "2026-04-04"},
		{"America/Santiago", "2026-04-05T03:59:59Z", "2026-04-04"},
		{"America/Santiago", "2026-04-05T04:00:00Z", "2026-04-05"},
		{"Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"},
		{"Asia/Kathmandu", "2026-11-30T18:15:00Z", "2026-12-01"},
		{"America/New_York", "1969-12-31T23:59:59Z", "1969-12-31"},
	} {
		zone, err := LoadZone(c.zone)
		require.NoError(t, err)
		at, err := time.Parse(time.RFC3339, c.at)
		require.NoError(t, err)
		require.Equal(t, c.date, zone.DateAt(at).String(), "%+v", c)
		require.Equal(t, c.date, zone.Local(at).Format(time.DateOnly), "%+v", c)
	}
}

// A span never goes on over a change: the offset at any instant is that of the span which is reached by going from one to
// the next.
func TestSpansMissNoChange(t *testing.T) {
	t.Parallel()
	fine := map[string]bool{
		"America/Santiago": true, "Pacific/Apia": true, "Australia/Lord_Howe": true, "Africa/Casablanca": true,
		"Africa/Cairo": true, "America/Chicago": true, "Europe/London": true, "Antarctica/Troll": true,
	}
	start, end := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for _, name := range Zones() {
		zone, err := LoadZone(name)
		require.NoError(t, err)
		step := int64(daySeconds)
		if fine[name] {
			step = 1800
		}
		s := zone.spanAt(start)
		for at := start; at < end; at += step {
			for at >= s.end {
				s = zone.spanAt(s.end)
			}
			if zone.shown(at) != at+s.offset {
				require.Fail(t, "a change is missed", "%s: %s", name, instant(at))
			}
		}
	}
}
