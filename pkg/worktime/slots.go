package worktime

import (
	"cmp"
	"slices"
	"time"
)

// Slot is a time to meet at which not all work.
type Slot struct {
	Interval
	// Outside are the minutes of it that each does not work, by their places, a begun one as a whole. Total is their sum.
	Outside []int
	Total   int
}

// SlotQuery says which slots are looked for.
type SlotQuery struct {
	// Length is how long each is, Grid what their starts are multiples of, such as 15 minutes, from midnight UTC. Both are
	// above zero.
	Length, Grid time.Duration
	// Borne are the minutes outside of working time that each has lately met in, by their places; none when it is nil.
	Borne []int
	// Most is how many are returned at most.
	Most int
}

// LeastBad are the slots within start until end that ask the least of people, the least bad first: that with the fewest
// minutes outside of working time in all; of such ones that after which the minutes borne are the most even, which is
// where the sum of their squares is the least, so that it falls on who has borne little; of such ones the earliest. None
// overlaps one before it. It takes time in the number of slots on the grid times the number of calendars.
func LeastBad(calendars []*Calendar, start, end time.Time, q SlotQuery) []Slot {
	first := start.Truncate(q.Grid)
	if first.Before(start) {
		first = first.Add(q.Grid)
	}
	room := end.Sub(first) - q.Length
	if room < 0 || len(calendars) == 0 {
		return nil
	}
	burdens := make([]burden, room/q.Grid+1)
	borne := func(member int) int64 {
		if member < len(q.Borne) {
			return int64(q.Borne[member])
		}
		return 0
	}
	for member, c := range calendars {
		before := newWorked(c, first, end)
		after := before
		for i := range burdens {
			at := time.Duration(i) * q.Grid
			outside := minutes(q.Length - (after.until(at+q.Length) - before.until(at)))
			burdens[i].place = i
			burdens[i].total += outside
			burdens[i].squares += outside * (2*borne(member) + outside)
		}
	}
	slices.SortFunc(burdens, func(a, b burden) int {
		return cmp.Or(cmp.Compare(a.total, b.total), cmp.Compare(a.squares, b.squares), cmp.Compare(a.place, b.place))
	})
	var slots []Slot
	for _, b := range burdens {
		if len(slots) >= q.Most {
			break
		}
		at := first.Add(time.Duration(b.place) * q.Grid)
		when := Interval{at, at.Add(q.Length)}
		if slices.ContainsFunc(slots, func(s Slot) bool { return s.Start.Before(when.End) && when.Start.Before(s.End) }) {
			continue
		}
		slots = append(slots, Slot{Interval: when, Outside: outside(calendars, when), Total: int(b.total)})
	}
	return slots
}

// burden is what the slot at a place of the grid asks of people: minutes, and by how much it makes the sum of the squares
// of the minutes borne grow.
type burden struct {
	place          int
	total, squares int64
}

// outside are the minutes of an interval that each does not work.
func outside(calendars []*Calendar, when Interval) []int {
	all := make([]int, len(calendars))
	for member, c := range calendars {
		w := newWorked(c, when.Start, when.End)
		all[member] = int(minutes(when.Length() - w.until(when.Length())))
	}
	return all
}

// minutes are the minutes of a time, a begun one as a whole.
func minutes(d time.Duration) int64 { return int64((d + time.Minute - 1) / time.Minute) }

// worked reckons how much of a range a calendar has worked, for instants that are asked for in order.
type worked struct {
	// rest are the intervals that have not ended, by how long after the start of the range they start and end.
	rest []attendance
	// sum is the length of those that have.
	sum time.Duration
}

func newWorked(c *Calendar, start, end time.Time) worked {
	return worked{rest: attendances([]*Calendar{c}, start, end)}
}

// until is the working time from the start of the range until so long after it.
func (w *worked) until(at time.Duration) time.Duration {
	for len(w.rest) > 0 && w.rest[0].end <= at {
		w.sum += w.rest[0].end - w.rest[0].start
		w.rest = w.rest[1:]
	}
	if len(w.rest) > 0 && w.rest[0].start < at {
		return w.sum + at - w.rest[0].start
	}
	return w.sum
}
