package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// WatchCoverage implements app.CoverageTx.
func (t *tx) WatchCoverage(ctx context.Context, team uuid.UUID, at time.Time) error {
	return t.writes.WatchCoverage(ctx, db.WatchCoverageParams{WorkspaceID: t.ws, TeamID: team, DueTime: &at})
}

// WakeCoverage implements app.CoverageTx.
func (t *tx) WakeCoverage(ctx context.Context, member uuid.UUID, at time.Time) error {
	return t.writes.WakeCoverage(ctx, db.WakeCoverageParams{WorkspaceID: t.ws, MemberID: member, DueTime: &at})
}

// WakeAllCoverage implements app.CoverageTx.
func (t *tx) WakeAllCoverage(ctx context.Context, at time.Time) error {
	return t.writes.WakeAllCoverage(ctx, db.WakeAllCoverageParams{WorkspaceID: t.ws, DueTime: &at})
}

// CoverageWatch implements app.CoverageStore.
func (s *Store) CoverageWatch(ctx context.Context, ref app.TeamRef) (domain.CoverageWatch, error) {
	row, err := s.queries(ref.Workspace).CoverageWatch(ctx, db.CoverageWatchParams{WorkspaceID: ref.Workspace, TeamID: ref.Team})
	return watchOf(ref, db.LockCoverageWatchRow(row), err)
}

// LockCoverageWatch implements app.CoverageTx.
func (t *tx) LockCoverageWatch(ctx context.Context, team uuid.UUID) (domain.CoverageWatch, error) {
	row, err := t.now.LockCoverageWatch(ctx, db.LockCoverageWatchParams{WorkspaceID: t.ws, TeamID: team})
	w, err := watchOf(app.TeamRef{Workspace: t.ws, Team: team}, row, err)
	if err != nil {
		return w, err
	}
	gaps, err := t.now.CoverageGaps(ctx, db.CoverageGapsParams{WorkspaceID: t.ws, TeamID: team})
	if err != nil {
		return w, fmt.Errorf("read a team's gaps: %w", err)
	}
	for _, g := range gaps {
		w.Told = append(w.Told, domain.Gap{Rotation: g.RotationID, Start: g.StartTime.UTC(), End: value(g.EndTime).UTC()})
	}
	return w, nil
}

func watchOf(ref app.TeamRef, row db.LockCoverageWatchRow, err error) (domain.CoverageWatch, error) {
	if postgres.IsNoRows(err) {
		return domain.CoverageWatch{}, fault.NotFoundName(domain.CoverageName(ref.Workspace, ref.Team))
	}
	if err != nil {
		return domain.CoverageWatch{}, fmt.Errorf("read what was told of a team's coverage: %w", err)
	}
	return domain.CoverageWatch{
		Workspace: ref.Workspace, Team: ref.Team, Version: row.Version, Wakes: row.Wakes, Due: value(row.DueTime).UTC(),
	}, nil
}

// SaveCoverageWatch implements app.CoverageTx.
func (t *tx) SaveCoverageWatch(ctx context.Context, w domain.CoverageWatch) error {
	return t.writes.SaveCoverageWatch(ctx, db.SaveCoverageWatchParams{
		WorkspaceID: t.ws, TeamID: w.Team, Version: w.Version, DueTime: nullable(w.Due),
	})
}

// SaveGaps implements app.CoverageTx.
func (t *tx) SaveGaps(ctx context.Context, w domain.CoverageWatch) error {
	if err := t.writes.DeleteCoverageGaps(ctx, db.DeleteCoverageGapsParams{WorkspaceID: t.ws, TeamID: w.Team}); err != nil {
		return err
	}
	rows := db.InsertCoverageGapsParams{WorkspaceID: t.ws, TeamID: w.Team}
	for _, g := range w.Told {
		rows.RotationIds = append(rows.RotationIds, g.Rotation)
		rows.StartTimes, rows.EndTimes = append(rows.StartTimes, g.Start), append(rows.EndTimes, g.End)
	}
	return t.writes.InsertCoverageGaps(ctx, rows)
}

// ClaimCoverage implements app.CoverageStore.
func (s *Store) ClaimCoverage(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.TeamRef, error) {
	found, err := s.all().ClaimCoverage(ctx, db.ClaimCoverageParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	if err != nil {
		return nil, fmt.Errorf("claim teams whose coverage is due: %w", err)
	}
	refs := make([]app.TeamRef, len(found))
	for i, row := range found {
		refs[i] = app.TeamRef{Workspace: row.WorkspaceID, Team: row.TeamID}
	}
	return refs, nil
}

// NextCoverage implements app.CoverageStore.
func (s *Store) NextCoverage(ctx context.Context) (time.Time, bool, error) {
	at, err := s.all().NextCoverage(ctx)
	if postgres.IsNoRows(err) {
		return time.Time{}, false, nil
	}
	return at.UTC(), err == nil, err
}
