package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// DelegationKind is what somebody acts for another in.
type DelegationKind string

// The kinds of delegation.
const (
	Asks      DelegationKind = "ASKS"
	Approvals DelegationKind = "APPROVALS"
	Handoffs  DelegationKind = "HANDOFFS"
	Duty      DelegationKind = "DUTY"
)

// takesMember says whether a GUEST cannot act in it: they see neither requests for time off nor rotations.
func (k DelegationKind) takesMember() bool { return k == Approvals || k == Duty }

const (
	// MaxChain is how many delegates a chain may have.
	MaxChain = 5
	// MaxAhead is how far ahead a delegation may start, and how long it may be.
	MaxAhead = MaxTimeOffDays * 24 * time.Hour
	// DelegationReach is how far ahead delegations reach that have an end.
	DelegationReach = 2 * MaxAhead
)

// Delegation has Delegate act for Member.
type Delegation struct {
	// Workspace, Member and ID say which it is.
	Workspace, Member, ID uuid.UUID
	Delegate              uuid.UUID
	Kinds                 []DelegationKind
	// TimeOff is the time off that it stands on; else it holds from Start until End, zero for ever.
	TimeOff    uuid.UUID
	Start, End time.Time
	// DeleteTime is when it was ended; it never counts before CreateTime.
	CreateTime, DeleteTime time.Time
}

// delegationRevision is that of every delegation that is there: it never changes, but ends.
const delegationRevision = 1

// Revision counts its changes: its etag.
func (*Delegation) Revision() int64 { return delegationRevision }

// span is the time in which it holds; false for never. An end of the zero time is none.
func (p Person) span(d Delegation) (worktime.Interval, bool) {
	span := worktime.Interval{Start: d.Start, End: d.End}
	if d.TimeOff != uuid.Nil {
		i := slices.IndexFunc(p.TimeOffs, func(t TimeOff) bool { return t.ID == d.TimeOff })
		if i < 0 {
			return span, false
		}
		span, ok := p.TimeOffs[i].span(p.Calendar)
		if !ok {
			return span, false
		}
		return d.within(span)
	}
	return d.within(span)
}

// within is the part of an interval in which the delegation was there; false for none. An end of the zero time is none.
func (d *Delegation) within(span worktime.Interval) (worktime.Interval, bool) {
	if span.Start.Before(d.CreateTime) {
		span.Start = d.CreateTime
	}
	if !d.DeleteTime.IsZero() && (span.End.IsZero() || d.DeleteTime.Before(span.End)) {
		span.End = d.DeleteTime
	}
	return span, span.End.IsZero() || span.End.After(span.Start)
}

// delegate is who acts for the person at an instant: of several the one made last.
func (p Person) delegate(kind DelegationKind, at time.Time) (uuid.UUID, bool) {
	var last *Delegation
	for i, d := range p.Delegations {
		if !slices.Contains(d.Kinds, kind) || last != nil && d.CreateTime.Before(last.CreateTime) {
			continue
		}
		if span, ok := p.span(d); ok && !at.Before(span.Start) && (span.End.IsZero() || at.Before(span.End)) {
			last = &p.Delegations[i]
		}
	}
	if last == nil {
		return uuid.Nil, false
	}
	return last.Delegate, true
}

// away says whether the person has time off at an instant, or cannot be reached at all.
func (p Person) away(at time.Time) bool {
	return p.gone(at) || slices.ContainsFunc(p.TimeOffs, func(t TimeOff) bool {
		span, ok := t.span(p.Calendar)
		return ok && !at.Before(span.Start) && at.Before(span.End)
	})
}

// Outcome is what the search for a delegate came to.
type Outcome string

// The outcomes.
const (
	Nobody  Outcome = "NOBODY"
	Found   Outcome = "FOUND"
	Circle  Outcome = "CIRCLE"
	TooLong Outcome = "TOO_LONG"
	Absent  Outcome = "ABSENT"
)

// Resolution is who acts for a member. Chain are the delegates from the first on, as far as they were followed; the last
// is the delegate where Found.
type Resolution struct {
	Outcome Outcome
	Chain   []uuid.UUID
}

// Delegate is who acts for the member; uuid.Nil for nobody who could.
func (r Resolution) Delegate() uuid.UUID {
	if r.Outcome != Found {
		return uuid.Nil
	}
	return r.Chain[len(r.Chain)-1]
}

// People are those who are known, by their ids.
type People map[uuid.UUID]Person

// Resolve follows the chain of who acts for a member at an instant. The people must hold the member and every one of the
// chain; who is not there is absent.
func (all People) Resolve(member uuid.UUID, kind DelegationKind, at time.Time) Resolution {
	r := Resolution{Outcome: Nobody}
	for on := member; ; {
		next, ok := all[on].delegate(kind, at)
		switch {
		case !ok && on == member:
			return r
		case !ok && (all[on].away(at) || all[on].Guest && kind.takesMember()):
			r.Outcome = Absent
			return r
		case !ok:
			r.Outcome = Found
			return r
		case next == member || slices.Contains(r.Chain, next):
			r.Chain, r.Outcome = append(r.Chain, next), Circle
			return r
		case len(r.Chain) == MaxChain:
			r.Outcome = TooLong
			return r
		}
		r.Chain, on = append(r.Chain, next), next
	}
}

// Strangers are the delegates of the people who are not among them, each once.
func (all People) Strangers() []uuid.UUID {
	found := map[uuid.UUID]bool{}
	for _, p := range all {
		for _, d := range p.Delegations {
			if _, known := all[d.Delegate]; !known {
				found[d.Delegate] = true
			}
		}
	}
	var ids []uuid.UUID
	for id := range found {
		ids = append(ids, id)
	}
	return ids
}

// NewDelegation has somebody act for a member from now on. The people hold the member, the delegate and all who act for
// them in turn.
func NewDelegation(d Delegation, all People, m *MemberTime, now time.Time) (Delegation, []Event, error) {
	const field = "delegation."
	member := all[d.Member]
	d.CreateTime = now
	switch delegate := all[d.Delegate]; {
	case d.Delegate == d.Member:
		return d, nil, fault.InvalidField(field+"delegate", "must not be the member themselves")
	case !delegate.Active:
		return d, nil, fault.InvalidField(field+"delegate", "must be an ACTIVE member of the workspace")
	case delegate.Guest && slices.ContainsFunc(d.Kinds, DelegationKind.takesMember):
		return d, nil, fault.InvalidField(field+"delegate", "must not be a GUEST in APPROVALS and DUTY")
	case d.TimeOff != uuid.Nil && (!d.Start.IsZero() || !d.End.IsZero()):
		return d, nil, fault.InvalidField(field+"time_off", "must not be given together with start_time or end_time")
	case d.TimeOff != uuid.Nil:
		if err := member.checkTimeOff(field+"time_off", d.TimeOff, now); err != nil {
			return d, nil, err
		}
	default:
		if err := d.checkTimes(field, now); err != nil {
			return d, nil, err
		}
	}
	if span, ok := member.span(d); ok && all.circle(d, span) {
		return d, nil, fault.InvalidField(field+"delegate", "must not lead back to the member: who acts for "+
			all[d.Delegate].Name+" then is, in the end, "+member.Name)
	}
	if d.TimeOff != uuid.Nil && member.waiting(d.TimeOff) {
		return d, nil, nil
	}
	return d, []Event{DelegationChanged{Delegation: d, Version: m.Next()}}, nil
}

// waiting says whether a time off of the person waits for an approval. What stands on it is told of with that: nobody learns of a
// request by who is to act meanwhile.
func (p Person) waiting(timeOff uuid.UUID) bool {
	return slices.ContainsFunc(p.TimeOffs, func(t TimeOff) bool { return t.ID == timeOff && !t.counts() })
}

func (d *Delegation) checkTimes(field string, now time.Time) error {
	if d.Start.IsZero() {
		d.Start = now
	}
	if err := CheckInstant(field+"start_time", d.Start); err != nil {
		return err
	}
	switch {
	case d.Start.Sub(now) > MaxAhead:
		return fault.InvalidField(field+"start_time", "must be at most 1096 days ahead")
	case d.End.IsZero():
		return nil
	case !d.End.After(d.Start):
		return fault.InvalidField(field+"end_time", "must be after start_time")
	case d.End.Sub(d.Start) > MaxAhead:
		return fault.InvalidField(field+"end_time", "must be at most 1096 days after start_time")
	case !d.End.After(now):
		return fault.InvalidField(field+"end_time", "must not have passed")
	}
	return nil
}

func (p Person) checkTimeOff(field string, timeOff uuid.UUID, now time.Time) error {
	i := slices.IndexFunc(p.TimeOffs, func(t TimeOff) bool { return t.ID == timeOff })
	if i < 0 {
		return fault.InvalidField(field, "must be a time off of the member that is not over")
	}
	t := p.TimeOffs[i]
	left := t.absence()
	left.Since = now
	if _, ok := p.Calendar.Span(left); !ok || t.State != Approved && t.State != Requested {
		return fault.InvalidField(field, "must be a time off of the member that is not over")
	}
	return nil
}

// circle says whether a new delegation closes a circle while all of it hold at once, which begins where the last of them does:
// only the starts are looked at. It takes about the square of how many delegations there are, whatever leads where.
func (all People) circle(d Delegation, span worktime.Interval) bool {
	held, starts := make(holding, len(all)), []time.Time{span.Start}
	for on, p := range all {
		for _, next := range p.Delegations {
			its, ok := p.span(next)
			if !ok {
				continue
			}
			if both, meet := meet(span, its); meet {
				held[on] = append(held[on], hold{next.Delegate, next.Kinds, both})
				starts = append(starts, both.Start)
			}
		}
	}
	slices.SortFunc(starts, time.Time.Compare)
	starts = slices.CompactFunc(starts, time.Time.Equal)
	return slices.ContainsFunc(d.Kinds, func(kind DelegationKind) bool {
		return slices.ContainsFunc(starts, func(at time.Time) bool { return held.leads(d.Delegate, d.Member, kind, at) })
	})
}

// holding are the delegations of members, with when they hold.
type holding map[uuid.UUID][]hold

type hold struct {
	delegate uuid.UUID
	kinds    []DelegationKind
	span     worktime.Interval
}

// leads says whether a chain from one member leads to another at an instant.
func (h holding) leads(from, to uuid.UUID, kind DelegationKind, at time.Time) bool {
	seen, steps := map[uuid.UUID]bool{from: true}, []uuid.UUID{from}
	for deep := 0; deep <= MaxChain && len(steps) > 0; deep++ {
		var further []uuid.UUID
		for _, on := range steps {
			for _, next := range h[on] {
				holds := !at.Before(next.span.Start) && (next.span.End.IsZero() || at.Before(next.span.End))
				switch {
				case seen[next.delegate] || !holds || !slices.Contains(next.kinds, kind):
				case next.delegate == to:
					return true
				default:
					seen[next.delegate] = true
					further = append(further, next.delegate)
				}
			}
		}
		steps = further
	}
	return false
}

// meet is the time that two intervals share, of which an end of the zero time is none.
func meet(a, b worktime.Interval) (worktime.Interval, bool) {
	if b.Start.After(a.Start) {
		a.Start = b.Start
	}
	if a.End.IsZero() || !b.End.IsZero() && b.End.Before(a.End) {
		a.End = b.End
	}
	return a, a.End.IsZero() || a.End.After(a.Start)
}

// Delete ends the delegation from now on. on is the time off that it stands on, if it does: where that never counted, nobody was
// told of the delegation, and there is no event.
func (d *Delegation) Delete(on TimeOff, m *MemberTime, now time.Time) []Event {
	d.DeleteTime = now
	if d.TimeOff != uuid.Nil && !on.counts() {
		return nil
	}
	return []Event{DelegationChanged{Delegation: *d, Version: m.Next()}}
}
