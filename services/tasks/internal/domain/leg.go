package domain

import (
	"time"

	"github.com/google/uuid"
)

// EndReason is why a leg ended.
type EndReason string

// The reasons.
const (
	// HandedOff: the baton was handed on.
	HandedOff EndReason = "HANDED_OFF"
	// Released: it was put back, for a team or for anybody.
	Released EndReason = "RELEASED"
	// Reassigned: somebody was made holder in their place.
	Reassigned EndReason = "REASSIGNED"
	// Completed: the task was done or cancelled.
	Completed EndReason = "COMPLETED"
)

// Leg is one holder's stretch of a task's relay.
type Leg struct {
	// Number counts the task's legs from 1; 0 is no leg.
	Number int64
	// Holder held the baton; Handoff began the leg, if one did.
	Holder, Handoff uuid.UUID
	// StartTime and EndTime bound it; the last is zero while it goes on.
	StartTime, EndTime time.Time
	// EndReason is why it ended.
	EndReason EndReason
}
