package worktime

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// zoned draws a zone and an instant, most of them near a change of its clocks.
func zoned(t *rapid.T) (*Zone, time.Time) {
	zone, err := LoadZone(rapid.SampledFrom(Zones()).Draw(t, "zone"))
	require.NoError(t, err)
	at := time.Date(rapid.IntRange(1990, 2050).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	if changes := zone.changes(1990, 2050); len(changes) > 0 && rapid.IntRange(0, 4).Draw(t, "near") > 0 {
		at = rapid.SampledFrom(changes).Draw(t, "change")
	}
	return zone, instant(at + rapid.Int64Range(-3*daySeconds, 3*daySeconds).Draw(t, "off"))
}

func weekly(t *rapid.T, label string) Week {
	var windows []Window
	for range rapid.IntRange(0, 4).Draw(t, label+" windows") {
		all := []time.Weekday{0, 1, 2, 3, 4, 5, 6}
		days := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 7, rapid.ID).Draw(t, label+" days")
		windows = append(windows, Window{
			Days:  days,
			Start: Clock(rapid.IntRange(0, 1439).Draw(t, label+" start")), End: Clock(rapid.IntRange(0, 1440).Draw(t, label+" end")),
		})
	}
	if rapid.IntRange(0, 9).Draw(t, label+" around") == 0 {
		windows = []Window{{Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, Start: 0, End: DayEnd}}
	}
	week, err := NewWeek(windows)
	require.NoError(t, err)
	return week
}

// calendar draws up to three hours in zones of their own, and time off, around an instant.
func calendar(t *rapid.T) (*Calendar, time.Time) {
	zone, at := zoned(t)
	around := func(label string) time.Time {
		return at.Add(time.Duration(rapid.Int64Range(-int64(10*24*time.Hour), int64(20*24*time.Hour)).Draw(t, label)).Truncate(time.Microsecond))
	}
	hours := []Hours{{Zone: zone, Week: weekly(t, "first")}}
	for range rapid.IntRange(0, 2).Draw(t, "more hours") {
		other := zone
		if rapid.Bool().Draw(t, "moved") {
			other, _ = zoned(t)
		}
		hours = append(hours, Hours{From: around("from"), Zone: other, Week: weekly(t, "next")})
	}
	var off []Absence
	for range rapid.IntRange(0, 3).Draw(t, "absences") {
		a := Absence{AllDay: rapid.Bool().Draw(t, "all day"), Start: around("off")}
		a.First = zone.DateAt(a.Start)
		length := rapid.IntRange(0, 6).Draw(t, "length")
		a.Last, a.End = a.First+Date(length), a.Start.Add(time.Duration(length+1)*7*time.Hour)
		if rapid.IntRange(0, 3).Draw(t, "clipped") == 0 {
			a.Since, a.Until = around("since"), around("until")
		}
		off = append(off, a)
	}
	return NewCalendar(hours, off), at
}

func total(intervals []Interval) (sum time.Duration) {
	for _, i := range intervals {
		sum += i.Length()
	}
	return sum
}

func (c *Calendar) working(start, end time.Time) []Interval {
	return slices.Collect(c.Working(start, end))
}

// works is the rules of the page read word by word, for one instant: is it within the hours in force, and not off?
func (c *Calendar) works(at time.Time) (within, works bool) {
	h := c.hours[0]
	for _, other := range c.hours {
		if !other.From.After(at) {
			h = other
		}
	}
	r := reckoner{zone: h.Zone}
	today := h.Zone.DateAt(at)
	for d := today - 3; d <= today+3; d++ {
		for _, w := range h.Week.days[d.Weekday()] {
			start, _ := r.first(wall(d, w.start))
			end := r.last(wall(d, w.end))
			within = within || !at.Before(instant(start)) && at.Before(instant(end))
		}
	}
	works = within
	for _, a := range c.absences {
		start, end := a.Start, a.End
		if a.AllDay {
			start, end = h.Zone.StartOf(a.First), h.Zone.StartOf(a.Last+1)
		}
		counts := (a.Since.IsZero() || !at.Before(a.Since)) && (a.Until.IsZero() || at.Before(a.Until))
		if counts && !at.Before(start) && at.Before(end) {
			works = false
		}
	}
	return within, works
}

func TestIntervalsFollowTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := calendar(t)
		start, end := at.Add(-4*24*time.Hour), at.Add(9*24*time.Hour)
		at = start
		last := Kind(-1)
		var worked []Interval
		for s := range c.Stretches(start, end) {
			require.Equal(t, at, s.Start, "without gaps")
			require.True(t, s.Start.Before(s.End), "never empty")
			require.NotEqual(t, last, s.Kind, "as long as it can be")
			for _, probe := range []time.Time{s.Start, s.Start.Add(s.Length() / 2), s.End.Add(-1)} {
				within, works := c.works(probe)
				require.Equal(t, s.Kind != Off, within, "%s within the hours", probe)
				require.Equal(t, s.Kind == Working, works, "%s working", probe)
			}
			if s.Kind == Working {
				worked = append(worked, s.Interval)
			}
			at, last = s.End, s.Kind
		}
		require.Equal(t, end, at)
		require.Equal(t, worked, c.working(start, end))
	})
}

func TestRangesAddUpAndNeverChangeWhatIsInside(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := calendar(t)
		cut := func(label string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(12*24*time.Hour)).Draw(t, label))
		}
		a, d := at.Add(-cut("before")), at.Add(cut("after"))
		b := a.Add(min(cut("inner start"), d.Sub(a)))
		whole := c.working(a, d)
		require.Equal(t, total(whole), total(c.working(a, b))+total(c.working(b, d)))

		e := b.Add(min(cut("inner end"), d.Sub(b)))
		var inside []Interval
		for _, i := range whole {
			if clipped, ok := i.clip(b, e); ok {
				inside = append(inside, clipped)
			}
		}
		require.Equal(t, inside, c.working(b, e))
		require.Empty(t, c.working(e, b.Add(-1)))
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, from := calendar(t)
		window := func(label string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(80*time.Hour)).Draw(t, label))
		}
		a, b := window("a"), window("b")+1
		due, ok := c.Deadline(from, a)
		if !ok {
			require.True(t, total(c.working(from, from.Add(Horizon))) <= a)
			return
		}
		require.False(t, due.Before(from))
		require.Equal(t, a, total(c.working(from, due)), "the working time until the deadline is the window")
		if a > 0 {
			_, works := c.works(due.Add(-1))
			require.True(t, works, "it ends with working time")
		} else {
			_, works := c.works(due)
			require.True(t, works, "none is a working instant")
		}
		whole, both := c.Deadline(from, a+b)
		rest, ok := c.Deadline(due, b)
		if both {
			require.True(t, ok)
			require.Equal(t, whole, rest, "in two parts as in one")
			require.True(t, whole.After(due), "it grows with the window")
		}
		later := from.Add(window("later"))
		if next, ok := c.Deadline(later, a); ok {
			require.False(t, next.Before(due), "it never goes back as time goes on")
		}
	})
}

func TestWorkingDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := calendar(t)
		day, ok := c.NextDay(at)
		next, some := c.Next(at)
		if !ok {
			// All that is left may belong to a day that has begun.
			require.False(t, some && next.Start.After(at.Add(72*time.Hour)))
			_, further := c.DeadlineDays(at, 1)
			require.False(t, further)
			return
		}
		require.True(t, some)
		require.True(t, day.Start.After(at))
		require.False(t, next.Start.After(day.Start))
		_, works := c.works(day.Start)
		require.True(t, works, "it starts with working time")
		if again, ok := c.NextDay(day.Start.Add(-1)); ok {
			require.Equal(t, day, again)
		}
		if end, ok := c.DeadlineDays(at, 1); ok {
			require.Equal(t, day.End, end)
			_, works := c.works(end.Add(-1))
			require.True(t, works)
		}
		var before time.Time
		for n := 1; n <= 5; n++ {
			end, ok := c.DeadlineDays(at, n)
			if !ok {
				break
			}
			require.False(t, end.Before(before), "more days end no earlier")
			before = end
		}
	})
}

func TestTheNextWorkingInterval(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := calendar(t)
		next, ok := c.Next(at)
		zero, some := c.Deadline(at, 0)
		require.Equal(t, some, ok)
		if !ok {
			return
		}
		require.Equal(t, zero, next.Start)
		_, works := c.works(at)
		require.Equal(t, works, next.Start.Equal(at), "who works is reached at once")
		if next.End.Before(at.Add(Horizon)) {
			_, works = c.works(next.End)
			require.False(t, works)
		}
		require.Equal(t, next.Length(), total(c.working(next.Start, next.End)))
	})
}

// The hull of an absence holds all that it takes away, and nothing changes outside of it.
func TestAnAbsenceChangesNothingOutsideItsSpan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := calendar(t)
		if len(c.absences) == 0 {
			return
		}
		without := NewCalendar(c.hours, c.absences[1:])
		span, ok := without.Span(c.absences[0])
		start, end := at.Add(-20*24*time.Hour), at.Add(40*24*time.Hour)
		if !ok {
			require.Equal(t, without.working(start, end), c.working(start, end))
			return
		}
		require.Equal(t, without.working(start, span.Start), c.working(start, span.Start))
		require.Equal(t, without.working(span.End, end), c.working(span.End, end))
	})
}

func TestWindowsAreChecked(t *testing.T) {
	t.Parallel()
	for part, w := range map[string]Window{
		"days":  {Start: 1, End: 2},
		"start": {Days: []time.Weekday{1}, Start: DayEnd, End: 1},
		"end":   {Days: []time.Weekday{1}, Start: 1, End: DayEnd + 1},
	} {
		_, err := NewWeek([]Window{{Days: []time.Weekday{1}, Start: 1, End: 2}, w})
		var wrong *WindowError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, 1, wrong.Index)
		require.Equal(t, part, wrong.Part)
		require.Contains(t, err.Error(), part)
	}
	for _, w := range []Window{
		{Days: []time.Weekday{1, 1}, End: 1}, {Days: []time.Weekday{7}, End: 1}, {Days: []time.Weekday{-1}, End: 1},
		{Days: []time.Weekday{1}, Start: -1}, {Days: []time.Weekday{1}, End: -1},
	} {
		_, err := NewWeek([]Window{w})
		require.Error(t, err)
	}
}

func TestNobodysCalendar(t *testing.T) {
	t.Parallel()
	c := NewCalendar(nil, nil)
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	require.Equal(t, UTC(), c.ZoneAt(at))
	require.Empty(t, c.working(at, at.Add(Horizon)))
	_, ok := c.NextDay(at)
	require.False(t, ok)
}

// A night shift that both the former and the new hours have goes on over the change.
func TestHoursTakeOverWithinAShift(t *testing.T) {
	t.Parallel()
	zone, err := LoadZone("America/Chicago")
	require.NoError(t, err)
	week, err := NewWeek([]Window{{Days: []time.Weekday{1, 2, 3, 4, 5}, Start: 22 * 60, End: 6 * 60}})
	require.NoError(t, err)
	change := zone.Instant(zone.DateAt(time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)), 2*60) // Tuesday, 02:00
	c := NewCalendar([]Hours{{Zone: zone, Week: week}, {From: change, Zone: zone, Week: week}}, nil)
	day, ok := c.NextDay(change.Add(-time.Hour))
	require.True(t, ok)
	require.Equal(t, change.Add(20*time.Hour), day.Start, "the night under way is one day")
	require.Equal(t, "2026-12-01", day.Date.String())
	next, ok := c.Next(change.Add(-time.Hour))
	require.True(t, ok)
	require.Equal(t, change.Add(4*time.Hour), next.End)
}
