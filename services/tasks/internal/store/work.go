package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

// ClaimRouting implements app.RoutingStore.
func (s *Store) ClaimRouting(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.Ref, error) {
	rows, err := s.all().ClaimRouting(ctx, db.ClaimRoutingParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	if err != nil {
		return nil, fmt.Errorf("claim handoffs to route: %w", err)
	}
	refs := make([]app.Ref, len(rows))
	for i, row := range rows {
		refs[i] = app.Ref{Workspace: row.WorkspaceID, Handoff: row.HandoffID}
	}
	return refs, nil
}

// NextRouting implements app.RoutingStore.
func (s *Store) NextRouting(ctx context.Context) (time.Time, bool, error) {
	return next(s.all().NextRouting(ctx))
}

func next(at time.Time, err error) (time.Time, bool, error) {
	if postgres.IsNoRows(err) {
		return time.Time{}, false, nil
	}
	return at.UTC(), err == nil, err
}

// PutOffRouting implements app.RoutingStore.
func (s *Store) PutOffRouting(ctx context.Context, ref app.Ref) error {
	return s.all().PutOffRouting(ctx, db.PutOffRoutingParams{WorkspaceID: ref.Workspace, HandoffID: ref.Handoff})
}

// LookRouting implements app.RoutingStore.
func (s *Store) LookRouting(ctx context.Context, ref app.Ref) (app.Look, bool, error) {
	q := s.queries(ref.Workspace)
	row, err := q.HandoffToRoute(ctx, db.HandoffToRouteParams{WorkspaceID: ref.Workspace, HandoffID: ref.Handoff})
	if postgres.IsNoRows(err) {
		return app.Look{}, false, nil
	}
	if err != nil {
		return app.Look{}, false, fmt.Errorf("read a handoff to route: %w", err)
	}
	look := app.Look{Marks: row.Handoff.RouteMarks}
	if look.Handoff, err = handoffOf(row.Handoff, row.TaskKey, row.TaskTitle); err != nil {
		return look, false, err
	}
	look.Receivers, err = receivers(ctx, q, look.Handoff)
	return look, err == nil, err
}

// receivers are who can take a baton now: the recipient of an open offer, else those of the team.
func receivers(ctx context.Context, q *db.Queries, h domain.Handoff) ([]app.Receiver, error) {
	if h.State != domain.Offered || h.Recipient == uuid.Nil {
		return teamReceivers(ctx, q, h.Workspace, h.Team, h.Space, h.Giver)
	}
	rows, err := q.Receiver(ctx, db.ReceiverParams{WorkspaceID: h.Workspace, MemberID: h.Recipient, SpaceID: h.Space})
	if err != nil {
		return nil, fmt.Errorf("look whether a member may take a baton: %w", err)
	}
	found := make([]app.Receiver, len(rows))
	for i, row := range rows {
		found[i] = app.Receiver{Member: row.MemberID, DisplayName: row.DisplayName}
	}
	return found, nil
}

// MarkMember implements app.RoutingStore.
func (s *Store) MarkMember(ctx context.Context, ws, member uuid.UUID, now time.Time) (int64, error) {
	n, err := s.queries(ws).MarkMember(ctx, db.MarkMemberParams{WorkspaceID: ws, MemberID: member, Now: &now})
	if err != nil {
		return 0, fmt.Errorf("mark the offers of a member: %w", err)
	}
	return n, nil
}

// MarkWorkspace implements app.RoutingStore.
func (s *Store) MarkWorkspace(ctx context.Context, ws uuid.UUID, now time.Time) (int64, error) {
	n, err := s.queries(ws).MarkWorkspace(ctx, db.MarkWorkspaceParams{WorkspaceID: ws, Now: &now})
	if err != nil {
		return 0, fmt.Errorf("mark the offers of a workspace: %w", err)
	}
	return n, nil
}

// ClaimExpired implements app.ExpiryStore.
func (s *Store) ClaimExpired(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.Ref, error) {
	rows, err := s.all().ClaimExpired(ctx, db.ClaimExpiredParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	if err != nil {
		return nil, fmt.Errorf("claim offers that have expired: %w", err)
	}
	refs := make([]app.Ref, len(rows))
	for i, row := range rows {
		refs[i] = app.Ref{Workspace: row.WorkspaceID, Handoff: row.HandoffID}
	}
	return refs, nil
}

// NextExpiry implements app.ExpiryStore.
func (s *Store) NextExpiry(ctx context.Context) (time.Time, bool, error) {
	return next(s.all().NextExpiry(ctx))
}
