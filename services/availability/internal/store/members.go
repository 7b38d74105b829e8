package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// LockMember implements app.Tx.
func (t *tx) LockMember(ctx context.Context, member uuid.UUID) (domain.MemberTime, error) {
	version, err := t.now.LockMember(ctx, db.LockMemberParams{WorkspaceID: t.ws, MemberID: member})
	if postgres.IsNoRows(err) {
		return domain.MemberTime{}, fault.NotFoundName(domain.MemberName(t.ws, member))
	}
	return t.memberTime(member, version, err)
}

// LockTime implements app.Tx.
func (t *tx) LockTime(ctx context.Context, member uuid.UUID) (domain.MemberTime, error) {
	version, err := t.now.LockTime(ctx, db.LockTimeParams{WorkspaceID: t.ws, MemberID: member})
	return t.memberTime(member, version, err)
}

func (t *tx) memberTime(member uuid.UUID, version int64, err error) (domain.MemberTime, error) {
	if err != nil {
		return domain.MemberTime{}, fmt.Errorf("lock a member's working time: %w", err)
	}
	return domain.MemberTime{Workspace: t.ws, Member: member, Version: version}, nil
}

// CountAhead implements app.Tx.
func (t *tx) CountAhead(ctx context.Context, member uuid.UUID, now time.Time) (int, error) {
	n, err := t.now.CountAhead(ctx, db.CountAheadParams{WorkspaceID: t.ws, MemberID: member, Now: now})
	if err != nil {
		return 0, fmt.Errorf("count what a member has ahead: %w", err)
	}
	return int(n), nil
}

// SaveMemberTime implements app.Tx.
func (t *tx) SaveMemberTime(ctx context.Context, m domain.MemberTime) error {
	return t.writes.SaveMemberTime(ctx, db.SaveMemberTimeParams{WorkspaceID: t.ws, MemberID: m.Member, Version: m.Version})
}

// LockWorkspace implements app.Tx.
func (t *tx) LockWorkspace(ctx context.Context) (domain.WorkspaceTime, error) {
	version, err := t.now.LockWorkspace(ctx, t.ws)
	if err != nil {
		return domain.WorkspaceTime{}, fmt.Errorf("lock a workspace's default hours: %w", err)
	}
	return domain.WorkspaceTime{Workspace: t.ws, Version: version}, nil
}

// SaveWorkspaceTime implements app.Tx.
func (t *tx) SaveWorkspaceTime(ctx context.Context, w domain.WorkspaceTime) error {
	return t.writes.SaveWorkspaceTime(ctx, db.SaveWorkspaceTimeParams{WorkspaceID: t.ws, Version: w.Version})
}

// ZoneSeen implements app.Store.
func (s *Store) ZoneSeen(ctx context.Context, ws, member uuid.UUID) (int64, error) {
	open, _, err := openZone(ctx, s.queries(ws), ws, member)
	return open.Seen, err
}

// OpenZone implements app.Tx.
func (t *tx) OpenZone(ctx context.Context, member uuid.UUID) (domain.ZonePeriod, bool, error) {
	return openZone(ctx, t.now, t.ws, member)
}

func openZone(ctx context.Context, q *db.Queries, ws, member uuid.UUID) (domain.ZonePeriod, bool, error) {
	row, err := q.OpenZone(ctx, db.OpenZoneParams{WorkspaceID: ws, MemberID: member})
	if postgres.IsNoRows(err) {
		return domain.ZonePeriod{}, false, nil
	}
	if err != nil {
		return domain.ZonePeriod{}, false, fmt.Errorf("read a member's zone: %w", err)
	}
	return domain.ZonePeriod{Zone: row.TimeZone, Start: row.StartTime.UTC(), Seen: row.Seen}, true, nil
}

// SeeZone implements app.Tx.
func (t *tx) SeeZone(ctx context.Context, member uuid.UUID, seen int64) error {
	return t.writes.SeeZone(ctx, db.SeeZoneParams{WorkspaceID: t.ws, MemberID: member, Seen: seen})
}

// MoveZone implements app.Tx.
func (t *tx) MoveZone(ctx context.Context, member uuid.UUID, next domain.ZonePeriod) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a zone's id: %w", err)
	}
	if err := t.writes.EndZone(ctx, db.EndZoneParams{WorkspaceID: t.ws, MemberID: member, EndTime: &next.Start}); err != nil {
		return err
	}
	return t.writes.InsertZone(ctx, db.InsertZoneParams{
		WorkspaceID: t.ws, MemberID: member, ZoneID: id, TimeZone: next.Zone, StartTime: next.Start, Seen: next.Seen,
	})
}
