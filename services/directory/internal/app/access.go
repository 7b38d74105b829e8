package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// AccessSnapshot pages over all that decides who may do what, of one workspace or, for the zero id, of all.
func (a *App) AccessSnapshot(
	ctx context.Context, only uuid.UUID, p page.Request[AccessCursor],
) (page.Result[domain.AccessRow, AccessCursor], error) {
	return a.store.AccessSnapshot(ctx, only, p)
}

// AccessOf returns what decides what a member may do, in a space unless it is zero.
func (a *App) AccessOf(ctx context.Context, ws, member, space uuid.UUID) ([]domain.AccessRow, error) {
	return a.store.AccessOf(ctx, ws, member, space)
}
