package domain

import (
	"unicode/utf8"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Urgency says how far a message may interrupt those it asks or mentions. The numbers are those that are stored.
type Urgency int

// The urgencies, in rising order.
const (
	// Low never interrupts.
	Low Urgency = iota + 1
	// Normal interrupts in working time. It is what a message has that names none.
	Normal
	// High interrupts in working time, at once.
	High
	// Urgent interrupts always. It takes a stated reason and the workspace's permission.
	Urgent
)

// MaxUrgentReason is the longest reason of an urgent message, in characters.
const MaxUrgentReason = 500

// CheckUrgency refuses an urgent message without a reason, and a reason without an urgent message.
func CheckUrgency(field string, u Urgency, reason string) error {
	switch {
	case u != Urgent && reason != "":
		return fault.InvalidField(field, "is given with URGENT only")
	case u != Urgent:
		return nil
	case !textual(reason):
		return fault.InvalidField(field, "must be valid UTF-8 without U+0000")
	case blank(reason):
		return fault.InvalidField(field, "must say why the message is URGENT, and not be blank")
	case utf8.RuneCountInString(reason) > MaxUrgentReason:
		return fault.InvalidField(field, "must be at most 500 characters")
	}
	return nil
}

// UrgentNotPermitted is the refusal of an urgent message by a role that may not send one.
func UrgentNotPermitted(role string) error {
	return fault.New(fault.Denied, ReasonUrgentNotPermitted, "URGENT takes the role %s in this workspace", role).With("role", role)
}
