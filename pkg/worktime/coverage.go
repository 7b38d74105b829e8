package worktime

import (
	"cmp"
	"slices"
	"time"
)

// CoverageQuery says what a team is to cover, and how it is told.
type CoverageQuery struct {
	// Bucket is how long each bucket is, from the start of the range on; above zero. The last one may be shorter.
	Bucket time.Duration
	// Required works in the hours that are to be covered, such as core hours; nil is around the clock.
	Required *Calendar
	// Need is how many are to work then; one when it is not above zero. Later are other needs, in order.
	Need  int
	Later []Need
}

// Need is how many are to work from an instant on.
type Need struct {
	From  time.Time
	Count int
}

// Coverage is how many of a team work over a range.
type Coverage struct {
	Buckets []Bucket
	// Gaps are the required time in which nobody works.
	Gaps []Interval
	// Thinnest is the required time in which the fewest work, though somebody does; Fewest is how many.
	Thinnest []Interval
	Fewest   int
	// Score is from 0 to 1: the mean, over the required time, of the part of those needed who work, where more than are
	// needed count no more. It is 1 when there are always enough, 0 when there is never anybody, and 1 when no time is
	// required.
	Score float64
}

// Bucket is a part of the range.
type Bucket struct {
	Interval
	// Min and Max are how many work in it at the least and at the most. Worked is the sum of their working time, so that
	// Worked over the bucket's length is how many do on average. Required is how much of it is required.
	Min, Max         int
	Worked, Required time.Duration
}

// Cover reckons the coverage of a team from start until end. It takes time in N log N of the number of working intervals,
// and in the number of buckets. The range must not be longer than 292 years.
func Cover(team []*Calendar, start, end time.Time, q CoverageQuery) Coverage {
	c := covering{start: start, need: max(q.Need, 1)}
	length := max(end.Sub(start), 0)
	required := []attendance{{end: length}}
	if q.Required != nil {
		required = attendances([]*Calendar{q.Required}, start, end)
	}
	steps, later := steps(attendances(team, start, end)), q.Later
	for at := time.Duration(0); at < length; {
		for len(steps) > 0 && steps[0].at <= at {
			c.count += steps[0].by
			steps = steps[1:]
		}
		for len(required) > 0 && required[0].end <= at {
			required = required[1:]
		}
		for len(later) > 0 && later[0].From.Sub(start) <= at {
			c.need, later = max(later[0].Count, 1), later[1:]
		}
		to := min(length, at-at%q.Bucket+q.Bucket)
		if len(later) > 0 {
			to = min(to, later[0].From.Sub(start))
		}
		if len(steps) > 0 {
			to = min(to, steps[0].at)
		}
		needed := false
		if len(required) > 0 {
			if needed = required[0].start <= at; needed {
				to = min(to, required[0].end)
			} else {
				to = min(to, required[0].start)
			}
		}
		c.add(at, to, at%q.Bucket == 0, needed)
		at = to
	}
	c.Score = 1
	if c.required > 0 {
		c.Score = c.covered / c.required
	}
	return c.Coverage
}

// step is by how many more work from an instant on.
type step struct {
	at time.Duration
	by int
}

// steps are the changes of how many work, in order.
func steps(all []attendance) []step {
	changes := make([]step, 0, 2*len(all))
	for _, a := range all {
		changes = append(changes, step{a.start, 1}, step{a.end, -1})
	}
	slices.SortFunc(changes, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return changes
}

// covering is a coverage under way.
type covering struct {
	Coverage
	start       time.Time
	count, need int
	// required and covered are seconds of people: needed, and there.
	required, covered float64
}

// add counts a part of a bucket in which as many work throughout, the first part of it or not, required or not.
func (c *covering) add(from, to time.Duration, first, needed bool) {
	part := Interval{c.start.Add(from), c.start.Add(to)}
	if first {
		c.Buckets = append(c.Buckets, Bucket{Interval: part, Min: c.count, Max: c.count})
	}
	b := &c.Buckets[len(c.Buckets)-1]
	b.End, b.Min, b.Max = part.End, min(b.Min, c.count), max(b.Max, c.count)
	b.Worked += time.Duration(c.count) * part.Length()
	if !needed {
		return
	}
	b.Required += part.Length()
	c.required += part.Length().Seconds() * float64(c.need)
	c.covered += part.Length().Seconds() * float64(min(c.count, c.need))
	switch {
	case c.count == 0:
		c.Gaps = join(c.Gaps, part)
	case c.Fewest == 0 || c.count < c.Fewest:
		c.Fewest, c.Thinnest = c.count, []Interval{part}
	case c.count == c.Fewest:
		c.Thinnest = join(c.Thinnest, part)
	}
}
