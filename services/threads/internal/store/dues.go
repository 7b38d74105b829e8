package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// ClaimDues implements app.DueStore.
func (s *Store) ClaimDues(ctx context.Context, lease time.Duration, limit int) ([]app.PendingDues, bool, error) {
	rows, err := s.all().ClaimDues(ctx, db.ClaimDuesParams{LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	if err != nil {
		return nil, false, fmt.Errorf("claim due times to compute: %w", err)
	}
	var claimed []app.PendingDues
	index := map[uuid.UUID]int{}
	for _, row := range rows {
		length, err := window.Parse(row.ResponseWindow)
		if err != nil {
			return nil, false, err
		}
		i, met := index[row.WorkspaceID]
		if !met {
			i = len(claimed)
			index[row.WorkspaceID] = i
			claimed = append(claimed, app.PendingDues{Workspace: row.WorkspaceID})
		}
		claimed[i].Rows = append(claimed[i].Rows, app.PendingDue{
			Ask: row.AskID, Member: row.MemberID, Round: row.DueRound, Start: row.StartTime.UTC(), Window: length,
		})
	}
	return claimed, len(rows) == limit, nil
}

// NextPendingDue implements app.DueStore.
func (s *Store) NextPendingDue(ctx context.Context) (time.Time, bool, error) {
	at, err := s.all().NextPendingDue(ctx)
	if postgres.IsNoRows(err) {
		return time.Time{}, false, nil
	}
	return at.UTC(), err == nil, err
}

// ClaimOverdue implements app.DueStore.
func (s *Store) ClaimOverdue(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.AskKey, bool, error) {
	rows, err := s.all().ClaimOverdue(ctx, db.ClaimOverdueParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	if err != nil {
		return nil, false, fmt.Errorf("claim what is overdue: %w", err)
	}
	var claimed []app.AskKey
	met := map[app.AskKey]bool{}
	for _, row := range rows {
		key := app.AskKey{Workspace: row.WorkspaceID, Ask: row.AskID}
		if !met[key] {
			met[key] = true
			claimed = append(claimed, key)
		}
	}
	return claimed, len(rows) == limit, nil
}

// NextOverdue implements app.DueStore.
func (s *Store) NextOverdue(ctx context.Context) (time.Time, bool, error) {
	at, err := s.all().NextOverdue(ctx)
	if postgres.IsNoRows(err) {
		return time.Time{}, false, nil
	}
	return value(at).UTC(), err == nil, err
}

// MarkMemberDues implements app.DueTx.
func (t *tx) MarkMemberDues(ctx context.Context, member uuid.UUID, from, until time.Time) error {
	return t.writes.MarkMemberDues(ctx, db.MarkMemberDuesParams{
		WorkspaceID: t.ws, MemberID: member, ChangedFrom: &from, ChangedUntil: until,
	})
}

// MarkWorkspaceDues implements app.DueTx.
func (t *tx) MarkWorkspaceDues(ctx context.Context) error {
	return t.writes.MarkWorkspaceDues(ctx, t.ws)
}
