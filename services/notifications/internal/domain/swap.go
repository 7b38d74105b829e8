package domain

import (
	"github.com/google/uuid"
)

// Swapping is a swap of a shift as an event tells it. Its Source is the swap, its Context and Title the rotation and its name.
type Swapping struct {
	Happening
	Span Span
	// Member offers the shift To somebody, nil for the whole rotation.
	Member, To uuid.UUID
	// Taker took it; nil for nobody.
	Taker uuid.UUID
	// Ended says in a word why it is no longer offered; empty while it is.
	Ended string
}

// Waits is how it stands with the one whom it is offered to by name.
func (s Swapping) Waits() []Wait {
	if s.Ended != "" || s.To == uuid.Nil {
		return nil
	}
	return waitsOf([]uuid.UUID{s.To}, s.Span.Start, Reminder(s.Time, s.Span.Start))
}

// Rest is why it does not wait for anybody else.
func (s Swapping) Rest() string {
	if s.Ended == "" {
		return "offered to another"
	}
	return s.Ended
}

// Offered notifies the one whom it is offered to by name; nobody where it is offered to the whole rotation.
func (s Swapping) Offered(names Names) []Notification {
	return s.told(s.To, Offered, names.of(s.Member)+" offers you their shift: take it or decline")
}

// Taken notifies who offered.
func (s Swapping) Taken(names Names) []Notification {
	return s.told(s.Member, Accepted, names.of(s.Taker)+" takes your shift")
}

// Declined notifies who offered.
func (s Swapping) Declined(names Names) []Notification {
	return s.told(s.Member, Declined, names.of(s.To)+" does not take your shift")
}

func (s Swapping) told(to uuid.UUID, reason Reason, summary string) []Notification {
	n := s.draft(to, reason, Normal, summary)
	n.Span = s.Span
	return []Notification{n}
}
