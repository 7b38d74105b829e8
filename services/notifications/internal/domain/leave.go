package domain

import (
	"time"

	"github.com/google/uuid"
)

// Leave is a time off as an event tells it. Its Source and Context are the time off, its Subject the member.
type Leave struct {
	Happening
	Span Span
	// Note is the member's, and private.
	Note string
	// Due is when it starts, where it waits.
	Due time.Time
	// Ended says in a word why it waits no longer; empty while it does.
	Ended string
	// DecidedBy approved or declined it, for DeclineReason; nil where nobody had to.
	DecidedBy     uuid.UUID
	DeclineReason string
}

// Waits is how it stands with those who decide on it.
func (l Leave) Waits(deciders []uuid.UUID) []Wait {
	if l.Ended != "" {
		return nil
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

// Requested notifies those who decide on it.
func (l Leave) Requested(deciders []uuid.UUID, names Names) []Notification {
	all := make([]Notification, 0, len(deciders))
	for _, to := range deciders {
		n := l.told(to, Approving, names.of(l.Subject)+" asks you to approve or decline their time off")
		n.Excerpt = l.Note
		all = append(all, n)
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
