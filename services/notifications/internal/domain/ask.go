package domain

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Happening is what an event of another service says that may concern people.
type Happening struct {
	Workspace, Space uuid.UUID
	// Subject is whose own matter it is, where it is in no space and not for every member; nil for none.
	Subject uuid.UUID
	// Source, Context and Message are names, as in Notification.
	Source, Context, Message string
	Title, Excerpt           string
	// Actor is who did it; nil where a service did.
	Actor uuid.UUID
	// Time is when it happened, Version the version of its aggregate after it.
	Time    time.Time
	Version int64
}

// draft is the notification of one whom it concerns.
func (h Happening) draft(to uuid.UUID, reason Reason, urgency Urgency, summary string) Notification {
	return Notification{
		Workspace: h.Workspace, Recipient: to, Source: h.Source, Context: h.Context, Message: h.Message, Space: h.Space, Subject: h.Subject,
		Reason: reason, Urgency: urgency, Title: h.Title, Excerpt: h.Excerpt, Summary: summary, Actor: h.Actor, CreateTime: h.Time,
	}
}

// occasion tells an event of an aggregate from its other events.
func (h Happening) occasion() string { return strconv.FormatInt(h.Version, 10) }

// Names are what people are called.
type Names map[uuid.UUID]string

// of is a member's name.
func (n Names) of(member uuid.UUID) string {
	if name := n[member]; name != "" {
		return name
	}
	return "Somebody"
}

// Asking is an ask as an event tells it.
type Asking struct {
	Happening
	Asker uuid.UUID
	// Kind is what is asked for: REPLY, REVIEW, APPROVE or ACKNOWLEDGE.
	Kind         string
	Urgency      Urgency
	UrgentReason string
	// Waits is how it stands with each who was asked.
	Waits []Wait
	// OfTeam are those who are asked as one of a team.
	OfTeam []uuid.UUID
	// Acting are those who act for who was asked, by whom they act for.
	Acting map[uuid.UUID]uuid.UUID
}

// wanted says what an asker wants.
func (a Asking) wanted(asker string) string {
	switch a.Kind {
	case "REVIEW":
		return asker + " asks you for a review"
	case "APPROVE":
		return asker + " asks for your approval"
	case "ACKNOWLEDGE":
		return asker + " asks you to acknowledge"
	}
	return asker + " asks you for a reply"
}

func (a Asking) asked(to uuid.UUID, names Names) Notification {
	n := a.draft(to, Asked, a.Urgency, a.wanted(names.of(a.Asker)))
	if slices.Contains(a.OfTeam, to) {
		n.Summary += ", as one of your team"
	}
	n.UrgentReason = a.UrgentReason
	return n
}

// Opened notifies those who are asked.
func (a Asking) Opened(names Names) []Notification {
	var all []Notification
	for _, w := range a.Waits {
		all = append(all, a.asked(w.Member, names))
	}
	return all
}

// Delegated notifies those who act for members of whom the ask waits, once for each of these.
func (a Asking) Delegated(members []uuid.UUID, names Names) []Notification {
	var all []Notification
	for _, member := range members {
		delegate, ok := a.Acting[member]
		if !ok || delegate == a.Asker {
			continue
		}
		n := a.draft(delegate, Asked, a.Urgency, "You act for "+names.of(member)+": "+a.wanted(names.of(a.Asker)))
		n.Actor, n.Occasion, n.UrgentReason = a.Asker, member.String(), a.UrgentReason
		all = append(all, n)
	}
	return all
}

// Reassigned notifies the one whom it went to.
func (a Asking) Reassigned(to uuid.UUID, comment string, names Names) []Notification {
	n := a.asked(to, names)
	n.Summary = names.of(a.Actor) + " passed it on to you: " + a.wanted(names.of(a.Asker))
	n.Occasion = a.occasion()
	if comment != "" {
		n.Excerpt = comment
	}
	return []Notification{n}
}

// back is how urgent the news of an ask is to who asked: it never breaks the glass.
func (a Asking) back() Urgency { return min(max(a.Urgency, Normal), High) }

// Answered notifies the asker. Where a message answered, the news is about that.
func (a Asking) Answered(by uuid.UUID, answer, comment string, names Names) []Notification {
	n := a.draft(a.Asker, Answered, a.back(), names.of(by)+" answered what you asked")
	n.Occasion, n.Excerpt, n.Message = a.occasion(), comment, ""
	if answer != "" {
		n.Source, n.Message = answer, answer
	}
	return []Notification{n}
}

// Declined notifies the asker.
func (a Asking) Declined(by uuid.UUID, why string, names Names) []Notification {
	n := a.draft(a.Asker, Declined, a.back(), names.of(by)+" declined what you asked")
	n.Occasion, n.Excerpt, n.Message = a.occasion(), why, ""
	return []Notification{n}
}

// Passed notifies those whose window is over, and the asker.
func (a Asking) Passed(members []uuid.UUID, names Names) []Notification {
	var all []Notification
	for _, member := range members {
		n := a.draft(member, Overdue, max(a.Urgency, Normal), "Overdue: "+a.wanted(names.of(a.Asker)))
		n.Occasion, n.UrgentReason = a.occasion(), a.UrgentReason
		all = append(all, n)
	}
	if len(members) == 0 {
		return nil
	}
	n := a.draft(a.Asker, Unanswered, a.back(), unanswered(members, names))
	n.Occasion = a.occasion()
	return append(all, n)
}

// unanswered names at most three who have not answered.
func unanswered(members []uuid.UUID, names Names) string {
	const most = 3
	text := names.of(members[0])
	for i, member := range members[1:] {
		switch {
		case i+1 == most && len(members) > most:
			return text + " and " + strconv.Itoa(len(members)-most) + " more have not answered what you asked in time"
		case i+1 == len(members)-1:
			text += " and " + names.of(member)
		default:
			text += ", " + names.of(member)
		}
	}
	if len(members) == 1 {
		return text + " has not answered what you asked in time"
	}
	return text + " have not answered what you asked in time"
}

// Remind makes the reminder of an ask or an offer from its first notification.
func Remind(first Notification, now time.Time) Notification {
	n := first
	n.ID, n.Reason, n.Occasion, n.Actor = uuid.Nil, Reminded, first.ID.String(), uuid.Nil
	n.Summary, n.CreateTime = "Reminder: "+first.Summary, now
	n.Deliveries, n.SnoozeTime, n.Version, n.Lines = nil, time.Time{}, 0, nil
	return n
}
