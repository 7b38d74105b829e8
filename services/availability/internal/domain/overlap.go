package domain

import (
	"strconv"
	"time"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// The limits of an overlap's answer.
const (
	// MaxOverlaps is how many windows it has at most, MaxMissing how many missing members they name in all.
	MaxOverlaps = 1000
	MaxMissing  = 20_000
	// MaxSlots is how many least-bad slots it has, SlotGrid what their starts are multiples of.
	MaxSlots = 5
	SlotGrid = 15 * time.Minute
)

// OverlapQuery asks from Start until End for times of Length at least at which Quorum people work; 0 is all.
type OverlapQuery struct {
	Start, End time.Time
	Length     time.Duration
	Quorum     int
}

// Check refuses what is out of bounds for so many members.
func (q OverlapQuery) Check(members int) error {
	if err := CheckRange(q.Start, q.End, members); err != nil {
		return err
	}
	switch {
	case q.Length < time.Minute || q.Length > 24*time.Hour:
		return fault.InvalidField("min_duration", "must be from 1 minute to 24 hours")
	case q.Length > q.End.Sub(q.Start):
		return fault.InvalidField("min_duration", "must not be longer than the range")
	case q.Quorum < 0 || q.Quorum > members:
		return fault.InvalidField("quorum", "must be from 0 to the number of members, which is "+strconv.Itoa(members))
	}
	return nil
}

// Overlap is when people work at once. People are named by their places.
type Overlap struct {
	Windows []worktime.Overlap
	// Truncated says that there are more windows after the last one.
	Truncated bool
	// Next is when each next works from the start of the range on, zero for not within worktime.Horizon; Slots are the
	// least bad. Both are for where there is no window.
	Next  []worktime.Interval
	Slots []worktime.Slot
}

// None says that there is no window.
func (o Overlap) None() bool { return len(o.Windows) == 0 }

// FindOverlap is when people work at once. The query is checked. Where there is no window, LeastBad has more.
func FindOverlap(people []Person, q OverlapQuery) Overlap {
	var found Overlap
	calendars := calendarsOf(people)
	missing := 0
	for window := range worktime.Overlaps(calendars, q.Start, q.End, q.Quorum, q.Length) {
		if missing += len(window.Missing); len(found.Windows) == MaxOverlaps || missing > MaxMissing {
			found.Truncated = true
			break
		}
		found.Windows = append(found.Windows, window)
	}
	return found
}

func calendarsOf(people []Person) []*worktime.Calendar {
	calendars := make([]*worktime.Calendar, len(people))
	for i, p := range people {
		calendars[i] = p.Calendar
	}
	return calendars
}

// LeastBad is the answer where there is no window: when each next works, and the slots that ask the least of people who
// have lately borne so many minutes outside of their working time.
func (o Overlap) LeastBad(people []Person, q OverlapQuery, borne []int) Overlap {
	calendars := calendarsOf(people)
	o.Next = make([]worktime.Interval, len(people))
	for i, c := range calendars {
		if next, ok := c.Next(q.Start); ok {
			o.Next[i] = next
		}
	}
	o.Slots = worktime.LeastBad(calendars, q.Start, q.End, worktime.SlotQuery{
		Length: q.Length, Grid: SlotGrid, Most: MaxSlots, Borne: borne,
	})
	return o
}
