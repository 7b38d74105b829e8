package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Offering is a handoff as an event tells it. Its Source is the handoff, its Context the task.
type Offering struct {
	Happening
	// Key is the task's, such as OPS-17.
	Key   string
	Giver uuid.UUID
	// Auto says that it goes on by itself when nobody takes it.
	Auto bool
	// OfTeam says that it is offered to a team.
	OfTeam bool
	// Open says that it is open, Ended why not, in a word.
	Open  bool
	Ended string
	// Responder took or last refused it, for this reason.
	Responder uuid.UUID
	Reply     string
	// Recipients are those it is offered to; none where the event does not say.
	Recipients []uuid.UUID
	// Delegate acts for ActsFor, the member it is offered to; nil for nobody.
	Delegate, ActsFor uuid.UUID
	// Due is when it expires, Remind when three quarters of its window are gone.
	Due, Remind time.Time
}

// Waits is how it stands with each whom it is offered to.
func (o Offering) Waits() []Wait {
	if !o.Open {
		return nil
	}
	waits := make([]Wait, 0, len(o.Recipients))
	for _, member := range o.Recipients {
		waits = append(waits, Wait{Member: member, Waiting: true, Due: o.Due, Remind: o.Remind})
	}
	if o.Delegate != uuid.Nil {
		waits = append(waits, Wait{Member: o.Delegate, Waiting: true, Due: o.Due, Remind: o.Remind})
	}
	return waits
}

// Rest is why it does not wait for anybody else: it is over, they refused it as one of a team, or they do not act any more.
func (o Offering) Rest() string {
	switch {
	case o.Open && o.OfTeam:
		return "declined"
	case o.Open:
		return "another acts"
	}
	return o.Ended
}

// Offered notifies those it is offered to.
func (o Offering) Offered(names Names) []Notification {
	var all []Notification
	for _, member := range o.Recipients {
		summary := names.of(o.Giver) + " offers you the baton of " + o.Key
		if o.OfTeam {
			summary = names.of(o.Giver) + " offers your team the baton of " + o.Key
		}
		all = append(all, o.draft(member, Offered, Normal, summary))
	}
	return all
}

// Delegated notifies who acts for the member it is offered to.
func (o Offering) Delegated(names Names) []Notification {
	if !o.Open || o.Delegate == uuid.Nil || o.Delegate == o.Giver {
		return nil
	}
	n := o.draft(o.Delegate, Offered, Normal, "You act for "+names.of(o.ActsFor)+": "+names.of(o.Giver)+" offers the baton of "+o.Key)
	n.Actor, n.Occasion = o.Giver, o.ActsFor.String()
	return []Notification{n}
}

// Accepted notifies the giver.
func (o Offering) Accepted(names Names) []Notification {
	return []Notification{o.toGiver(Accepted, Normal, names.of(o.Responder)+" accepted the baton of "+o.Key, "")}
}

// Declined notifies the giver, unless it goes on by itself.
func (o Offering) Declined(names Names) []Notification {
	if o.Auto {
		return nil
	}
	return []Notification{o.toGiver(Declined, Normal, names.of(o.Responder)+" declined the baton of "+o.Key, o.Reply)}
}

// Expired notifies the giver that the baton is back, unless it goes on by itself.
func (o Offering) Expired() []Notification {
	if o.Auto {
		return nil
	}
	return o.Returned()
}

// Returned notifies the giver that the baton is back with them.
func (o Offering) Returned() []Notification {
	return []Notification{o.toGiver(Returned, High, "The baton of "+o.Key+" is back with you: nobody took it", "")}
}

func (o Offering) toGiver(reason Reason, urgency Urgency, summary, excerpt string) Notification {
	n := o.draft(o.Giver, reason, urgency, summary)
	n.Excerpt = excerpt
	return n
}

// Assigning is a task that got a holder. Its Source and Context are the task.
type Assigning struct {
	Happening
	Key    string
	Holder uuid.UUID
}

// Assigned notifies the holder; nobody where the task has none.
func (a Assigning) Assigned(names Names) []Notification {
	if a.Holder == uuid.Nil {
		return nil
	}
	n := a.draft(a.Holder, Assigned, Normal, names.of(a.Actor)+" made you the holder of "+a.Key)
	n.Occasion = a.occasion()
	return []Notification{n}
}

// Mentioning is a message that mentions people. Its Source and Message are the message, its Context the thread.
type Mentioning struct {
	Happening
	Author       uuid.UUID
	Urgency      Urgency
	UrgentReason string
	// Members and Teams are mentioned; AskedMembers and AskedTeams are asked by the same message, and hear of that instead.
	Members, Teams, AskedMembers, AskedTeams []uuid.UUID
}

// Mentioned notifies the members and, as one of their team, those of the teams.
func (m Mentioning) Mentioned(ofTeams, asked []uuid.UUID, names Names) []Notification {
	var all []Notification
	done := map[uuid.UUID]bool{m.Author: true}
	for _, member := range slices.Concat(asked, m.AskedMembers) {
		done[member] = true
	}
	add := func(members []uuid.UUID, whom string) {
		for _, member := range members {
			if done[member] {
				continue
			}
			done[member] = true
			n := m.draft(member, Mentioned, m.Urgency, names.of(m.Author)+" mentioned "+whom)
			n.UrgentReason = m.UrgentReason
			all = append(all, n)
		}
	}
	add(m.Members, "you")
	add(ofTeams, "your team")
	return all
}
