package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Leave is a time off as an event tells it. Its Source and Context are the time off, its Subject the member.
type Leave struct {
	Happening
	Span Span
	// Note is the member's, and private.
	Note string
	// Manager is the member's, Delegate who acted for them when it was asked for; nil for nobody.
	Manager, Delegate uuid.UUID
	// Due is when it starts, where it waits.
	Due time.Time
	// Ended says in a word why it waits no longer; empty while it does.
	Ended string
	// DecidedBy approved or declined it, for DeclineReason; nil where nobody had to.
	DecidedBy     uuid.UUID
	DeclineReason string
}

// Waits is how it stands with those who decide on it, and with the delegate.
func (l Leave) Waits(deciders []uuid.UUID) []Wait {
	if l.Ended != "" {
		return nil
	}
	if l.Delegate != uuid.Nil {
		deciders = append(slices.Clone(deciders), l.Delegate)
	}
	return waitsOf(deciders, l.Due, Reminder(l.Time, l.Due))
}

// Rest is why it does not wait for anybody else.
func (l Leave) Rest() string {
	if l.Ended == "" {
		return "another decides"
	}
	return l.Ended
}

// Requested notifies those who decide on it, and the delegate.
func (l Leave) Requested(deciders []uuid.UUID, names Names) []Notification {
	all := make([]Notification, 0, len(deciders)+1)
	wanted := names.of(l.Subject) + " asks you to approve or decline their time off"
	for _, to := range deciders {
		all = append(all, l.told(to, Approving, wanted))
	}
	if l.Delegate != uuid.Nil {
		n := l.told(l.Delegate, Approving, "You act for "+names.of(l.Manager)+": "+wanted)
		n.ActsFor, n.Occasion = l.Manager, l.Manager.String()
		all = append(all, n)
	}
	for i := range all {
		all[i].Excerpt, all[i].Actor = l.Note, l.Subject
	}
	return all
}

// Decided notifies the member, where somebody decided.
func (l Leave) Decided(names Names) []Notification {
	if l.DecidedBy == uuid.Nil {
		return nil
	}
	n := l.told(l.Subject, Decided, names.of(l.DecidedBy)+" "+l.Ended+" your time off")
	n.Excerpt = l.DeclineReason
	return []Notification{n}
}

func (l Leave) told(to uuid.UUID, reason Reason, summary string) Notification {
	n := l.draft(to, reason, Normal, summary)
	n.Title, n.Span = "Time off", l.Span
	return n
}
