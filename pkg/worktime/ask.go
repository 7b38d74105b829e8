package worktime

import (
	"iter"
	"time"
)

// Working are the working intervals from start until end, one by one.
func (c *Calendar) Working(start, end time.Time) iter.Seq[Interval] {
	return func(yield func(Interval) bool) {
		var next Interval
		some := false
		for piece, works := range c.pieces(start, end) {
			switch {
			case !works:
			case some && next.End.Equal(piece.Start):
				next.End = piece.End
			case some && !yield(next):
				return
			default:
				next, some = piece, true
			}
		}
		if some {
			yield(next)
		}
	}
}

// Deadline is the instant at which so much working time has passed since from; of none it is the next working instant.
// Where a working interval ends just then, it is that end. It is false when not reached within the Horizon.
func (c *Calendar) Deadline(from time.Time, working time.Duration) (time.Time, bool) {
	for piece, works := range c.pieces(from, from.Add(Horizon)) {
		if !works {
			continue
		}
		if working <= 0 {
			return piece.Start, true
		}
		if length := piece.Length(); length < working {
			working -= length
			continue
		}
		return piece.Start.Add(working), true
	}
	return time.Time{}, false
}

// DeadlineDays is the end of the n-th working day that begins after from: a day under way at from is no further one. It
// is false when not reached within the Horizon.
func (c *Calendar) DeadlineDays(from time.Time, n int) (time.Time, bool) {
	limit := from.Add(Horizon)
	end := from
	for day := range c.days(from, limit) {
		end = later(end, day.End) // a day may lie within the night shift of the one before
		if n--; n <= 0 {
			return end, !end.After(limit)
		}
	}
	return time.Time{}, false
}

// Next is the working interval at an instant, from that instant on, else the next one. It ends at the Horizon where it
// would be longer, and is false where there is none within it.
func (c *Calendar) Next(at time.Time) (Interval, bool) {
	for interval := range c.Working(at, at.Add(Horizon)) {
		return interval, true
	}
	return Interval{}, false
}

// NextInterruptible is Next for working time outside blocks: it ends where a block begins.
func (c *Calendar) NextInterruptible(at time.Time) (Interval, bool) {
	if len(c.busy)+len(c.weekly) == 0 {
		return c.Next(at)
	}
	for s := range c.Stretches(at, at.Add(Horizon)) {
		if s.Kind == Working {
			return s.Interval, true
		}
	}
	return Interval{}, false
}

// Day is a working day: the windows of one local date. Start is its first working instant and End its last, so that a night
// shift ends on the next date. Over a travel's edge that sets the date back, what comes again of a date, or of one before
// it, is still of that day.
type Day struct {
	Interval
	Date Date
}

// NextDay is the next working day that starts after an instant; false where there is none within the Horizon.
func (c *Calendar) NextDay(at time.Time) (Day, bool) {
	for day := range c.days(at, at.Add(Horizon)) {
		return day, true
	}
	return Day{}, false
}

// days are the working days that start after lo and before hi, in order, each whole.
func (c *Calendar) days(lo, hi time.Time) iter.Seq[Day] {
	// In no two zones are the windows of one date further apart, so none of a day that starts after lo, or before hi, is.
	const longest = 96 * time.Hour
	return func(yield func(Day) bool) {
		var next Day
		some := false
		tell := func() bool { return !some || !next.Start.After(lo) || yield(next) }
		for s := range c.shifts(lo.Add(-longest), hi.Add(longest)) {
			worked, ok := c.worked(s)
			if !ok {
				continue
			}
			if some && s.day <= next.Date {
				next.Start, next.End = earlier(next.Start, worked.Start), later(next.End, worked.End)
				continue
			}
			if !tell() {
				return
			}
			if some = worked.Start.Before(hi); !some {
				return
			}
			next = Day{Interval: worked, Date: s.day}
		}
		tell()
	}
}

// worked is a shift from its first working instant to its last; false when all of it is time off.
func (c *Calendar) worked(s shift) (Interval, bool) {
	worked := s.Interval
	if off, ok := upcoming(c.off, worked.Start); ok && !off.Start.After(worked.Start) {
		worked.Start = off.End
	}
	if off, ok := upcoming(c.off, worked.End.Add(-1)); ok && off.Start.Before(worked.End) {
		worked.End = off.Start
	}
	return worked, worked.Start.Before(worked.End)
}
