package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

func delegationOf(row db.Delegation) domain.Delegation {
	d := domain.Delegation{
		Workspace: row.WorkspaceID, Member: row.MemberID, ID: row.DelegationID, Delegate: row.DelegateID,
		TimeOff: value(row.TimeOffID), Start: value(row.StartTime).UTC(), End: value(row.EndTime).UTC(),
		CreateTime: row.CreateTime.UTC(), DeleteTime: value(row.DeleteTime).UTC(),
	}
	for _, kind := range row.Kinds {
		d.Kinds = append(d.Kinds, domain.DelegationKind(kind))
	}
	return d
}

func delegations(
	ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID, from, until time.Time,
) (map[uuid.UUID][]domain.Delegation, error) {
	rows, err := q.DelegationsBetween(ctx, db.DelegationsBetweenParams{
		WorkspaceID: ws, MemberIds: members, FromTime: &from, UntilTime: &until,
	})
	if err != nil {
		return nil, fmt.Errorf("read who acts for members: %w", err)
	}
	found := make(map[uuid.UUID][]domain.Delegation)
	for _, row := range rows {
		found[row.Delegation.MemberID] = append(found[row.Delegation.MemberID], delegationOf(row.Delegation))
	}
	return found, nil
}

// Delegation implements app.Store.
func (s *Store) Delegation(ctx context.Context, ws, member, delegation uuid.UUID) (domain.Delegation, error) {
	return delegationBy(ctx, s.queries(ws), ws, member, delegation)
}

// Delegation implements app.Tx.
func (t *tx) Delegation(ctx context.Context, member, delegation uuid.UUID) (domain.Delegation, error) {
	return delegationBy(ctx, t.now, t.ws, member, delegation)
}

func delegationBy(ctx context.Context, q *db.Queries, ws, member, delegation uuid.UUID) (domain.Delegation, error) {
	row, err := q.Delegation(ctx, db.DelegationParams{WorkspaceID: ws, MemberID: member, DelegationID: delegation})
	if postgres.IsNoRows(err) {
		return domain.Delegation{}, fault.NotFoundName(domain.DelegationName(ws, member, delegation))
	}
	if err != nil {
		return domain.Delegation{}, fmt.Errorf("read a delegation: %w", err)
	}
	return delegationOf(row.Delegation), nil
}

// Delegations implements app.Store.
func (s *Store) Delegations(
	ctx context.Context, ws, member uuid.UUID, public bool, p app.Page,
) (page.Result[domain.Delegation, app.Cursor], error) {
	found, err := s.queries(ws).ListDelegations(ctx, db.ListDelegationsParams{
		WorkspaceID: ws, MemberID: member, Before: before(p), Public: public, MaxRows: rows(p),
	})
	if err != nil {
		return page.Result[domain.Delegation, app.Cursor]{}, fmt.Errorf("list who acts for a member: %w", err)
	}
	items := make([]domain.Delegation, len(found))
	for i, row := range found {
		items[i] = delegationOf(row.Delegation)
	}
	return page.Cut(items, p.Size, func(d domain.Delegation) app.Cursor { return app.Cursor{ID: d.ID} }), nil
}

// ActedFor implements app.Store.
func (s *Store) ActedFor(
	ctx context.Context, ws uuid.UUID, delegates []uuid.UUID, kind domain.DelegationKind, at time.Time,
) ([]uuid.UUID, error) {
	found, err := s.queries(ws).ActedFor(ctx, db.ActedForParams{
		WorkspaceID: ws, DelegateIds: delegates, Kind: string(kind), AtTime: &at,
	})
	if err != nil {
		return nil, fmt.Errorf("read for whom some act: %w", err)
	}
	return found, nil
}

// LockDelegations implements app.Tx.
func (t *tx) LockDelegations(ctx context.Context) error {
	if err := t.now.LockDelegations(ctx, t.ws); err != nil {
		return fmt.Errorf("keep other delegations out: %w", err)
	}
	return nil
}

// AddDelegation implements app.Tx.
func (t *tx) AddDelegation(ctx context.Context, d domain.Delegation) error {
	kinds := make([]string, len(d.Kinds))
	for i, kind := range d.Kinds {
		kinds[i] = string(kind)
	}
	return t.writes.InsertDelegation(ctx, db.InsertDelegationParams{
		WorkspaceID: t.ws, MemberID: d.Member, DelegationID: d.ID, DelegateID: d.Delegate, Kinds: kinds,
		TimeOffID: nullable(d.TimeOff), StartTime: nullable(d.Start), EndTime: nullable(d.End), CreateTime: d.CreateTime,
	})
}

// EndDelegation implements app.Tx.
func (t *tx) EndDelegation(ctx context.Context, d domain.Delegation) error {
	return t.writes.EndDelegation(ctx, db.EndDelegationParams{
		WorkspaceID: t.ws, MemberID: d.Member, DelegationID: d.ID, DeleteTime: &d.DeleteTime,
	})
}
