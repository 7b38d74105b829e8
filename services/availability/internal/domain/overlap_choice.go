package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// ReasonNotTheChooser says that somebody else chose a time to meet. meridian.availability.v1.ErrorReason lists it.
const ReasonNotTheChooser = "NOT_THE_CHOOSER"

const (
	// BurdenMemory is how long what a choice asked of people counts for later ones.
	BurdenMemory = 90 * 24 * time.Hour
	// MaxMeeting is the longest time to meet.
	MaxMeeting = 24 * time.Hour
)

// OverlapChoice is a time to meet that was chosen.
type OverlapChoice struct {
	Workspace, ID uuid.UUID
	Start, End    time.Time
	// Burdens are what it asks of each, Total their sum: minutes outside of working time.
	Burdens []Burden
	Total   int
	// Chooser is who chose it.
	Chooser    uuid.UUID
	CreateTime time.Time
}

// Burden is what a time to meet asks of a member: minutes outside of their working time, a begun one as a whole.
type Burden struct {
	Member  uuid.UUID
	Minutes int
}

// CheckMeeting refuses what is no time to meet from now on.
func CheckMeeting(start, end, now time.Time) error {
	if err := CheckRange(start, end, 0); err != nil {
		return err
	}
	switch {
	case end.Sub(start) > MaxMeeting:
		return fault.InvalidField("end_time", "must be at most 24 hours after start_time")
	case !end.After(now):
		return fault.InvalidField("end_time", "must not have passed")
	case start.Sub(now) > MaxRange:
		return fault.InvalidField("start_time", "must be at most 366 days ahead")
	}
	return nil
}

// Choose records a time to meet of people. It is checked.
func Choose(c OverlapChoice, people []Person, now time.Time) (OverlapChoice, []Event) {
	c.CreateTime = now
	for _, p := range people {
		left := c.End.Sub(c.Start)
		for i := range p.Calendar.Working(c.Start, c.End) {
			left -= i.Length()
		}
		b := Burden{Member: p.Member, Minutes: int((left + time.Minute - 1) / time.Minute)}
		c.Burdens, c.Total = append(c.Burdens, b), c.Total+b.Minutes
	}
	return c, []Event{OverlapChosen{Choice: c, Version: 1}}
}

// Withdraw takes a choice back.
func (c OverlapChoice) Withdraw() []Event { return []Event{OverlapWithdrawn{Choice: c, Version: 2}} }
