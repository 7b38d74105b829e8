package worktime

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// count says how many work at an instant.
func count(people []*Calendar, at time.Time) (n int) {
	for _, c := range people {
		if len(c.working(at, at.Add(1))) > 0 {
			n++
		}
	}
	return n
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people, at := crew(t)
		start := at.Add(-4 * 24 * time.Hour)
		end := start.Add(time.Duration(rapid.Int64Range(1, int64(9*24*time.Hour)).Draw(t, "length")))
		q := CoverageQuery{Bucket: time.Duration(rapid.Int64Range(int64(time.Hour), int64(40*time.Hour)).Draw(t, "bucket")), Need: rapid.IntRange(0, 3).Draw(t, "need")}
		required := []Interval{{start, end}}
		if rapid.Bool().Draw(t, "core hours") {
			q.Required = people[0]
			required = people[0].working(start, end)
			people = people[1:]
		}
		c := Cover(people, start, end, q)

		var worked, needed, length time.Duration
		for _, p := range people {
			worked += total(p.working(start, end))
		}
		next := start
		for _, b := range c.Buckets {
			require.Equal(t, next, b.Start)
			require.Equal(t, min(q.Bucket, end.Sub(b.Start)), b.Length())
			require.LessOrEqual(t, time.Duration(b.Min)*b.Length(), b.Worked)
			require.GreaterOrEqual(t, time.Duration(b.Max)*b.Length(), b.Worked)
			for _, probe := range []time.Time{b.Start, b.Start.Add(b.Length() / 2), b.End.Add(-1)} {
				require.LessOrEqual(t, b.Min, count(people, probe))
				require.GreaterOrEqual(t, b.Max, count(people, probe))
			}
			worked, needed, next = worked-b.Worked, needed+b.Required, b.End
		}
		require.Equal(t, end, next)
		require.Zero(t, worked, "the buckets hold all of the working time")
		require.Equal(t, total(required), needed)

		// How many work changes only where somebody's interval starts or ends, and so does what is required.
		edges := []time.Time{start}
		for _, i := range required {
			edges = append(edges, i.Start)
		}
		for _, p := range people {
			for _, i := range p.working(start, end) {
				edges = append(edges, i.Start, i.End)
			}
		}
		fewest := 0
		for _, at := range edges {
			n := count(people, at)
			if throughout(required, Interval{at, at.Add(1)}) {
				require.Equal(t, n == 0, throughout(c.Gaps, Interval{at, at.Add(1)}))
				require.Equal(t, n == c.Fewest && n > 0, throughout(c.Thinnest, Interval{at, at.Add(1)}))
				if n > 0 && (fewest == 0 || n < fewest) {
					fewest = n
				}
			}
		}
		require.Equal(t, fewest, c.Fewest)
		for _, i := range append(c.Gaps, c.Thinnest...) {
			require.True(t, throughout(required, i))
			length += i.Length()
		}
		require.LessOrEqual(t, length, needed)
		switch {
		case needed == 0:
			require.InDelta(t, 1, c.Score, 0)
		case q.Need <= 1:
			require.InDelta(t, 1-total(c.Gaps).Seconds()/needed.Seconds(), c.Score, 1e-9)
		default:
			require.True(t, c.Score >= 0 && c.Score <= 1)
			require.Equal(t, total(c.Gaps) == needed, c.Score == 0)
		}
	})
}

func TestCoverageOfCoreHours(t *testing.T) {
	t.Parallel()
	office := func(zone, window string) *Calendar {
		return NewCalendar(Layers{Hours: []Hours{workweek(t, zone, window)}})
	}
	team := []*Calendar{office("Europe/London", "09:00-17:00"), office("Asia/Kolkata", "09:00-17:00")}
	// London works from 09 to 17 UTC, Kolkata from 03:30 to 11:30.
	c := Cover(team, utc(t, "2026-12-01 00:00"), utc(t, "2026-12-02 00:00"), CoverageQuery{Bucket: 6 * time.Hour, Required: office("UTC", "10:00-18:00"), Need: 2})
	want := Coverage{
		Buckets: []Bucket{
			{Interval: Interval{utc(t, "2026-12-01 00:00"), utc(t, "2026-12-01 06:00")}, Max: 1, Worked: 150 * time.Minute},
			{Interval: Interval{utc(t, "2026-12-01 06:00"), utc(t, "2026-12-01 12:00")}, Min: 1, Max: 2, Worked: 510 * time.Minute, Required: 2 * time.Hour},
			{Interval: Interval{utc(t, "2026-12-01 12:00"), utc(t, "2026-12-01 18:00")}, Max: 1, Worked: 5 * time.Hour, Required: 6 * time.Hour},
			{Interval: Interval{utc(t, "2026-12-01 18:00"), utc(t, "2026-12-02 00:00")}},
		},
		Gaps:     []Interval{{utc(t, "2026-12-01 17:00"), utc(t, "2026-12-01 18:00")}},
		Thinnest: []Interval{{utc(t, "2026-12-01 11:30"), utc(t, "2026-12-01 17:00")}}, Fewest: 1,
		Score: (1.5*2 + 5.5) / 16,
	}
	require.Equal(t, want, c)
}

// Other needs hold from their instants on.
func TestNeedsThatChange(t *testing.T) {
	t.Parallel()
	team := []*Calendar{NewCalendar(Layers{Hours: []Hours{workweek(t, "UTC", "00:00-24:00")}})}
	start, end := utc(t, "2026-12-01 00:00"), utc(t, "2026-12-02 00:00")
	cover := func(later ...Need) Coverage {
		return Cover(team, start, end, CoverageQuery{Bucket: 6 * time.Hour, Need: 1, Later: later})
	}
	whole := cover()
	require.InDelta(t, 1, whole.Score, 1e-9)
	// One of two who are needed for 14 hours, one of four for the last two.
	c := cover(Need{utc(t, "2026-12-01 08:00"), 2}, Need{utc(t, "2026-12-01 22:00"), 3}, Need{utc(t, "2026-12-01 22:00"), 4})
	require.InDelta(t, 24.0/(8+14*2+2*4), c.Score, 1e-9)
	require.Equal(t, whole.Buckets, c.Buckets)
	require.Equal(t, whole.Thinnest, c.Thinnest)
	require.InDelta(t, 0.5, cover(Need{start.Add(-time.Hour), 2}).Score, 1e-9, "one from before the range holds in all of it")
}
