package worktime

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// throughout says whether an interval is within one of those of which none touches another.
func throughout(all []Interval, i Interval) bool {
	return slices.ContainsFunc(all, func(o Interval) bool { return !i.Start.Before(o.Start) && !i.End.After(o.End) })
}

// missing are those who do not work throughout an interval.
func missing(calendars []*Calendar, i Interval) (all []int) {
	for member, c := range calendars {
		if total(c.working(i.Start, i.End)) < i.Length() {
			all = append(all, member)
		}
	}
	return all
}

func intervals(overlaps []Overlap) (all []Interval) {
	for _, o := range overlaps {
		all = append(all, o.Interval)
	}
	return all
}

// An interval is within an overlap exactly if it is long enough and enough people work throughout it.
func TestOverlaps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people, at := crew(t)
		start, end := at.Add(-5*24*time.Hour), at.Add(9*24*time.Hour)
		quorum := rapid.IntRange(0, len(people)).Draw(t, "quorum")
		least := time.Duration(rapid.Int64Range(0, int64(10*time.Hour)).Draw(t, "least"))
		overlaps := slices.Collect(Overlaps(people, start, end, quorum, least))
		if quorum == 0 {
			quorum = len(people)
		}
		for i, o := range overlaps {
			require.True(t, o.Start.Before(o.End))
			require.GreaterOrEqual(t, o.Length(), least)
			require.Equal(t, missing(people, o.Interval), o.Missing)
			require.LessOrEqual(t, len(o.Missing), len(people)-quorum)
			if i > 0 {
				require.True(t, o.Start.After(overlaps[i-1].Start) && o.End.After(overlaps[i-1].End), "none holds another")
			}
		}
		probes := []time.Time{start.Add(time.Duration(rapid.Int64Range(0, int64(13*24*time.Hour)).Draw(t, "probe")))}
		for _, c := range people {
			for _, i := range c.working(start, end) {
				probes = append(probes, i.Start, i.End.Add(-max(least, 1)))
			}
		}
		for _, from := range probes {
			for _, i := range []Interval{{from, from.Add(max(least, 1))}, {from, from.Add(least + time.Hour)}, {from.Add(-1), from.Add(least)}} {
				if i.Start.Before(start) || i.End.After(end) || i.Length() < least || i.Length() <= 0 {
					continue
				}
				require.Equal(t, len(people)-len(missing(people, i)) >= quorum, throughout(intervals(overlaps), i), "%v", i)
			}
		}
	})
}

func TestOverlapOfAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people, at := crew(t)
		start, end := at.Add(-5*24*time.Hour), at.Add(9*24*time.Hour)
		all := func(people []*Calendar, start, end time.Time) []Interval {
			return intervals(slices.Collect(Overlaps(people, start, end, 0, 0)))
		}
		require.Equal(t, people[0].working(start, end), all(people[:1], start, end), "of one it is their working time")
		whole := all(people, start, end)
		for _, o := range whole {
			require.True(t, throughout(all(people[1:], start, end), o) || len(people) == 1, "another member adds none")
		}
		order := rapid.Permutation([]int{0, 1, 2, 3, 4}[:len(people)]).Draw(t, "order")
		var mixed []*Calendar
		for _, place := range order {
			mixed = append(mixed, people[place])
		}
		quorum := rapid.IntRange(1, len(people)).Draw(t, "quorum")
		want := slices.Collect(Overlaps(people, start, end, quorum, 0))
		got := slices.Collect(Overlaps(mixed, start, end, quorum, 0))
		require.Equal(t, intervals(want), intervals(got), "the order does not matter")
		for i := range got {
			var named []int
			for _, place := range got[i].Missing {
				named = append(named, order[place])
			}
			slices.Sort(named)
			require.Equal(t, want[i].Missing, named)
		}
		cut := start.Add(time.Duration(rapid.Int64Range(0, int64(14*24*time.Hour)).Draw(t, "cut")))
		require.Equal(t, total(whole), total(all(people, start, cut))+total(all(people, cut, end)))
		var inside []Interval
		for _, o := range whole {
			if clipped, ok := o.clip(cut, end); ok {
				inside = append(inside, clipped)
			}
		}
		require.Equal(t, inside, all(people, cut, end))
	})
}

func TestNobodyOverlaps(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	always := NewCalendar(Layers{Hours: []Hours{workweek(t, "UTC", "00:00-24:00")}})
	require.Empty(t, slices.Collect(Overlaps(nil, at, at.Add(time.Hour), 0, 0)))
	require.Empty(t, slices.Collect(Overlaps([]*Calendar{always}, at, at.Add(time.Hour), 2, 0)), "a quorum of more than there are")
	require.Empty(t, LeastBad(nil, at, at.Add(time.Hour), SlotQuery{Length: time.Minute, Grid: time.Minute, Most: 1}))
	require.Empty(t, LeastBad([]*Calendar{always}, at, at.Add(time.Hour), SlotQuery{Length: 61 * time.Minute, Grid: time.Minute, Most: 1}))
}

// The least-bad slots are those found by trying all of them.
func TestLeastBad(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people, at := crew(t)
		start, end := at.Add(-20*time.Hour), at.Add(30*time.Hour)
		q := SlotQuery{
			Length: time.Duration(rapid.IntRange(1, 180).Draw(t, "length")) * time.Minute,
			Grid:   time.Duration(rapid.SampledFrom([]int{15, 30, 60}).Draw(t, "grid")) * time.Minute, Most: rapid.IntRange(0, 4).Draw(t, "most"),
		}
		for range people {
			q.Borne = append(q.Borne, rapid.IntRange(0, 90).Draw(t, "borne"))
		}
		var all []Slot
		squares := map[time.Time]int{}
		for at := start.Truncate(24 * time.Hour); !at.Add(q.Length).After(end); at = at.Add(q.Grid) {
			if at.Before(start) {
				continue
			}
			slot := Slot{Interval: Interval{at, at.Add(q.Length)}}
			for member, c := range people {
				outside := int((q.Length - total(c.working(at, at.Add(q.Length))) + time.Minute - 1) / time.Minute)
				slot.Outside = append(slot.Outside, outside)
				slot.Total += outside
				squares[at] += (q.Borne[member] + outside) * (q.Borne[member] + outside)
			}
			all = append(all, slot)
		}
		slices.SortStableFunc(all, func(a, b Slot) int {
			return cmp.Or(cmp.Compare(a.Total, b.Total), cmp.Compare(squares[a.Start], squares[b.Start]))
		})
		var want []Slot
		for len(all) > 0 && len(want) < q.Most {
			best := all[0]
			want = append(want, best)
			all = slices.DeleteFunc(all, func(s Slot) bool { return s.Start.Before(best.End) && best.Start.Before(s.End) })
		}
		require.Equal(t, want, LeastBad(people, start, end, q))
	})
}

// Of two who work at other hours, that one is asked to meet outside of them who has met so less.
func TestTheBurdenFallsEvenly(t *testing.T) {
	t.Parallel()
	people := []*Calendar{
		NewCalendar(Layers{Hours: []Hours{workweek(t, "Europe/London", "09:00-17:00")}}),
		NewCalendar(Layers{Hours: []Hours{workweek(t, "Asia/Tokyo", "09:00-17:00")}}),
	}
	start, end := utc(t, "2026-12-01 00:00"), utc(t, "2026-12-02 00:00")
	q := SlotQuery{Length: time.Hour, Grid: 15 * time.Minute, Most: 1}
	q.Borne = []int{60, 0}
	require.Equal(t, []Slot{{Interval{utc(t, "2026-12-01 09:00"), utc(t, "2026-12-01 10:00")}, []int{0, 60}, 60}}, LeastBad(people, start, end, q))
	q.Borne = []int{0, 60}
	require.Equal(t, []Slot{{Interval{utc(t, "2026-12-01 00:00"), utc(t, "2026-12-01 01:00")}, []int{60, 0}, 60}}, LeastBad(people, start, end, q))
}

func TestDiffer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, at := layers(t)
		before := NewCalendar(l)
		d := drawing{t, l.Hours[0].Zone, at}
		l.Overrides = append(slices.Clone(l.Overrides), d.override())
		l.Blocks = append(slices.Clone(l.Blocks), d.block())
		after := NewCalendar(l)
		start, end := at.Add(-20*24*time.Hour), at.Add(40*24*time.Hour)
		hull, ok := Differ(before, after, start, end)
		if !ok {
			require.Equal(t, slices.Collect(before.Stretches(start, end)), slices.Collect(after.Stretches(start, end)))
			return
		}
		for _, same := range []Interval{{start, hull.Start}, {hull.End, end}} {
			require.Equal(t, slices.Collect(before.Stretches(same.Start, same.End)), slices.Collect(after.Stretches(same.Start, same.End)))
		}
		for _, other := range []time.Time{hull.Start, hull.End.Add(-1)} {
			require.NotEqual(t, slices.Collect(before.Stretches(other, other.Add(1))), slices.Collect(after.Stretches(other, other.Add(1))))
		}
	})
}
