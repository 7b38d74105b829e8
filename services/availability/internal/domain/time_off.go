package domain

import (
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// ReasonTimeOffPast says that the time off is over and can no longer be taken back. meridian.availability.v1.ErrorReason lists it.
const ReasonTimeOffPast = "TIME_OFF_PAST"

// TimeOffKind is why somebody is off.
type TimeOffKind string

// The kinds of time off.
const (
	Vacation TimeOffKind = "VACATION"
	Sick     TimeOffKind = "SICK"
	Parental TimeOffKind = "PARENTAL"
	Other    TimeOffKind = "OTHER"
)

// TimeOffState says whether a time off counts.
type TimeOffState string

// The states of a time off.
const (
	Approved  TimeOffState = "APPROVED"
	Cancelled TimeOffState = "CANCELLED"
)

// TimeOff takes a member's working time away for a while.
type TimeOff struct {
	// Workspace, Member and ID say which it is.
	Workspace, Member, ID uuid.UUID
	// Kind and Note are for the member and administrators alone.
	Kind TimeOffKind
	Note string
	// AllDay says that First to Last holds, local dates with the last included; else it is from Start until End.
	AllDay      bool
	First, Last worktime.Date
	Start, End  time.Time
	State       TimeOffState
	// Revision counts its changes, from 1: its etag.
	Revision int64
	// CancelTime is when it was taken back; what had passed by then stays time off.
	CreateTime, UpdateTime, CancelTime time.Time
}

// absence is what of it counts.
func (t *TimeOff) absence() worktime.Absence {
	return worktime.Absence{
		AllDay: t.AllDay, First: t.First, Last: t.Last, Start: t.Start, End: t.End,
		Known: worktime.Known{Since: t.CreateTime, Until: t.CancelTime},
	}
}

// Reaches are instants before which it surely does not begin to count and after which it surely no longer does, whatever
// zone its member is in: what a query finds it by.
func (t *TimeOff) Reaches() (lower, upper time.Time) {
	lower, upper = t.Start, t.End
	if t.AllDay {
		lower = worktime.UTC().StartOf(t.First - 1)
		upper = worktime.UTC().StartOf(t.Last + 2)
	}
	if !t.CancelTime.IsZero() && t.CancelTime.Before(upper) {
		upper = t.CancelTime
	}
	return lower, upper
}

// NewTimeOff takes time off in the member's calendar. Of a time off that has begun, what has passed does not change.
func NewTimeOff(t TimeOff, calendar *worktime.Calendar, m *MemberTime, now time.Time) (TimeOff, []Event, error) {
	if err := t.check(calendar.ZoneAt(now), now); err != nil {
		return TimeOff{}, nil, err
	}
	t.State, t.Revision, t.CreateTime, t.UpdateTime = Approved, 1, now, now
	events := []Event{TimeOffApproved{TimeOff: t, Version: m.Next()}}
	if span, ok := calendar.Span(t.absence()); ok {
		events = append(events, m.changed(span.Start, span.End))
	}
	return t, events, nil
}

// check refuses what is no time off from now on.
func (t *TimeOff) check(zone *worktime.Zone, now time.Time) error {
	switch {
	case !utf8.ValidString(t.Note):
		return fault.InvalidField("time_off.note", "must be valid UTF-8")
	case utf8.RuneCountInString(t.Note) > MaxNote:
		return fault.InvalidField("time_off.note", "must be at most 2000 characters")
	case t.AllDay:
		return t.checkDates(zone, now)
	}
	if err := CheckInstant("time_off.start_time", t.Start); err != nil {
		return err
	}
	if err := CheckInstant("time_off.end_time", t.End); err != nil {
		return err
	}
	switch {
	case !t.End.After(t.Start):
		return fault.InvalidField("time_off.end_time", "must be after start_time")
	case t.End.Sub(t.Start) > MaxTimeOffDays*24*time.Hour:
		return fault.InvalidField("time_off.end_time", "must be at most 1096 days after start_time")
	case !t.End.After(now):
		return fault.InvalidField("time_off.end_time", "must not have passed")
	}
	return nil
}

func (t *TimeOff) checkDates(zone *worktime.Zone, now time.Time) error {
	if err := CheckDate("time_off.start_date", t.First); err != nil {
		return err
	}
	if err := CheckDate("time_off.end_date", t.Last); err != nil {
		return err
	}
	switch {
	case t.Last < t.First:
		return fault.InvalidField("time_off.end_date", "must not be before start_date")
	case t.Last-t.First >= MaxTimeOffDays:
		return fault.InvalidField("time_off.end_date", "must make it at most 1096 days")
	case !zone.StartOf(t.Last + 1).After(now):
		return fault.InvalidField("time_off.end_date", "must not have passed in "+zone.Name())
	}
	return nil
}

// Cancel takes the time off back from now on. One that is cancelled stays as it is, without an event.
func (t *TimeOff) Cancel(calendar *worktime.Calendar, m *MemberTime, now time.Time) ([]Event, error) {
	if t.State == Cancelled {
		return nil, nil
	}
	left := t.absence()
	if left.Since.Before(now) {
		left.Since = now
	}
	span, ok := calendar.Span(left)
	if !ok {
		name := TimeOffName(t.Workspace, t.Member, t.ID)
		return nil, fault.New(fault.Precondition, ReasonTimeOffPast, "the time off is over").
			WithPrecondition("TIME_OFF_STATE", name, "the time off must not be over")
	}
	t.State, t.CancelTime, t.UpdateTime = Cancelled, now, now
	t.Revision++
	return []Event{TimeOffCancelled{TimeOff: *t, Version: m.Next()}, m.changed(span.Start, span.End)}, nil
}

// Public is the time off as others see it: that somebody is off, but not why.
func (t *TimeOff) Public() TimeOff {
	public := *t
	public.Kind, public.Note = "", ""
	return public
}
