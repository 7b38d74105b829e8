package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// claimDuesSQL takes at most $1 rows of any workspace whose due time is to be computed and that nobody has in hand, for $2
// seconds. They are found again by where they lie, a column that sqlc does not know: by their keys, a plan of when there were
// few rows compares all those of an ask with each other.
const claimDuesSQL = `
WITH claimed AS MATERIALIZED (
    SELECT c.ctid AS place
    FROM ask_recipients c
    WHERE c.due_pending AND c.lease_time < clock_timestamp()
    ORDER BY c.lease_time
    LIMIT $1
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE ask_recipients r
    SET lease_time = clock_timestamp() + make_interval(secs => $2)
    WHERE r.ctid = ANY (ARRAY(SELECT claimed.place FROM claimed))
    RETURNING r.workspace_id, r.ask_id, r.member_id, r.start_time, r.due_round
)
SELECT t.workspace_id, t.ask_id, t.member_id, t.start_time, t.due_round, a.response_window
FROM taken t
JOIN asks a ON a.workspace_id = t.workspace_id AND a.ask_id = t.ask_id`

// claimedDue is a row of claimDuesSQL.
type claimedDue struct {
	WorkspaceID, AskID, MemberID uuid.UUID
	StartTime                    time.Time
	DueRound                     int64
	ResponseWindow               string
}

// ClaimDues implements app.DueStore.
func (s *Store) ClaimDues(ctx context.Context, lease time.Duration, limit int) ([]app.PendingDues, bool, error) {
	found, _ := s.owner.Pool().Query(ctx, claimDuesSQL, limit, lease.Seconds()) // CollectRows has its error
	rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[claimedDue])
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

// ActiveMembers implements app.DueStore.
func (s *Store) ActiveMembers(ctx context.Context, ws uuid.UUID, members []uuid.UUID) ([]uuid.UUID, error) {
	active, err := s.queries(ws).ActiveMembers(ctx, db.ActiveMembersParams{WorkspaceID: ws, MemberIds: members})
	if err != nil {
		return nil, fmt.Errorf("find which members are active: %w", err)
	}
	return active, nil
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
