package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
)

// Offer is what a new offer is asked for.
type Offer struct {
	ID              uuid.UUID
	Route           Route
	Recipient, Team uuid.UUID
	Note            Note
	// Window is none for DefaultWindow.
	Window window.Window
}

// MayHandOff refuses who may not offer the baton, and a task whose baton cannot be offered. An offer that has expired is
// none.
func (r *Relay) MayHandOff(by uuid.UUID, manager bool) error {
	t := r.Task
	switch {
	case t.Closed():
		return r.closed()
	case t.Holder == uuid.Nil:
		return unmet(ReasonTaskNotHeld, preconditionTask, t.name(), "nobody holds the task; it can be claimed or assigned")
	case t.Holder != by && !manager:
		return r.notHolder()
	case r.Offer.Open(r.Now):
		return unmet(ReasonOfferOpen, preconditionTask, t.name(), "the task is offered already; withdraw that offer first").
			With("handoff", r.Offer.Name())
	}
	return nil
}

// HandOff offers the baton. An offer that has expired is settled first. receivers are who of the team can take it.
func (r *Relay) HandOff(o Offer, by uuid.UUID, manager bool, receivers []uuid.UUID) (Handoff, error) {
	if err := r.MayHandOff(by, manager); err != nil {
		return Handoff{}, err
	}
	if err := o.Note.Check(); err != nil {
		return Handoff{}, err
	}
	if o.Recipient == r.Task.Holder {
		return Handoff{}, fault.InvalidField("recipient", "holds the task already")
	}
	if o.Route != ToMember && len(receivers) == 0 {
		return Handoff{}, fault.InvalidField(teamField(o.Route), "has nobody who could take it: active, with the right to write, and not its holder")
	}
	if o.Window.None() {
		o.Window = DefaultWindow()
	}
	r.settle()
	h := Handoff{
		ID: o.ID, Giver: r.Task.Holder, Leg: r.Leg.Number, Route: o.Route, Recipient: o.Recipient, Team: o.Team,
		Note: o.Note, Window: o.Window,
	}
	r.Route = append(r.Route, h.ID)
	return r.offer(h, by, receivers), nil
}

func teamField(route Route) string {
	if route == Auto {
		return "auto_team"
	}
	return "team"
}

// offer opens an offer, as of now. Its window counts from now where it has no other start.
func (r *Relay) offer(h Handoff, by uuid.UUID, receivers []uuid.UUID) Handoff {
	h.Workspace, h.Task, h.Space = r.Task.Workspace, r.Task.ID, r.Task.Space
	h.State, h.CreateTime = Offered, r.Now
	if h.StartTime.IsZero() {
		h.StartTime = r.Now
	}
	r.Task.OpenHandoff, r.Task.LastHandoff = h.ID, h.ID
	r.note(by, FieldHandoff, "", string(Offered))
	r.Offer = h
	r.tell(&r.Offer, func(h Handoff, t Task) Event {
		return HandoffOffered{Task: t, Handoff: h, Recipients: h.recipients(receivers)}
	})
	return r.Offer
}

// Accept gives the baton to the caller: the giver's leg ends and theirs begins. h is the offer that was named, open or
// not; ofTeam says whether the caller is of its team.
func (r *Relay) Accept(h Handoff, by uuid.UUID, ofTeam bool) (Handoff, error) {
	if err := r.answerable(h, by, ofTeam); err != nil {
		return Handoff{}, err
	}
	r.end(Accepted, by, by, "")
	accepted := r.tell(&r.Offer, func(h Handoff, t Task) Event { return HandoffAccepted{Task: t, Handoff: h} })
	r.Offer = Handoff{}
	r.endLeg(HandedOff)
	r.startLeg(accepted.ID)
	return accepted, nil
}

// Decline refuses the baton. An offer to a team ends when all of receivers, those who can take it, have refused; AUTO
// goes on to the next. Who of a team has refused already changes nothing.
func (r *Relay) Decline(h Handoff, by uuid.UUID, ofTeam bool, reason string, receivers []uuid.UUID) (Handoff, error) {
	if err := CheckReason("reason", reason, true); err != nil {
		return Handoff{}, err
	}
	if r.again(h, by, ofTeam) {
		return r.Offer, nil
	}
	if err := r.answerable(h, by, ofTeam); err != nil {
		return Handoff{}, err
	}
	if r.Offer.Route == ToTeam {
		r.Offer.Decliners = append(slices.Clone(r.Offer.Decliners), by)
		if len(r.Offer.undecided(receivers)) > 0 {
			r.Offer.Responder, r.Offer.Reason = by, reason
			return r.tell(&r.Offer, func(h Handoff, t Task) Event {
				return HandoffUpdated{Task: t, Handoff: h, Recipients: h.recipients(receivers)}
			}), nil
		}
	}
	r.end(Declined, by, by, reason)
	declined := r.tell(&r.Offer, func(h Handoff, t Task) Event { return HandoffDeclined{Task: t, Handoff: h} })
	r.Offer = Handoff{}
	if declined.Route == Auto {
		r.Route = append(r.Route, declined.ID)
	}
	return declined, nil
}

// again says whether a member refuses an open offer to their team once more.
func (r *Relay) again(h Handoff, by uuid.UUID, ofTeam bool) bool {
	return h.ID == r.Offer.ID && h.IsTo(by, ofTeam) && r.Offer.Open(r.Now) && slices.Contains(r.Offer.Decliners, by)
}

// answerable refuses an answer by who was not asked, or to an offer that is no longer open.
func (r *Relay) answerable(h Handoff, by uuid.UUID, ofTeam bool) error {
	switch {
	case !h.IsTo(by, ofTeam):
		return h.notRecipient()
	case h.ID != r.Offer.ID || !r.Offer.Open(r.Now):
		return h.At(r.Now).settled()
	case slices.Contains(r.Offer.Decliners, by):
		return h.notRecipient()
	}
	return nil
}

// Withdraw takes the offer back. Its giver may, and a manager.
func (r *Relay) Withdraw(h Handoff, by uuid.UUID, manager bool, reason string) (Handoff, error) {
	if err := CheckReason("reason", reason, false); err != nil {
		return Handoff{}, err
	}
	if h.Giver != by && !manager {
		return Handoff{}, fault.New(fault.Denied, ReasonNotGiver, "it takes the giver of the offer, or a MANAGER of the space").
			With("name", h.Name())
	}
	if h.ID != r.Offer.ID || !r.Offer.Open(r.Now) {
		return Handoff{}, h.At(r.Now).settled()
	}
	return r.withdraw(by, reason), nil
}

// withdraw takes back the offer that is open, if one is. One that has expired is settled instead.
func (r *Relay) withdraw(by uuid.UUID, reason string) Handoff {
	r.settle()
	if r.Offer.ID == uuid.Nil {
		return Handoff{}
	}
	r.end(Withdrawn, by, uuid.Nil, reason)
	withdrawn := r.tell(&r.Offer, func(h Handoff, t Task) Event { return HandoffWithdrawn{Task: t, Handoff: h} })
	r.Offer = Handoff{}
	return withdrawn
}

// Expire writes down that the offer has expired, when it has. AUTO goes on from it.
func (r *Relay) Expire() { r.settle() }

// settle writes down what time has done to the offer.
func (r *Relay) settle() {
	if r.Offer.ID == uuid.Nil || r.Offer.Open(r.Now) {
		return
	}
	if expired := r.expire(r.Offer.ExpireTime); expired.Route == Auto {
		r.Route = append(r.Route, expired.ID)
	}
}

func (r *Relay) expire(at time.Time) Handoff {
	r.note(uuid.Nil, FieldHandoff, string(Offered), string(Expired))
	r.Offer = r.Offer.expired(at)
	r.Task.OpenHandoff = uuid.Nil
	expired := r.tell(&r.Offer, func(h Handoff, t Task) Event { return HandoffExpired{Task: t, Handoff: h} })
	r.Offer = Handoff{}
	return expired
}

// end ends the open offer by somebody's hand; a responder is who answered it.
func (r *Relay) end(state HandoffState, by, responder uuid.UUID, reason string) {
	r.note(by, FieldHandoff, string(Offered), string(state))
	r.Offer.State, r.Offer.EndTime, r.Offer.Reason = state, r.Now, reason
	if responder != uuid.Nil {
		r.Offer.Responder = responder
	}
	r.Task.OpenHandoff = uuid.Nil
	if state == Accepted {
		r.give(responder, uuid.Nil, by)
	}
}

// tell publishes what became of a handoff, and keeps it.
func (r *Relay) tell(h *Handoff, event func(h Handoff, t Task) Event) Handoff {
	h.TaskKey, h.TaskTitle = r.Task.Key, r.Task.Title
	r.raise(func(t Task) Event {
		h.Version = t.Version
		return event(*h, t)
	})
	if i := slices.IndexFunc(r.Handoffs, func(kept Handoff) bool { return kept.ID == h.ID }); i >= 0 {
		r.Handoffs[i] = *h
	} else {
		r.Handoffs = append(r.Handoffs, *h)
	}
	return *h
}
