package worktime

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// By the words of RFC 5545 3.3.5, at any instant near a change of any zone: a time that clocks show is the first instant
// at which they do, and one that they skip is reckoned with the offset before the gap.
func TestInstantsOfRFC5545(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, near := zoned(t)
		w := near.Unix() + rapid.Int64Range(-20*3600, 20*3600).Draw(t, "wall")
		got := zone.InstantRFC5545(Date(days(w)), int(w-days(w)*daySeconds)).Unix()
		requireRFC5545(t, zone, w, got)
	})
}

func TestInstantsOfRFC5545AtEveryChange(t *testing.T) {
	t.Parallel()
	for _, name := range Zones() {
		zone, err := LoadZone(name)
		require.NoError(t, err)
		for _, change := range zone.changes(1960, 2040) {
			before, after := zone.shown(change-1)+1, zone.shown(change)
			for _, w := range []int64{before - 1, before, (before + after) / 2, after - 1, after} {
				got := zone.InstantRFC5545(Date(days(w)), int(w-days(w)*daySeconds)).Unix()
				requireRFC5545(t, zone, w, got)
			}
		}
	}
}

func requireRFC5545(t require.TestingT, zone *Zone, w, got int64) {
	// All offsets within a day around the wall time, with the instants at which each begins.
	var first, gap *int64
	for s := zone.spanAt(w - 2*farthest); s.start < w+2*farthest; s = zone.spanAt(s.end) {
		if at := w - s.offset; first == nil && at >= s.start && at < s.end {
			first = &at
		}
		if s.end > w+2*farthest {
			break
		}
		next := zone.spanAt(s.end).offset
		if w >= s.end+s.offset && w < s.end+next {
			at := w - s.offset
			gap = &at
		}
	}
	if first != nil {
		require.Equal(t, *first, got, "%s shows it", zone.Name())
		return
	}
	require.NotNil(t, gap, "%s neither shows nor skips it", zone.Name())
	require.Equal(t, *gap, got, "%s skips it", zone.Name())
}

func TestInstantsOfRFC5545ByName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, local, at string }{
		{"America/New_York", "2007-03-11T02:30:00Z", "2007-03-11T07:30:00Z"}, // the example of 3.3.5
		{"America/New_York", "2007-11-04T01:30:00Z", "2007-11-04T05:30:00Z"}, // the example of 3.3.5
		{"America/Santiago", "2025-09-07T00:00:00Z", "2025-09-07T04:00:00Z"},
		{"Australia/Lord_Howe", "2025-10-05T02:10:00Z", "2025-10-04T15:40:00Z"},
		{"Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-30T22:00:00Z"},
		{"Europe/Berlin", "2025-06-10T09:00:00Z", "2025-06-10T07:00:00Z"},
	} {
		zone, err := LoadZone(c.zone)
		require.NoError(t, err)
		local, err := time.Parse(time.RFC3339, c.local)
		require.NoError(t, err)
		date := Date(days(local.Unix()))
		require.Equal(t, c.at, zone.InstantRFC5545(date, int(local.Unix()-wall(date, 0))).Format(time.RFC3339), c.zone)
	}
}
