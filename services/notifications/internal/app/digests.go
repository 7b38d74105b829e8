package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// DigestCursor is where a page of digests ends.
type DigestCursor struct {
	Date string `json:"d"`
}

// Digest gets one of the caller's digests.
func (a *App) Digest(ctx context.Context, id uuid.UUID) (domain.Digest, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Digest{}, err
	}
	return a.store.DigestOf(ctx, caller.Workspace, caller.Member, id)
}

// Digests lists the caller's digests.
func (a *App) Digests(ctx context.Context, q page.Request[DigestCursor]) (page.Result[domain.Digest, DigestCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[domain.Digest, DigestCursor]{}, err
	}
	return a.store.Digests(ctx, caller.Workspace, caller.Member, q)
}
