package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// Audits lists the audit record of a workspace, newest first.
func (a *App) Audits(ctx context.Context, ws uuid.UUID, l Listing) (page.Result[domain.Audit, Cursor], error) {
	return a.store.Audits(ctx, ws, l)
}
