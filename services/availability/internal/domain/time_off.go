package domain

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// The reasons of refusals, as meridian.availability.v1.ErrorReason lists them.
const (
	// ReasonTimeOffPast says that the time off is over.
	ReasonTimeOffPast = "TIME_OFF_PAST"
	// ReasonTimeOffDecided says that the time off does not wait for an approval.
	ReasonTimeOffDecided = "TIME_OFF_DECIDED"
	// ReasonNotTheApprover says that somebody else decides on the time off.
	ReasonNotTheApprover = "NOT_THE_APPROVER"
)

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
	Requested TimeOffState = "REQUESTED"
	Approved  TimeOffState = "APPROVED"
	Declined  TimeOffState = "DECLINED"
	Cancelled TimeOffState = "CANCELLED"
)

// TimeOff takes a member's working time away for a while.
type TimeOff struct {
	// Workspace, Member and ID say which it is.
	Workspace, Member, ID uuid.UUID
	// Kind, Note and DeclineReason are for the member and those who may decide on it alone.
	Kind TimeOffKind
	Note string
	// AllDay says that First to Last holds, local dates with the last included; else it is from Start until End.
	AllDay      bool
	First, Last worktime.Date
	Start, End  time.Time
	State       TimeOffState
	// Asked says that it waits, or waited, for an approval: DecidedBy decided at DecideTime, and it counts from then on when
	// they approved.
	Asked         bool
	DecidedBy     uuid.UUID
	DecideTime    time.Time
	DeclineReason string
	// Manager is whom a request waits for beside administrators, as it was last routed; uuid.Nil for nobody.
	Manager uuid.UUID
	// Revision counts its changes, from 1: its etag.
	Revision int64
	// CancelTime is when it was taken back; what had passed by then stays time off.
	CreateTime, UpdateTime, CancelTime time.Time
}

// counts says whether anything of it counts, or did before it was taken back.
func (t *TimeOff) counts() bool { return !t.Asked || t.State != Declined && !t.DecideTime.IsZero() }

// absence is what of it counts, or would when it is approved.
func (t *TimeOff) absence() worktime.Absence {
	since := t.CreateTime
	if t.Asked && !t.DecideTime.IsZero() {
		since = t.DecideTime
	}
	return worktime.Absence{
		AllDay: t.AllDay, First: t.First, Last: t.Last, Start: t.Start, End: t.End,
		Known: worktime.Known{Since: since, Until: t.CancelTime},
	}
}

// span is the shortest interval that holds all of it that counts in a calendar's zones; false for nothing.
func (t *TimeOff) span(calendar *worktime.Calendar) (worktime.Interval, bool) {
	if !t.counts() {
		return worktime.Interval{}, false
	}
	return calendar.Span(t.absence())
}

// Reaches are instants before which it surely does not begin to count and after which it surely no longer does, whatever
// zone its member is in: what a query finds it by.
func (t *TimeOff) Reaches() (lower, upper time.Time) {
	lower, upper = t.Start, t.End
	if t.AllDay {
		lower = worktime.UTC().StartOf(t.First - 1)
		upper = worktime.UTC().StartOf(t.Last + 2)
	}
	ended := t.CancelTime
	if t.State == Declined {
		ended = t.DecideTime
	}
	if !ended.IsZero() && ended.Before(upper) {
		upper = ended
	}
	return lower, upper
}

// NewTimeOff takes time off in the member's calendar, or asks for it where it is Asked: their manager, and delegate, who acts for
// that one. Of a time off that has begun, what has passed does not change.
func NewTimeOff(t TimeOff, p Person, delegate uuid.UUID, m *MemberTime, now time.Time) (TimeOff, []Event, error) {
	calendar := p.Calendar
	if err := t.check(calendar.ZoneAt(now), now); err != nil {
		return TimeOff{}, nil, err
	}
	t.State, t.Revision, t.CreateTime, t.UpdateTime = Approved, 1, now, now
	if t.Asked {
		t.State = Requested
		asked := t.Route(p.Manager, delegate, calendar, m)
		return t, []Event{asked}, nil
	}
	span, ok := calendar.Span(t.absence())
	events := []Event{TimeOffApproved{TimeOff: t, Version: m.Next()}}
	if ok {
		events = append(events, m.changed(span.Start, span.End))
	}
	return t, events, nil
}

// Route has a request wait for a manager, and for delegate, who acts for them; uuid.Nil for nobody. Nobody acts in what they ask
// for themselves.
func (t *TimeOff) Route(manager, delegate uuid.UUID, calendar *worktime.Calendar, m *MemberTime) Event {
	if t.Manager = manager; delegate == t.Member {
		delegate = uuid.Nil
	}
	span, _ := calendar.Span(t.absence())
	return TimeOffRequested{TimeOff: *t, Start: span.Start, Delegate: delegate, Version: m.Next()}
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
	switch t.State {
	case Cancelled:
		return nil, nil
	case Declined:
		return nil, t.decided("the time off was declined")
	case Requested, Approved:
	}
	left := t.absence()
	if left.Since.Before(now) {
		left.Since = now
	}
	span, ok := calendar.Span(left)
	if !ok && t.counts() {
		return nil, t.past()
	}
	counted := t.counts()
	t.State, t.CancelTime, t.UpdateTime = Cancelled, now, now
	t.Revision++
	events := []Event{TimeOffCancelled{TimeOff: *t, Version: m.Next()}}
	if counted {
		events = append(events, m.changed(span.Start, span.End))
	}
	return events, nil
}

func (t *TimeOff) past() error {
	return fault.New(fault.Precondition, ReasonTimeOffPast, "the time off is over").
		WithPrecondition("TIME_OFF_STATE", TimeOffName(t.Workspace, t.Member, t.ID), "the time off must not be over")
}

func (t *TimeOff) decided(told string) error {
	return fault.New(fault.Precondition, ReasonTimeOffDecided, "%s", told).
		WithPrecondition("TIME_OFF_STATE", TimeOffName(t.Workspace, t.Member, t.ID), "the time off must be REQUESTED")
}

// Approve has a request of a person count from now on, and tells who is to act for them while it does. An approved one stays as
// it is, without an event.
func (t *TimeOff) Approve(by uuid.UUID, p Person, m *MemberTime, now time.Time) ([]Event, error) {
	switch t.State {
	case Approved:
		return nil, nil
	case Declined, Cancelled:
		return nil, t.decided("the time off no longer waits for an approval")
	case Requested:
	}
	approved := *t
	approved.State = Approved
	approved.decide(by, now)
	span, ok := p.Calendar.Span(approved.absence())
	if !ok {
		return nil, t.past()
	}
	*t = approved
	events := []Event{TimeOffApproved{TimeOff: *t, Version: m.Next()}, m.changed(span.Start, span.End)}
	for _, d := range p.Delegations {
		if d.TimeOff == t.ID && d.DeleteTime.IsZero() {
			events = append(events, DelegationChanged{Delegation: d, Version: m.Next()})
		}
	}
	return events, nil
}

// Decline refuses a request, for a reason. A declined one stays as it is, without an event.
func (t *TimeOff) Decline(by uuid.UUID, reason string, m *MemberTime, now time.Time) ([]Event, error) {
	switch {
	case t.State == Declined:
		return nil, nil
	case t.State != Requested:
		return nil, t.decided("the time off does not wait for an approval")
	case strings.TrimSpace(reason) == "":
		return nil, fault.InvalidField("reason", "must not be blank")
	case !utf8.ValidString(reason):
		return nil, fault.InvalidField("reason", "must be valid UTF-8")
	case utf8.RuneCountInString(reason) > MaxNote:
		return nil, fault.InvalidField("reason", "must be at most 2000 characters")
	}
	t.State, t.DeclineReason = Declined, reason
	t.decide(by, now)
	return []Event{TimeOffDeclined{TimeOff: *t, Version: m.Next()}}, nil
}

func (t *TimeOff) decide(by uuid.UUID, now time.Time) {
	t.DecidedBy, t.DecideTime, t.UpdateTime = by, now, now
	t.Revision++
}

// WaitsFor says whether a request for the time off waits for a member who may decide on it: not for whose it is.
func (t *TimeOff) WaitsFor(member uuid.UUID) bool { return t.State == Requested && member != t.Member }

// SettledReason is why a request for the time off no longer waits for somebody who decides on it, or why the news of its approval
// is worth nothing to the member; empty where neither is so.
func (t *TimeOff) SettledReason(member uuid.UUID) string {
	if t.State == Requested || member == t.Member && t.State != Cancelled {
		return ""
	}
	return strings.ToLower(string(t.State))
}

// Public is the time off as others see it, false for nothing: when somebody is off, and nothing that lets the kind be guessed.
// Whether it waited for an approval does, for the workspace's policy says of which kinds that is asked.
func (t *TimeOff) Public() (TimeOff, bool) {
	return TimeOff{
		Workspace: t.Workspace, Member: t.Member, ID: t.ID, AllDay: t.AllDay, First: t.First, Last: t.Last, Start: t.Start, End: t.End,
		State: t.State, CreateTime: t.CreateTime,
	}, t.State == Approved
}
