package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// Override implements app.RotationStore.
func (s *Store) Override(ctx context.Context, ref app.RotationRef, override uuid.UUID) (domain.Override, error) {
	return overrideBy(ctx, s.queries(ref.Workspace), ref, override)
}

// Override implements app.RotationTx.
func (t *tx) Override(ctx context.Context, ref app.RotationRef, override uuid.UUID) (domain.Override, error) {
	return overrideBy(ctx, t.now, ref, override)
}

func overrideBy(ctx context.Context, q *db.Queries, ref app.RotationRef, override uuid.UUID) (domain.Override, error) {
	row, err := q.Override(ctx, db.OverrideParams{WorkspaceID: ref.Workspace, RotationID: ref.Rotation, OverrideID: override})
	if postgres.IsNoRows(err) {
		return domain.Override{}, fault.NotFoundName(domain.OverrideName(ref.Workspace, ref.Team, ref.Rotation, override))
	}
	if err != nil {
		return domain.Override{}, fmt.Errorf("read an override: %w", err)
	}
	return overrideOf(row.RotationOverride), nil
}

// OverridePage implements app.RotationStore.
func (s *Store) OverridePage(ctx context.Context, ref app.RotationRef, p app.Page) (page.Result[domain.Override, app.Cursor], error) {
	found, err := s.queries(ref.Workspace).ListOverrides(ctx, db.ListOverridesParams{
		WorkspaceID: ref.Workspace, RotationID: ref.Rotation, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return page.Result[domain.Override, app.Cursor]{}, fmt.Errorf("list the overrides of a rotation: %w", err)
	}
	items := make([]domain.Override, len(found))
	for i, row := range found {
		items[i] = overrideOf(row.RotationOverride)
	}
	return page.Cut(items, p.Size, func(o domain.Override) app.Cursor { return app.Cursor{ID: o.ID} }), nil
}

func overrideOf(row db.RotationOverride) domain.Override {
	return domain.Override{
		ID: row.OverrideID, Start: row.StartTime.UTC(), End: row.EndTime.UTC(), Out: value(row.OutMember), In: value(row.InMember),
		Swap: value(row.SwapID), CreateTime: row.CreateTime.UTC(), DeleteTime: value(row.DeleteTime).UTC(),
	}
}

// AddOverride implements app.RotationTx.
func (t *tx) AddOverride(ctx context.Context, ref app.RotationRef, o domain.Override) error {
	return t.writes.InsertOverride(ctx, db.InsertOverrideParams{
		WorkspaceID: t.ws, RotationID: ref.Rotation, OverrideID: o.ID, StartTime: o.Start, EndTime: o.End,
		OutMember: nullable(o.Out), InMember: nullable(o.In), SwapID: nullable(o.Swap), CreateTime: o.CreateTime,
	})
}

// EndOverride implements app.RotationTx.
func (t *tx) EndOverride(ctx context.Context, ref app.RotationRef, o domain.Override) error {
	return t.writes.EndOverride(ctx, db.EndOverrideParams{
		WorkspaceID: t.ws, RotationID: ref.Rotation, OverrideID: o.ID, DeleteTime: &o.DeleteTime,
	})
}

// Swap implements app.RotationStore.
func (s *Store) Swap(ctx context.Context, ref app.RotationRef, swap uuid.UUID) (domain.Swap, error) {
	return swapBy(ctx, s.queries(ref.Workspace), ref, swap)
}

// Swap implements app.RotationTx.
func (t *tx) Swap(ctx context.Context, ref app.RotationRef, swap uuid.UUID) (domain.Swap, error) {
	return swapBy(ctx, t.now, ref, swap)
}

func swapBy(ctx context.Context, q *db.Queries, ref app.RotationRef, swap uuid.UUID) (domain.Swap, error) {
	row, err := q.Swap(ctx, db.SwapParams{WorkspaceID: ref.Workspace, RotationID: ref.Rotation, SwapID: swap})
	if postgres.IsNoRows(err) {
		return domain.Swap{}, fault.NotFoundName(domain.SwapName(ref.Workspace, ref.Team, ref.Rotation, swap))
	}
	if err != nil {
		return domain.Swap{}, fmt.Errorf("read a swap: %w", err)
	}
	return swapOf(row.RotationSwap), nil
}

// Swaps implements app.RotationStore.
func (s *Store) Swaps(ctx context.Context, ref app.RotationRef, p app.Page) (page.Result[domain.Swap, app.Cursor], error) {
	found, err := s.queries(ref.Workspace).ListSwaps(ctx, db.ListSwapsParams{
		WorkspaceID: ref.Workspace, RotationID: ref.Rotation, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return page.Result[domain.Swap, app.Cursor]{}, fmt.Errorf("list the swaps of a rotation: %w", err)
	}
	items := make([]domain.Swap, len(found))
	for i, row := range found {
		items[i] = swapOf(row.RotationSwap)
	}
	return page.Cut(items, p.Size, func(s domain.Swap) app.Cursor { return app.Cursor{ID: s.ID} }), nil
}

func swapOf(row db.RotationSwap) domain.Swap {
	return domain.Swap{
		ID: row.SwapID, Member: row.MemberID, To: value(row.ToMember), Start: row.StartTime.UTC(), End: row.EndTime.UTC(),
		State: domain.SwapState(row.State), Taker: value(row.Taker), Override: value(row.OverrideID), Revision: row.Revision,
		CreateTime: row.CreateTime.UTC(), UpdateTime: row.UpdateTime.UTC(),
	}
}

// AddSwap implements app.RotationTx.
func (t *tx) AddSwap(ctx context.Context, ref app.RotationRef, s domain.Swap) error {
	return t.writes.InsertSwap(ctx, db.InsertSwapParams{
		WorkspaceID: t.ws, RotationID: ref.Rotation, SwapID: s.ID, MemberID: s.Member, ToMember: nullable(s.To), StartTime: s.Start,
		EndTime: s.End, State: string(s.State), Revision: s.Revision, CreateTime: s.CreateTime, UpdateTime: s.UpdateTime,
	})
}

// SaveSwap implements app.RotationTx.
func (t *tx) SaveSwap(ctx context.Context, ref app.RotationRef, s domain.Swap) error {
	return t.writes.SaveSwap(ctx, db.SaveSwapParams{
		WorkspaceID: t.ws, RotationID: ref.Rotation, SwapID: s.ID, State: string(s.State), Taker: nullable(s.Taker),
		OverrideID: nullable(s.Override), Revision: s.Revision, UpdateTime: s.UpdateTime,
	})
}
