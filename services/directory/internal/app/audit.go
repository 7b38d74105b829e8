package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// Audits lists the audit record of a workspace, newest first.
func (a *App) Audits(ctx context.Context, ws uuid.UUID, l Listing) (page.Result[domain.Audit, Cursor], error) {
	return a.store.Audits(ctx, ws, l)
}

// UrgentUse is that somebody sent an URGENT message.
type UrgentUse struct {
	Workspace, Member uuid.UUID
	// Message is its name.
	Message string
	// Reason is what the sender gave as one.
	Reason string
	// Time is when it was sent.
	Time time.Time
}

// RecordUrgent keeps the use in the audit record, once for its event. It happened in another service: by which token and
// from where is not known here.
func (a *App) RecordUrgent(ctx context.Context, u UrgentUse) error {
	return a.write(ctx, u.Workspace, func(ctx context.Context, c *change) error {
		first, err := c.First(ctx)
		if err != nil || !first {
			return err
		}
		c.actor, c.now = domain.MemberName(u.Workspace, u.Member), u.Time.Truncate(time.Microsecond)
		c.note("urgent.used", u.Message, map[string]string{"reason": u.Reason})
		return nil
	})
}
