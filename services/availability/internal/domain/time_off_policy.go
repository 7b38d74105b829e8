package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// TimeOffPolicy is how a workspace gives time off. The zero policy lets everybody take it.
type TimeOffPolicy struct {
	Workspace uuid.UUID
	// Approval are the kinds that need an approval.
	Approval []TimeOffKind
	// Revision counts its changes: its etag, 0 when it never changed.
	Revision   int64
	UpdateTime time.Time
}

// Asks says whether a kind of time off needs an approval.
func (p *TimeOffPolicy) Asks(kind TimeOffKind) bool { return slices.Contains(p.Approval, kind) }

// Change sets the kinds that need an approval. What is as it was has no event.
func (p *TimeOffPolicy) Change(approval []TimeOffKind, w *WorkspaceTime, now time.Time) []Event {
	approval = slices.Sorted(slices.Values(approval))
	if slices.Equal(approval, p.Approval) {
		return nil
	}
	p.Approval, p.UpdateTime = approval, now
	p.Revision++
	w.Version++
	return []Event{TimeOffPolicyChanged{Policy: *p, Version: w.Version}}
}
