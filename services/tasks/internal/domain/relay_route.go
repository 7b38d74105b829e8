package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Timing is when an offer reminds and expires, by its receivers' working time; zero where they do not work. Delegate acts for
// the recipient of an offer to a member; uuid.Nil for nobody.
type Timing struct {
	Expire, Remind time.Time
	Delegate       uuid.UUID
}

// asOf is the timing as an offer can take it at an instant. An expiry that has passed already is now: nobody was told before
// that the offer was over. A reminder comes before the end or not at all.
func (t Timing) asOf(now time.Time) Timing {
	if t.Expire.IsZero() {
		return t
	}
	if t.Expire.Before(now) {
		t.Expire = now
	}
	if !t.Remind.Before(t.Expire) {
		t.Remind = time.Time{}
	}
	return t
}

// Retime sets when the open offer reminds and expires, and who acts for its recipient: not the giver, who does not take their
// own baton. What already is so has no event. receivers are who of its team can take it.
func (r *Relay) Retime(t Timing, receivers []uuid.UUID) {
	h, t := &r.Offer, t.asOf(r.Now)
	if t.Delegate == h.Giver || h.Route != ToMember {
		t.Delegate = uuid.Nil
	}
	if !h.Open(r.Now) || h.ExpireTime.Equal(t.Expire) && h.RemindTime.Equal(t.Remind) && h.Delegate == t.Delegate {
		return
	}
	h.ExpireTime, h.RemindTime, h.Delegate = t.Expire, t.Remind, t.Delegate
	r.tell(h, func(h Handoff, t Task) Event {
		return HandoffUpdated{Task: t, Handoff: h, Recipients: h.recipients(receivers)}
	})
}

// Found sets AUTO's first candidate. The window counts from start, when they were chosen.
func (r *Relay) Found(candidate uuid.UUID, start time.Time, t Timing) {
	if !r.Seeks() {
		return
	}
	h, t := &r.Offer, t.asOf(r.Now)
	h.Recipient, h.StartTime, h.ExpireTime, h.RemindTime = candidate, start, t.Expire, t.Remind
	h.Tried = append(slices.Clone(h.Tried), candidate)
	r.tell(h, func(h Handoff, t Task) Event {
		return HandoffUpdated{Task: t, Handoff: h, Recipients: h.recipients(nil), Routed: true}
	})
}

// Seeks says whether the open offer is an AUTO that has no candidate yet.
func (r *Relay) Seeks() bool {
	return r.Offer.Open(r.Now) && r.Offer.Route == Auto && r.Offer.Recipient == uuid.Nil
}

// NotFound ends an AUTO that has no candidate at all: it expires now, and is back with its giver.
func (r *Relay) NotFound() {
	if !r.Seeks() {
		return
	}
	r.Offer.ExpireTime = r.Now
	r.Return(r.expire(r.Now))
}

// Lapse ends the open offer because nobody whom it waits for can take it any more: they have left or lost the right. AUTO
// goes on.
func (r *Relay) Lapse() {
	if !r.Offer.Open(r.Now) {
		return
	}
	r.Offer.ExpireTime, r.Offer.RemindTime = r.Now, time.Time{}
	r.settle()
}

// GoesOn says whether AUTO is to go on from an offer that has ended: it was refused or expired, and the giver has done
// nothing with the baton since.
func (r *Relay) GoesOn(h Handoff) bool {
	ended := h.State == Declined || h.State == Expired
	return h.Route == Auto && ended && h.Next == uuid.Nil && !h.Returned && r.Offer.ID == uuid.Nil &&
		r.Task.LastHandoff == h.ID && r.Leg.Number == h.Leg && r.Leg.Holder == h.Giver
}

// PassOn offers the baton to AUTO's next candidate, who was chosen at start. The offer is looked at once more: their hours may
// have changed since they were asked for, and that could not mark an offer that was not there.
func (r *Relay) PassOn(h Handoff, id, candidate uuid.UUID, start time.Time, t Timing) {
	if !r.GoesOn(h) {
		return
	}
	h.Next = id
	r.tell(&h, func(h Handoff, t Task) Event { return HandoffRerouted{Task: t, Handoff: h} })
	t = t.asOf(r.Now)
	r.Route = append(r.Route, id)
	r.offer(Handoff{
		ID: id, Giver: h.Giver, Leg: h.Leg, Route: Auto, Recipient: candidate, Team: h.Team, Note: h.Note, Window: h.Window,
		Previous: h.ID, Tried: append(slices.Clone(h.Tried), candidate),
		StartTime: start, ExpireTime: t.Expire, RemindTime: t.Remind,
	}, uuid.Nil, nil)
}

// Return ends AUTO after an offer for which there is no next candidate: the baton is back with its giver.
func (r *Relay) Return(h Handoff) {
	if h.Route != Auto || h.Returned || h.Next != uuid.Nil {
		return
	}
	h.Returned = true
	r.tell(&h, func(h Handoff, t Task) Event { return HandoffRerouted{Task: t, Handoff: h} })
}
