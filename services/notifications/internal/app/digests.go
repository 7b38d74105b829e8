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

// Digest gets one of the caller's digests, with its text once that reached them.
func (a *App) Digest(ctx context.Context, id uuid.UUID) (domain.Digest, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Digest{}, err
	}
	d, err := a.store.DigestOf(ctx, caller.Workspace, caller.Member, id)
	if d.State != domain.DigestIsSent {
		d.Text = "" // of a try that failed: they may no longer read all that it tells
	}
	return d, err
}

// Digests lists the caller's digests.
func (a *App) Digests(ctx context.Context, q page.Request[DigestCursor]) (page.Result[domain.Digest, DigestCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[domain.Digest, DigestCursor]{}, err
	}
	return a.store.Digests(ctx, caller.Workspace, caller.Member, q)
}
