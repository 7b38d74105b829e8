package worktime

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestIntervalsFollowTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := calendar(t)
		start, end := at.Add(-4*24*time.Hour), at.Add(9*24*time.Hour)
		at = start
		last := Stretch{Kind: -1}
		var worked []Interval
		for s := range c.Stretches(start, end) {
			require.Equal(t, at, s.Start, "without gaps")
			require.True(t, s.Start.Before(s.End), "never empty")
			require.False(t, last.Kind == s.Kind && last.Name == s.Name, "as long as it can be")
			require.Equal(t, s.Kind == OnHoliday, s.Name != "")
			for _, probe := range []time.Time{s.Start, s.Start.Add(s.Length() / 2), s.End.Add(-1)} {
				require.Equal(t, c.kind(probe), s.Kind, "%s", probe)
			}
			if s.Kind == Working || s.Kind == Uninterruptible {
				worked = append(worked, s.Interval)
			}
			at, last = s.End, s
		}
		require.Equal(t, end, at)
		require.Equal(t, merge(worked), c.working(start, end))
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

		var parts []Stretch
		for s := range c.Stretches(a, d) {
			if clipped, ok := s.clip(b, e); ok {
				parts = append(parts, Stretch{clipped, s.Kind, s.Name})
			}
		}
		require.Equal(t, parts, slices.Collect(c.Stretches(b, e)))
	})
}

// Whatever is set or taken back at an instant, in any layer, leaves all before it as it was.
func TestThePastStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, at := layers(t)
		d := drawing{t, l.Hours[0].Zone, at}
		now := d.around("now")
		end := func(k *Known) {
			if rapid.Bool().Draw(t, "end it") && (k.Until.IsZero() || k.Until.After(now)) {
				k.Until = now
			}
		}
		after := Layers{
			append(slices.Clone(l.Hours), Hours{From: now, Zone: d.zone, Week: weekly(t, "changed")}), slices.Clone(l.Travels),
			slices.Clone(l.Holidays), slices.Clone(l.Overrides), slices.Clone(l.Absences), slices.Clone(l.Blocks),
		}
		for i := range after.Travels {
			end(&after.Travels[i].Known)
		}
		for i := range after.Holidays {
			end(&after.Holidays[i].Known)
		}
		for i := range after.Overrides {
			end(&after.Overrides[i].Known)
		}
		for i := range after.Absences {
			end(&after.Absences[i].Known)
		}
		for i := range after.Blocks {
			end(&after.Blocks[i].Known)
		}
		set := Known{Since: now}
		zone, _ := zoned(t)
		first := d.date("first")
		travel, holiday := Travel{zone, first, first + 9, set}, Holiday{d.date("date"), "C", set}
		override, absence, block := d.override(), d.absence(), d.block()
		override.Known, absence.Known, block.Known = set, set, set
		after.Travels, after.Holidays = append(after.Travels, travel), append(after.Holidays, holiday)
		after.Overrides, after.Absences = append(after.Overrides, override), append(after.Absences, absence)
		after.Blocks = append(after.Blocks, block)

		before, changed := NewCalendar(l), NewCalendar(after)
		start := now.Add(-20 * 24 * time.Hour)
		require.Equal(t, slices.Collect(before.Stretches(start, now)), slices.Collect(changed.Stretches(start, now)))
		require.Equal(t, before.ZoneAt(now.Add(-1)), changed.ZoneAt(now.Add(-1)))
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
			require.LessOrEqual(t, total(c.working(from, from.Add(Horizon))), a)
			return
		}
		require.False(t, due.Before(from))
		require.Equal(t, a, total(c.working(from, due)), "the working time until the deadline is the window")
		if a > 0 {
			works := c.works(due.Add(-1))
			require.True(t, works, "it ends with working time")
		} else {
			works := c.works(due)
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
		works := c.works(day.Start)
		require.True(t, works, "it starts with working time")
		if again, ok := c.NextDay(day.Start.Add(-1)); ok {
			require.Equal(t, day, again)
		}
		if end, ok := c.DeadlineDays(at, 1); ok {
			require.Equal(t, day.End, end)
			works := c.works(end.Add(-1))
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

// Working days have a date each, in order, and are the same from wherever they are asked for.
func TestWorkingDaysFollowOneAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := calendar(t)
		var last Day
		for day := range c.days(at.Add(-8*24*time.Hour), at.Add(12*24*time.Hour)) {
			if !last.End.IsZero() {
				require.Greater(t, day.Date, last.Date)
				require.False(t, day.Start.Before(last.Start))
			}
			if day.Start.After(last.Start) {
				next, ok := c.NextDay(day.Start.Add(-1))
				require.True(t, ok)
				require.Equal(t, day, next)
			}
			require.True(t, c.works(day.Start))
			require.True(t, c.works(day.End.Add(-1)), "it ends with working time")
			last = day
		}
	})
}

// Of a night shift only the end is left, at which the next day's window begins: both are days, that start together.
func TestTwoDaysThatStartTogether(t *testing.T) {
	t.Parallel()
	week, err := NewWeek([]Window{{Days: []time.Weekday{0}, Start: 1, End: 1}, {Days: []time.Weekday{1}, Start: 0, End: 60}})
	require.NoError(t, err)
	sunday := on(t, "1994-01-02")
	c := NewCalendar(Layers{Hours: []Hours{{Zone: UTC(), Week: week}}, Absences: []Absence{{AllDay: true, First: sunday, Last: sunday}}})
	for n, due := range []string{"1994-01-03 00:01", "1994-01-03 01:00"} {
		end, ok := c.DeadlineDays(utc(t, "1994-01-01 00:00"), n+1)
		require.True(t, ok)
		require.Equal(t, utc(t, due), end)
	}
}

// A window that lies within the night shift of the day before ends no day earlier than that shift.
func TestADayWithinANightShift(t *testing.T) {
	t.Parallel()
	week, err := NewWeek([]Window{
		{Days: []time.Weekday{5}, Start: 0, End: 1}, {Days: []time.Weekday{4}, Start: 2, End: 2}, {Days: []time.Weekday{0}, Start: 0, End: 0},
	})
	require.NoError(t, err)
	c := NewCalendar(Layers{Hours: []Hours{{Zone: UTC(), Week: week}}})
	at := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC) // Monday
	for n, due := range []string{"1990-01-05T00:02:00Z", "1990-01-05T00:02:00Z", "1990-01-08T00:00:00Z"} {
		end, ok := c.DeadlineDays(at, n+1)
		require.True(t, ok)
		require.Equal(t, due, end.Format(time.RFC3339))
	}
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
		works := c.works(at)
		require.Equal(t, works, next.Start.Equal(at), "who works is reached at once")
		if next.End.Before(at.Add(Horizon)) {
			works = c.works(next.End)
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
		if len(c.Absences) == 0 {
			return
		}
		absence := c.Absences[0]
		c.Absences = c.Absences[1:]
		without := NewCalendar(c.Layers)
		span, ok := without.Span(absence)
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
		{Days: []time.Weekday{1, 1}, End: 1},
		{Days: []time.Weekday{7}, End: 1},
		{Days: []time.Weekday{-1}, End: 1},
		{Days: []time.Weekday{1}, Start: -1},
		{Days: []time.Weekday{1}, End: -1},
	} {
		_, err := NewWeek([]Window{w})
		require.Error(t, err)
	}
	for part, w := range map[string]Window{"days": {Days: []time.Weekday{1}, End: 1}, "start": {Start: DayEnd}, "end": {End: -1}} {
		_, err := NewOverride(0, []Window{{End: 1}, w})
		var wrong *WindowError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, 1, wrong.Index)
		require.Equal(t, part, wrong.Part)
	}
}

func TestNobodysCalendar(t *testing.T) {
	t.Parallel()
	c := NewCalendar(Layers{})
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
	c := NewCalendar(Layers{Hours: []Hours{{Zone: zone, Week: week}, {From: change, Zone: zone, Week: week}}})
	day, ok := c.NextDay(change.Add(-time.Hour))
	require.True(t, ok)
	require.Equal(t, change.Add(20*time.Hour), day.Start, "the night under way is one day")
	require.Equal(t, "2026-12-01", day.Date.String())
	next, ok := c.Next(change.Add(-time.Hour))
	require.True(t, ok)
	require.Equal(t, change.Add(4*time.Hour), next.End)
}
