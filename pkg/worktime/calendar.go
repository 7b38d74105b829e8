package worktime

import (
	"iter"
	"slices"
	"time"
)

// Hours are weekly windows in a zone, in force from an instant until the next ones take over there.
type Hours struct {
	// From is the first instant. The first hours of a calendar hold since ever, whatever it says.
	From time.Time
	Zone *Zone
	Week Week
}

// Absence is time off: whole local days, in the zone in force, or from one instant until before another.
type Absence struct {
	// AllDay says that First to Last holds, itself included, and else Start to End.
	AllDay      bool
	First, Last Date
	Start, End  time.Time
	// Since and Until clip what of it counts: it was taken then, and taken back then. Zero clips nothing.
	Since, Until time.Time
}

// Calendar is when somebody works. It never changes, and may be used by many goroutines.
type Calendar struct {
	hours    []Hours
	absences []Absence
}

// NewCalendar makes a calendar. Without hours there is no working time, in UTC.
func NewCalendar(hours []Hours, absences []Absence) *Calendar {
	if len(hours) == 0 {
		hours = []Hours{{Zone: UTC()}}
	}
	c := &Calendar{hours: slices.Clone(hours), absences: slices.Clone(absences)}
	slices.SortStableFunc(c.hours, func(a, b Hours) int { return a.From.Compare(b.From) })
	return c
}

// index is the place of the hours in force at an instant.
func (c *Calendar) index(at time.Time) int {
	i := len(c.hours) - 1
	for i > 0 && c.hours[i].From.After(at) {
		i--
	}
	return i
}

// ZoneAt is the zone in force at an instant.
func (c *Calendar) ZoneAt(at time.Time) *Zone { return c.hours[c.index(at)].Zone }

// holds is from when until when the hours at a place are in force; zero for since ever and for ever.
func (c *Calendar) holds(i int) (from, until time.Time) {
	if i > 0 {
		from = c.hours[i].From
	}
	if i+1 < len(c.hours) {
		until = c.hours[i+1].From
	}
	return from, until
}

// Span is the shortest interval that holds all of an absence in the zones in force; false when none of it counts.
func (c *Calendar) Span(a Absence) (Interval, bool) {
	var hull Interval
	for i := range c.hours {
		part, ok := c.part(a, i)
		switch {
		case !ok:
		case hull.End.IsZero():
			hull = part
		default:
			hull.End = later(hull.End, part.End)
		}
	}
	return hull, !hull.End.IsZero()
}

// part is what of an absence falls into the hours at a place.
func (c *Calendar) part(a Absence, i int) (Interval, bool) {
	off := Interval{Start: a.Start, End: a.End}
	if a.AllDay {
		zone := c.hours[i].Zone
		off = Interval{Start: zone.StartOf(a.First), End: zone.StartOf(a.Last + 1)}
	}
	off, counts := off.clip(a.Since, a.Until)
	if !counts {
		return Interval{}, false
	}
	from, until := c.holds(i)
	return off.clip(from, until)
}

// off are the absences within the hours at a place that touch the time from lo until hi.
func (c *Calendar) off(i int, lo, hi time.Time) []Interval {
	var all []Interval
	for _, a := range c.absences {
		if part, ok := c.part(a, i); ok && part.End.After(lo) && part.Start.Before(hi) {
			all = append(all, part)
		}
	}
	slices.SortFunc(all, byStart)
	return merge(all)
}

// shift is one window on one local date, clipped to the hours that it belongs to.
type shift struct {
	Interval
	// day is the local date on which the window starts.
	day Date
	// off is the time off of these hours.
	off []Interval
}

// shifts are those that end after lo and start before hi, in the order of their starts. They are not clipped to lo and
// hi, and may overlap.
func (c *Calendar) shifts(lo, hi time.Time) iter.Seq[shift] {
	return func(yield func(shift) bool) {
		for i := c.index(lo); i < len(c.hours); i++ {
			from, until := c.holds(i)
			if !from.Before(hi) && i > 0 || !c.run(i, from, until, lo, hi, yield) {
				return
			}
		}
	}
}

// run yields the shifts of the hours at a place, which are in force from until; false to stop.
func (c *Calendar) run(i int, from, until, lo, hi time.Time, yield func(shift) bool) bool {
	h := &c.hours[i]
	if h.Week.empty() {
		return true
	}
	off, limit := c.off(i, lo, hi), hi
	if !until.IsZero() {
		limit = earlier(limit, until)
	}
	r := reckoner{zone: h.Zone}
	// A window lasts a day at most, and a date may have been skipped.
	first, final := h.Zone.DateAt(later(lo, from))-2, h.Zone.DateAt(limit)+1
	for d := first; d <= final; d++ {
		for _, w := range h.Week.days[d.Weekday()] {
			at, offset := r.first(wall(d, w.start))
			start := instant(at)
			if !start.Before(limit) {
				return true
			}
			whole := Interval{Start: start, End: instant(r.last(wall(d, w.end)))}
			clipped, ok := whole.clip(from, until)
			if !ok || !clipped.End.After(lo) {
				continue
			}
			if !yield(shift{Interval: clipped, day: date(at, offset), off: off}) {
				return false
			}
		}
	}
	return true
}

// away says whether an instant is in one of the intervals, and until when that stays so; zero for ever.
func away(off []Interval, at time.Time) (is bool, until time.Time) {
	i, _ := slices.BinarySearchFunc(off, at, func(o Interval, at time.Time) int {
		if o.End.After(at) {
			return 1
		}
		return -1
	})
	switch {
	case i == len(off):
		return false, time.Time{}
	case off[i].Start.After(at):
		return false, off[i].Start
	default:
		return true, off[i].End
	}
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
				is, until := away(s.off, at)
				to := end
				if !until.IsZero() {
					to = earlier(end, until)
				}
				if !yield(Interval{at, to}, !is) {
					return
				}
				at = to
			}
		}
	}
}
