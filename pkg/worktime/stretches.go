package worktime

import (
	"iter"
	"slices"
	"time"
)

// Kind says what a stretch of time is.
type Kind int

const (
	// Off is all other time.
	Off Kind = iota
	// Working is working time.
	Working
	// Uninterruptible is working time within a block.
	Uninterruptible
	// Away is time off that would have been working time.
	Away
	// OnHoliday is weekly windows of a holiday's date, where nothing else is worked.
	OnHoliday
)

// Stretch is an interval of one kind.
type Stretch struct {
	Interval
	Kind Kind
	// Name is the holiday's.
	Name string
}

// Stretches are all of the time from start until end, without gaps, each as long as it can be. They come one by one: who
// stops early has not reckoned the rest.
func (c *Calendar) Stretches(start, end time.Time) iter.Seq[Stretch] {
	return func(yield func(Stretch) bool) {
		var next Stretch // what is told as soon as it is known where it ends
		told, at := true, start
		join := func(s Stretch) bool {
			if !told && next.Kind == s.Kind && next.Name == s.Name {
				next.End = s.End
				return true
			}
			if !told && !yield(next) {
				return false
			}
			next, told = s, false
			return true
		}
		shades := shades{calendar: c, until: start}
		add := func(s Stretch) bool { return !s.Start.Before(s.End) || shades.part(s, join) }
		for piece, works := range c.pieces(start, end) {
			kind := Away
			if works {
				kind = Working
			}
			if !add(Stretch{Interval: Interval{at, piece.Start}}) || !add(Stretch{Interval: piece, Kind: kind}) {
				return
			}
			at = piece.End
		}
		if add(Stretch{Interval: Interval{at, end}}) && !told {
			yield(next)
		}
	}
}

// shades are what parts a stretch further: blocks the working ones, holidays those that are off. They are reckoned for a
// while ahead at a time.
type shades struct {
	calendar         *Calendar
	until            time.Time
	blocks, holidays []Stretch
}

// part yields a stretch by its parts. Those asked for come in order.
func (s *shades) part(base Stretch, yield func(Stretch) bool) bool {
	const ahead = 32 * 24 * time.Hour
	c := s.calendar
	over := &s.blocks
	switch {
	case base.Kind == Working && len(c.busy)+len(c.weekly) > 0:
	case base.Kind == Off && len(c.dates) > 0:
		over = &s.holidays
	default:
		return yield(base)
	}
	for at := base.Start; at.Before(base.End); {
		if !at.Before(s.until) {
			lo, hi := s.until, later(base.End, s.until.Add(ahead))
			s.blocks, s.holidays, s.until = c.blocks(lo, hi), c.holidays(lo, hi), hi
		}
		for len(*over) > 0 && !(*over)[0].End.After(at) {
			*over = (*over)[1:]
		}
		part, to := base, earlier(base.End, s.until)
		if len(*over) > 0 {
			if first := (*over)[0]; first.Start.After(at) {
				to = earlier(to, first.Start)
			} else {
				to = earlier(to, first.End)
				part.Kind, part.Name = first.Kind, first.Name
			}
		}
		part.Interval = Interval{at, to}
		if !yield(part) {
			return false
		}
		at = to
	}
	return true
}

// blocks are the blocks between lo and hi, merged.
func (c *Calendar) blocks(lo, hi time.Time) []Stretch {
	var all []Interval
	add := func(i Interval) {
		if clipped, ok := i.clip(lo, hi); ok {
			all = append(all, clipped)
		}
	}
	for i, ok := upcoming(c.busy, lo); ok && i.Start.Before(hi); i, ok = upcoming(c.busy, i.End) {
		add(i)
	}
	for i := range c.weekly {
		b := &c.weekly[i]
		c.lay(lo, hi, func(_ *period, d Date) []hours {
			if d < b.First || d > b.Last && b.Last != 0 {
				return nil
			}
			return b.Week.days[d.Weekday()]
		}, func(s shift) bool {
			if known, counts := s.clip(b.Since, b.Until); counts {
				add(known)
			}
			return true
		})
	}
	slices.SortFunc(all, byStart)
	merged := merge(all)
	stretches := make([]Stretch, len(merged))
	for i, m := range merged {
		stretches[i] = Stretch{Interval: m, Kind: Uninterruptible}
	}
	return stretches
}

// holidays are the weekly windows of holidays between lo and hi, in the order of their starts. They may overlap.
func (c *Calendar) holidays(lo, hi time.Time) []Stretch {
	var all []Stretch
	for i := c.index(lo); i < len(c.periods) && (i == 0 || c.periods[i].from.Before(hi)); i++ {
		p := &c.periods[i]
		p.lay(lo, hi, func(_ *period, d Date) []hours {
			if special := c.special(p, d); special != nil && special.holiday {
				return p.week.days[d.Weekday()]
			}
			return nil
		}, func(s shift) bool {
			if clipped, ok := s.clip(lo, hi); ok {
				all = append(all, Stretch{Interval: clipped, Kind: OnHoliday, Name: c.special(p, s.nominal).name})
			}
			return true
		})
	}
	return all
}
