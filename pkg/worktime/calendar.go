package worktime

import (
	"iter"
	"slices"
	"sort"
	"time"
)

// Calendar is when somebody works. It never changes, and may be used by many goroutines.
type Calendar struct {
	periods []period
	// dates are the holidays and overrides in the order of their dates; of one date the last that was known holds.
	dates []dated
	// off is the time off, busy the blocks from one instant until another: merged and in order.
	off, busy []Interval
	// weekly are the blocks that recur.
	weekly []Block
}

// NewCalendar lays layers. Without hours there is no working time, in UTC.
func NewCalendar(l Layers) *Calendar {
	c := &Calendar{dates: l.dates()}
	c.periods = l.periods(c.dates)
	for _, a := range l.Absences {
		c.off = append(c.off, c.parts(a)...)
	}
	for _, b := range l.Blocks {
		if b.Weekly {
			c.weekly = append(c.weekly, b)
		} else if timed, counts := (Interval{b.Start, b.End}).clip(b.Since, b.Until); counts {
			c.busy = append(c.busy, timed)
		}
	}
	slices.SortFunc(c.off, byStart)
	slices.SortFunc(c.busy, byStart)
	c.off, c.busy = merge(c.off), merge(c.busy)
	return c
}

// index is the place of the period of an instant.
func (c *Calendar) index(at time.Time) int {
	return sort.Search(len(c.periods)-1, func(i int) bool { return c.periods[i+1].from.After(at) })
}

// ZoneAt is the zone in force at an instant.
func (c *Calendar) ZoneAt(at time.Time) *Zone { return c.periods[c.index(at)].zone }

// ZoneUntil is until when the zone in force at an instant stays in force; zero for ever.
func (c *Calendar) ZoneUntil(at time.Time) time.Time {
	i := c.index(at)
	zone := c.periods[i].zone
	for ; i < len(c.periods); i++ {
		if c.periods[i].zone != zone {
			return c.periods[i].from
		}
	}
	return time.Time{}
}

// Span is the shortest interval that holds all of an absence in the zones in force; false when none of it counts.
func (c *Calendar) Span(a Absence) (Interval, bool) {
	parts := c.parts(a)
	if len(parts) == 0 {
		return Interval{}, false
	}
	hull := parts[0]
	for _, part := range parts {
		hull.End = later(hull.End, part.End)
	}
	return hull, true
}

// parts are what of an absence falls into each period.
func (c *Calendar) parts(a Absence) []Interval {
	var all []Interval
	if !a.AllDay {
		if off, counts := (Interval{a.Start, a.End}).clip(a.Since, a.Until); counts {
			all = append(all, off)
		}
		return all
	}
	upper := instant(wall(a.Last+1, farthest))
	for i := c.index(instant(wall(a.First, -farthest))); i < len(c.periods) && c.periods[i].from.Before(upper); i++ {
		p := &c.periods[i]
		off, counts := (Interval{p.zone.StartOf(a.First), p.zone.StartOf(a.Last + 1)}).clip(a.Since, a.Until)
		if !counts {
			continue
		}
		if off, counts = off.clip(p.from, p.until); counts {
			all = append(all, off)
		}
	}
	return all
}

// shift is one window on one local date, clipped to its period.
type shift struct {
	Interval
	// nominal is the date that it is a window of, day the local date on which it starts: another where a date never was.
	nominal, day Date
}

// shifts are those worked that end after lo and start before hi, in the order of their starts, time off included. They
// are not clipped to lo and hi, and may overlap.
func (c *Calendar) shifts(lo, hi time.Time) iter.Seq[shift] {
	return func(yield func(shift) bool) {
		c.lay(lo, hi, func(p *period, d Date) []hours {
			if special := c.special(p, d); special != nil {
				return special.windows
			}
			return p.week.days[d.Weekday()]
		}, yield)
	}
}

// lay yields the windows that each date has in each period, as shifts says.
func (c *Calendar) lay(lo, hi time.Time, windows func(*period, Date) []hours, yield func(shift) bool) {
	for i := c.index(lo); i < len(c.periods); i++ {
		p := &c.periods[i]
		if i > 0 && !p.from.Before(hi) || !p.lay(lo, hi, windows, yield) {
			return
		}
	}
}

// lay yields the windows within the period; false to stop.
func (p *period) lay(lo, hi time.Time, windows func(*period, Date) []hours, yield func(shift) bool) bool {
	if p.gone {
		return true
	}
	limit := hi
	if !p.until.IsZero() {
		limit = earlier(limit, p.until)
	}
	r := reckoner{zone: p.zone}
	// A window lasts a day at most, and a date may have been skipped.
	first, final := p.zone.DateAt(later(lo, p.from))-2, p.zone.DateAt(limit)+1
	for d := first; d <= final; d++ {
		for _, w := range windows(p, d) {
			at, offset := r.first(wall(d, w.start))
			start := instant(at)
			if !start.Before(limit) {
				return true
			}
			whole := Interval{Start: start, End: instant(r.last(wall(d, w.end)))}
			clipped, ok := whole.clip(p.from, p.until)
			if !ok || !clipped.End.After(lo) {
				continue
			}
			if !yield(shift{Interval: clipped, nominal: d, day: date(at, offset)}) {
				return false
			}
		}
	}
	return true
}

// pieces part the shifts between lo and hi into what is worked and what is time off, in order and without overlap. Two
// that touch may be of one kind.
func (c *Calendar) pieces(lo, hi time.Time) iter.Seq2[Interval, bool] {
	return func(yield func(Interval, bool) bool) {
		at := lo
		for s := range c.shifts(lo, hi) {
			at = later(at, s.Start)
			end := earlier(s.End, hi)
			for at.Before(end) {
				to, works := end, true
				if off, ok := upcoming(c.off, at); ok {
					works = off.Start.After(at)
					to = earlier(end, off.End)
					if works {
						to = earlier(end, off.Start)
					}
				}
				if !yield(Interval{at, to}, works) {
					return
				}
				at = to
			}
		}
	}
}

// upcoming is the first of the merged intervals that ends after an instant.
func upcoming(all []Interval, at time.Time) (Interval, bool) {
	i := sort.Search(len(all), func(i int) bool { return all[i].End.After(at) })
	if i == len(all) {
		return Interval{}, false
	}
	return all[i], true
}
