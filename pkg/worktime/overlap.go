package worktime

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"
	"time"
)

// Overlap is a time throughout which enough people work.
type Overlap struct {
	Interval
	// Missing are those who do not work throughout it, by their places, in order.
	Missing []int
}

// attendance is a working interval of one of many calendars, in nanoseconds from the start of a range.
type attendance struct {
	start, end time.Duration
	member     int
}

// attendances are the working intervals of calendars over a range, in the order of their starts.
func attendances(calendars []*Calendar, start, end time.Time) []attendance {
	var all []attendance
	for member, c := range calendars {
		for i := range c.Working(start, end) {
			all = append(all, attendance{i.Start.Sub(start), i.End.Sub(start), member})
		}
	}
	slices.SortFunc(all, func(a, b attendance) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.member, b.member))
	})
	return all
}

// Overlaps are the longest intervals from start until end throughout which at least quorum of the calendars work, the same
// ones from its start to its end, and that are no shorter than least. So there is one that holds a time of that length or
// more exactly if that many work throughout it. They come in order, one by one, none holds another, and they may overlap:
// who works from nine to twelve and who works from eleven to three may each meet a third. A quorum that is not above zero
// is all of them. It takes time in N log N of the number of working intervals, and for each overlap in the number of
// calendars. The range must not be longer than 292 years.
func Overlaps(calendars []*Calendar, start, end time.Time, quorum int, least time.Duration) iter.Seq[Overlap] {
	if quorum <= 0 {
		quorum = len(calendars)
	}
	return func(yield func(Overlap) bool) {
		if quorum > len(calendars) || quorum == 0 {
			return
		}
		all := attendances(calendars, start, end)
		until := make([]time.Duration, len(calendars)) // when each one who has begun ends
		var ends latest                                // the last quorum of them
		var told time.Duration
		for i, a := range all {
			until[a.member] = a.end
			ends.push(a.end, quorum)
			if i+1 < len(all) && all[i+1].start == a.start || len(ends) < quorum {
				continue
			}
			// Of those who have begun, and no more than quorum, all go on until the least of the last ends. An overlap that ends
			// when the one before it did is within that.
			to := ends[0]
			if to <= max(a.start, told) {
				continue
			}
			told = to
			if to-a.start < least {
				continue
			}
			if !yield(Overlap{Interval{start.Add(a.start), start.Add(to)}, before(until, to)}) {
				return
			}
		}
	}
}

// before are the places of those who end before an instant.
func before(ends []time.Duration, to time.Duration) (places []int) {
	for member, end := range ends {
		if end < to {
			places = append(places, member)
		}
	}
	return places
}

// latest is a heap of ends, the least of them first.
type latest []time.Duration

// push adds an end and keeps the last so many of them.
func (l *latest) push(end time.Duration, keep int) {
	switch {
	case len(*l) < keep:
		heap.Push(l, end)
	case end > (*l)[0]:
		(*l)[0] = end
		heap.Fix(l, 0)
	}
}

// Len implements heap.Interface.
func (l *latest) Len() int { return len(*l) }

// Less implements heap.Interface.
func (l *latest) Less(i, j int) bool { return (*l)[i] < (*l)[j] }

// Swap implements heap.Interface.
func (l *latest) Swap(i, j int) { (*l)[i], (*l)[j] = (*l)[j], (*l)[i] }

// Push implements heap.Interface.
func (l *latest) Push(end any) { *l = append(*l, end.(time.Duration)) } //nolint:errcheck,forcetypeassert // push adds no other

// Pop implements heap.Interface.
func (l *latest) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}
