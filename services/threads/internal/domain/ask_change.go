package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// AskAnswer is how a person answers.
type AskAnswer struct {
	// Message is the sequence of the reply that answers, 0 for none.
	Message int64
	Comment string
}

// CheckWaits refuses one who is not asked, or for whom the ask no longer waits.
func (a *Ask) CheckWaits(by uuid.UUID) error {
	_, err := a.waiting(by)
	return err
}

// waiting is the one whom the ask waits for when somebody acts: themselves, or one for whom they act.
func (a *Ask) waiting(by uuid.UUID) (*Recipient, error) {
	r := a.recipient(by)
	if r != nil && r.Waits() {
		return r, nil
	}
	asked := r != nil
	for i := range a.Recipients {
		if other := &a.Recipients[i]; other.Delegate == by {
			if other.Waits() {
				return other, nil
			}
			asked = true
		}
	}
	if !asked {
		return nil, notAsked("only those who are asked, and who act for them, may do this", a)
	}
	return nil, unmet(ReasonAskSettled, preconditionAsk, a.Name(), "the ask no longer waits for this member")
}

func (a *Ask) recipient(member uuid.UUID) *Recipient {
	i := slices.IndexFunc(a.Recipients, func(r Recipient) bool { return r.Member == member })
	if i < 0 {
		return nil
	}
	return &a.Recipients[i]
}

func notAsked(rule string, a *Ask) error {
	return fault.New(fault.Denied, ReasonNotAsked, "%s", rule).With("name", a.Name())
}

// Answer answers the ask for a person and for all for whom they act, and where one of the team answers for all, for the rest
// of the team.
func (a *Ask) Answer(by uuid.UUID, answer AskAnswer, now time.Time) ([]Event, error) {
	r, err := a.waiting(by)
	if err != nil {
		return nil, err
	}
	r.settle(Answered, now)
	r.AnsweredBy, r.Answer, r.Comment = by, answer.Message, answer.Comment
	settled := []uuid.UUID{r.Member}
	for i := range a.Recipients {
		other := &a.Recipients[i]
		if other.Waits() && (other.Delegate == by || r.OfTeam && !a.Everyone && other.OfTeam) {
			other.settle(Answered, now)
			other.AnsweredBy, other.Answer = by, answer.Message
			settled = append(settled, other.Member)
		}
	}
	a.touch(now)
	return []Event{AskAnswered{Ask: a.At(now), Member: by, Settled: settled}}, nil
}

// Decline declines the ask for one person.
func (a *Ask) Decline(by uuid.UUID, reason string, now time.Time) ([]Event, error) {
	r, err := a.waiting(by)
	if err != nil {
		return nil, err
	}
	r.settle(Declined, now)
	r.Comment = reason
	a.touch(now)
	return []Event{AskDeclined{Ask: a.At(now), Member: by, Reason: reason}}, nil
}

// Handover is how a person hands an ask on.
type Handover struct {
	To      uuid.UUID
	Comment string
	// Excerpt is the beginning of the message, for whom it goes to; ThreadState the thread's.
	Excerpt     string
	ThreadState ThreadState
}

// Reassign hands the ask to another, who may be asked. Whom it waits for already, and who has answered it, is not asked
// again: then it only ends for the one who hands it on. Handing on an urgent ask breaks the glass once more.
func (a *Ask) Reassign(by uuid.UUID, h Handover, now time.Time) ([]Event, error) {
	r, err := a.waiting(by)
	if err != nil {
		return nil, err
	}
	switch {
	case h.ThreadState == Archived:
		t := Thread{Workspace: a.Workspace, ID: a.Thread}
		return nil, t.archived()
	case h.To == r.Member:
		return nil, fault.InvalidField("member", "must be another member")
	case h.To == a.Asker:
		return nil, fault.InvalidField("member", "must not be the one who asks")
	case a.recipient(h.To) == nil && len(a.Recipients) >= MaxRecipients:
		return nil, unmet(fault.ReasonTooLarge, preconditionAsk, a.Name(), "the ask has had 600 recipients; nobody can be added")
	}
	r.settle(Reassigned, now)
	r.To, r.Comment = h.To, h.Comment
	a.take(h.To, *r, now)
	a.touch(now)
	events := []Event{AskReassigned{Ask: a.At(now), Member: by, To: h.To, Comment: h.Comment, Excerpt: h.Excerpt}}
	if a.Urgency == Urgent {
		events = append(events, UrgentUsed{
			Workspace: a.Workspace, Member: by, Message: MessageName(a.Workspace, a.Thread, a.Sequence), Reason: a.UrgentReason,
			Source: a.Name(), Version: a.Version,
		})
	}
	return events, nil
}

// take asks a person in the place of one who handed the ask on.
func (a *Ask) take(member uuid.UUID, from Recipient, now time.Time) {
	next := Recipient{
		Member: member, State: Waiting, OfTeam: from.OfTeam, Start: now, Pending: true, Round: 1, From: from.Member,
		UpdateTime: now, Touched: true,
	}
	there := a.recipient(member)
	switch {
	case there == nil:
		a.Recipients = append(slices.Clip(a.Recipients), next)
	case !there.Waits() && there.State != Answered:
		next.Round = there.Round + 1
		*there = next
	}
}

// Withdraw takes the ask back from all whom it still waits for: the asker may, and a manager of the space.
func (a *Ask) Withdraw(by uuid.UUID, manager bool, reason string, now time.Time) ([]Event, error) {
	if a.Asker != by && !manager {
		return nil, notAsked("only the one who asks may withdraw this, or a manager of the space", a)
	}
	if a.State != AskOpen {
		return nil, unmet(ReasonAskSettled, preconditionAsk, a.Name(), "the ask waits for nobody any more")
	}
	a.WithdrawReason = reason
	return a.takeBack(now), nil
}

// takeBack withdraws an open ask, by its asker or because its message was deleted.
func (a *Ask) takeBack(now time.Time) []Event {
	var members []uuid.UUID
	for i := range a.Recipients {
		if r := &a.Recipients[i]; r.Waits() {
			r.settle(Withdrawn, now)
			members = append(members, r.Member)
		}
	}
	a.touch(now)
	a.State = AskTakenBack
	return []Event{AskWithdrawn{Ask: a.At(now), Members: members}}
}

// TakeBack withdraws the open asks of a message that was deleted.
func TakeBack(asks []Ask, now time.Time) []Event {
	var events []Event
	for i := range asks {
		if asks[i].State == AskOpen {
			events = append(events, asks[i].takeBack(now)...)
		}
	}
	return events
}

// settle ends the wait for a person: nothing is due of them any more.
func (r *Recipient) settle(state RecipientState, now time.Time) {
	r.State, r.UpdateTime, r.Pending, r.Touched = state, now, false, true
}

// touch makes the next version, settled when it waits for nobody.
func (a *Ask) touch(now time.Time) {
	a.Version++
	a.UpdateTime = now
	if a.State == AskOpen && !slices.ContainsFunc(a.Recipients, func(r Recipient) bool { return r.Waits() }) {
		a.State = AskSettled
	}
}
