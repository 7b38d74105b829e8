package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Relay is a task with what travels with it: the leg under way and the offer that no row says has ended. All of it
// changes together, under the task's lock. What a rule did stands in News; a rule that returns a fault has done nothing
// that may be kept.
type Relay struct {
	Task Task
	// Leg goes on; its number is 0 when none does.
	Leg Leg
	// Offer is open, or has expired and nobody has noticed; its id is uuid.Nil when there is none.
	Offer Handoff
	// Now is the instant at which things happen. Begin sets it.
	Now time.Time
	News
}

// News is what a change brought, to be kept and published.
type News struct {
	// Events are in their order, each a version of the task.
	Events []Event
	// Changes are new entries of the history.
	Changes []Change
	// Legs and Handoffs are as they have become, those that ended before those that began.
	Legs     []Leg
	Handoffs []Handoff
	// Route are the handoffs whose recipient or expiry is to be found now.
	Route []uuid.UUID
}

// Begin sets when what follows happens: now, or the task's last change where the clock of another machine ran ahead. So
// the instants of a task never go back, and its legs cannot overlap.
func (r *Relay) Begin(now time.Time) {
	r.Now = now
	if r.Task.ChangeTime.After(now) {
		r.Now = r.Task.ChangeTime
	}
	r.Task.OpenHandoff = uuid.Nil
	if r.Offer.Open(r.Now) {
		r.Task.OpenHandoff = r.Offer.ID
	}
}

// Claim makes the caller the holder of a task that nobody holds. ofTeam says whether they are of the team that is to pick
// it up. Claiming what one holds changes nothing.
func (r *Relay) Claim(by uuid.UUID, ofTeam bool) error {
	t := &r.Task
	switch {
	case t.Holder == by:
		return nil
	case t.Closed():
		return r.closed()
	case t.Holder != uuid.Nil:
		return r.held()
	case t.Team != uuid.Nil && !ofTeam:
		return fault.New(fault.Denied, ReasonNotOfTeam, "a team is to pick this task up, and the caller is not of it").
			With("name", t.name()).With("team", TeamName(t.Workspace, t.Team))
	}
	r.give(by, uuid.Nil, by)
	r.raise(func(t Task) Event { return TaskClaimed{Task: t} })
	r.startLeg(uuid.Nil)
	return nil
}

// Assign makes somebody the holder, or gives the task to a team to pick up: one of the two. Only a manager takes a baton
// from who holds it. What already is so changes nothing.
func (r *Relay) Assign(holder, team, by uuid.UUID, manager bool) error {
	t := &r.Task
	switch {
	case t.Closed():
		return r.closed()
	case t.Holder == holder && t.Team == team:
		return nil
	case t.Holder != uuid.Nil && !manager:
		return r.held()
	}
	r.reassign(holder, team, by)
	return nil
}

// Release puts the task back, for a team to pick up or for anybody. Its holder may, and a manager. What already is so
// changes nothing.
func (r *Relay) Release(team, by uuid.UUID, manager bool) error {
	t := &r.Task
	if t.Holder != by && !manager {
		return r.notHolder()
	}
	if t.Holder == uuid.Nil && t.Team == team {
		return nil
	}
	r.reassign(uuid.Nil, team, by)
	return nil
}

func (r *Relay) reassign(holder, team, by uuid.UUID) {
	previous := r.Task.Holder
	r.give(holder, team, by)
	r.raise(func(t Task) Event { return TaskAssigned{Task: t, PreviousHolder: previous} })
	if previous != uuid.Nil {
		r.withdraw(by, "the task was given to somebody else")
	}
	reason := Released
	if holder != uuid.Nil {
		reason = Reassigned
	}
	r.endLeg(reason)
	r.startLeg(uuid.Nil)
}

// give changes who holds the task and who is to pick it up.
func (r *Relay) give(holder, team, by uuid.UUID) {
	t := &r.Task
	if t.Holder != holder {
		r.note(by, "holder", MemberName(t.Workspace, t.Holder), MemberName(t.Workspace, holder))
	}
	if t.Team != team {
		r.note(by, "team", TeamName(t.Workspace, t.Team), TeamName(t.Workspace, team))
	}
	t.Holder, t.Team = holder, team
	r.touch()
}

// startLeg begins the holder's leg where there is a holder and something to do.
func (r *Relay) startLeg(handoff uuid.UUID) {
	t := &r.Task
	if t.Holder == uuid.Nil || t.Closed() {
		return
	}
	t.LastLeg++
	r.Leg = Leg{Number: t.LastLeg, Holder: t.Holder, Handoff: handoff, StartTime: r.Now}
	r.Legs = append(r.Legs, r.Leg)
	leg := r.Leg
	r.raise(func(t Task) Event { return LegStarted{Task: t, Leg: leg} })
}

// endLeg ends the leg that goes on, if one does.
func (r *Relay) endLeg(why EndReason) {
	if r.Leg.Number == 0 {
		return
	}
	ended := r.Leg
	ended.EndTime, ended.EndReason = r.Now, why
	r.Leg = Leg{}
	r.Legs = append(r.Legs, ended)
	r.raise(func(t Task) Event { return LegEnded{Task: t, Leg: ended} })
}

// raise gives an event the task's next version.
func (r *Relay) raise(event func(t Task) Event) {
	r.Task.Version++
	r.Task.ChangeTime = r.Now
	r.Events = append(r.Events, event(r.Task))
}

// touch counts a change of the task's own fields.
func (r *Relay) touch() {
	r.Task.Revision++
	r.Task.UpdateTime = r.Now
}

// note adds an entry to the history.
func (r *Relay) note(by uuid.UUID, field, from, to string) {
	r.Task.LastChange++
	r.Changes = append(r.Changes, Change{
		Number: r.Task.LastChange, Actor: by, Field: field, From: from, To: to, CreateTime: r.Now,
	})
}

func (r *Relay) closed() error {
	return unmet(ReasonTaskClosed, preconditionTask, r.Task.name(), "the task is done or cancelled")
}

func (r *Relay) held() error {
	return unmet(ReasonTaskHeld, preconditionTask, r.Task.name(), "somebody else holds the task").
		With(MetaHolder, MemberName(r.Task.Workspace, r.Task.Holder))
}

func (r *Relay) notHolder() error {
	return fault.New(fault.Denied, ReasonNotHolder, "it takes the holder of the task, or a MANAGER of the space").
		With("name", r.Task.name())
}
