package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// Departure is a time in which a member was DEACTIVATED, as this service heard of it; without an End they still are.
type Departure struct {
	Member     uuid.UUID
	Start, End time.Time
}

func (d Departure) holds(at time.Time) bool {
	return !at.Before(d.Start) && (d.End.IsZero() || at.Before(d.End))
}

// out is the departure as a rotation reckons with it: whoever has left is not on, the next in order is.
func (d Departure) out() worktime.RotationOverride {
	end := d.End
	if end.IsZero() {
		end = Ever()
	}
	return worktime.RotationOverride{Start: d.Start, End: end, Out: d.Member.String()}
}

// Ever is after every instant that is reckoned with.
func Ever() time.Time {
	last, _ := worktime.NewDate(9999, time.December, 31)
	return worktime.UTC().StartOf(last)
}

// gone says whether the person could not be reached at all at an instant: they had left, or have never come.
func (p Person) gone(at time.Time) bool {
	noted := slices.ContainsFunc(p.Departures, func(d Departure) bool { return d.End.IsZero() })
	return !p.Active && !noted || slices.ContainsFunc(p.Departures, func(d Departure) bool { return d.holds(at) })
}
