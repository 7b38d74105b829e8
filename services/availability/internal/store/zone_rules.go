package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// TakeRules implements app.Store.
func (s *Store) TakeRules(
	ctx context.Context, version string, files domain.ZoneFiles, now, due time.Time,
	changed func(former domain.ZoneFiles) ([]string, error),
) error {
	if known, err := s.all().ZoneVersion(ctx); err != nil || known >= version {
		return err
	}
	err := pgx.BeginFunc(ctx, s.owner.Pool(), func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.LockZoneRules(ctx); err != nil {
			return err
		}
		known, err := q.ZoneVersion(ctx)
		if err != nil || known >= version {
			return err
		}
		rows, err := q.ZoneFiles(ctx, known)
		if err != nil {
			return err
		}
		former := domain.ZoneFiles{}
		for _, row := range rows {
			former[row.TimeZone] = row.File
		}
		zones, err := changed(former)
		if err != nil {
			return err
		}
		save := db.SaveZoneFilesParams{Version: version}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			save.TimeZones, save.Files = append(save.TimeZones, name), append(save.Files, files[name])
		}
		if err := q.SaveZoneFiles(ctx, save); err != nil {
			return err
		}
		if err := q.ForgetZoneFiles(ctx, known); err != nil || len(zones) == 0 {
			return err
		}
		if err := q.WakeZoneRotations(ctx, db.WakeZoneRotationsParams{DueTime: &due, TimeZones: zones}); err != nil {
			return err
		}
		return q.AddZoneUpdates(ctx, db.AddZoneUpdatesParams{Version: version, DueTime: due, Now: now, TimeZones: zones})
	})
	if err != nil {
		return fmt.Errorf("take the rules of time zones: %w", err)
	}
	return nil
}

// FormerRules implements app.Store.
func (s *Store) FormerRules(ctx context.Context, version, latest string) (domain.ZoneFiles, error) {
	rows, err := s.all().FilesBefore(ctx, db.FilesBeforeParams{Version: version, Latest: latest})
	if err != nil {
		return nil, fmt.Errorf("read the former rules of time zones: %w", err)
	}
	files := domain.ZoneFiles{}
	for _, row := range rows {
		files[row.TimeZone] = row.File
	}
	return files, nil
}

// ClaimZoneUpdates implements app.Store.
func (s *Store) ClaimZoneUpdates(ctx context.Context, version string, now time.Time, lease time.Duration, limit int) ([]app.ZoneUpdate, error) {
	rows, err := s.all().ClaimZoneUpdates(ctx, db.ClaimZoneUpdatesParams{
		Version: version, Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("claim members to tell of time zones: %w", err)
	}
	claimed := make([]app.ZoneUpdate, len(rows))
	for i, row := range rows {
		claimed[i] = app.ZoneUpdate{Workspace: row.WorkspaceID, Member: row.MemberID, Version: row.Version}
	}
	return claimed, nil
}

// NextZoneUpdate implements app.Store.
func (s *Store) NextZoneUpdate(ctx context.Context, version string) (time.Time, bool, error) {
	at, err := s.all().NextZoneUpdate(ctx, version)
	if postgres.IsNoRows(err) {
		return time.Time{}, false, nil
	}
	return at.UTC(), err == nil, err
}

// EndZoneUpdate implements app.Tx.
func (t *tx) EndZoneUpdate(ctx context.Context, u app.ZoneUpdate) (bool, error) {
	n, err := t.now.EndZoneUpdate(ctx, db.EndZoneUpdateParams{WorkspaceID: t.ws, MemberID: u.Member, Version: u.Version})
	return n > 0, err
}
