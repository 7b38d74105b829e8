package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// Rotation implements app.RotationStore.
func (s *Store) Rotation(ctx context.Context, ref app.RotationRef) (domain.Rotation, error) {
	row, err := s.queries(ref.Workspace).Rotation(ctx, db.RotationParams{
		WorkspaceID: ref.Workspace, TeamID: ref.Team, RotationID: ref.Rotation,
	})
	return oneRotation(ref, row.Rotation, err)
}

// LockRotation implements app.RotationTx.
func (t *tx) LockRotation(ctx context.Context, ref app.RotationRef) (domain.Rotation, error) {
	row, err := t.now.LockRotation(ctx, db.LockRotationParams{WorkspaceID: t.ws, TeamID: ref.Team, RotationID: ref.Rotation})
	return oneRotation(ref, row.Rotation, err)
}

func oneRotation(ref app.RotationRef, row db.Rotation, err error) (domain.Rotation, error) {
	if postgres.IsNoRows(err) {
		return domain.Rotation{}, fault.NotFoundName(domain.RotationName(ref.Workspace, ref.Team, ref.Rotation))
	}
	if err != nil {
		return domain.Rotation{}, fmt.Errorf("read a rotation: %w", err)
	}
	return rotationOf(row), nil
}

func rotationOf(row db.Rotation) domain.Rotation {
	return domain.Rotation{
		Workspace: row.WorkspaceID, Team: row.TeamID, ID: row.RotationID, Name: row.DisplayName,
		Revision: row.Revision, Version: row.Version, CreateTime: row.CreateTime.UTC(), UpdateTime: row.UpdateTime.UTC(),
		DeleteTime: value(row.DeleteTime).UTC(), Due: value(row.DueTime).UTC(),
		Told: domain.Shift{Start: value(row.ShiftStart).UTC(), Members: row.ShiftMembers},
	}
}

// Rotations implements app.RotationStore.
func (s *Store) Rotations(ctx context.Context, ws, team uuid.UUID, p app.Page) (page.Result[domain.Rotation, app.Cursor], error) {
	found, err := s.queries(ws).ListRotations(ctx, db.ListRotationsParams{
		WorkspaceID: ws, TeamID: team, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return page.Result[domain.Rotation, app.Cursor]{}, fmt.Errorf("list a team's rotations: %w", err)
	}
	items := make([]domain.Rotation, len(found))
	for i, row := range found {
		items[i] = rotationOf(row.Rotation)
	}
	return page.Cut(items, p.Size, func(r domain.Rotation) app.Cursor { return app.Cursor{ID: r.ID} }), nil
}

// RotationsAt implements app.RotationStore.
func (s *Store) RotationsAt(ctx context.Context, ws, team uuid.UUID, at time.Time, most int) ([]domain.Rotation, error) {
	found, err := s.queries(ws).RotationsAt(ctx, db.RotationsAtParams{WorkspaceID: ws, TeamID: team, AtTime: &at, MaxRows: int32(most)})
	if err != nil {
		return nil, fmt.Errorf("read a team's rotations: %w", err)
	}
	items := make([]domain.Rotation, len(found))
	for i, row := range found {
		items[i] = rotationOf(row.Rotation)
	}
	return items, nil
}

// Turns implements app.RotationStore.
func (s *Store) Turns(ctx context.Context, ws uuid.UUID, rotations []domain.Rotation, from, until time.Time) error {
	return turns(ctx, s.queries(ws), ws, rotations, from, until)
}

// Overrides implements app.RotationStore.
func (s *Store) Overrides(ctx context.Context, ws uuid.UUID, rotations []domain.Rotation, from, until time.Time) error {
	return overrides(ctx, s.queries(ws), ws, rotations, from, until)
}

// Layers implements app.RotationTx.
func (t *tx) Layers(ctx context.Context, r *domain.Rotation, from, until time.Time) error {
	one := []domain.Rotation{*r}
	if err := turns(ctx, t.now, t.ws, one, from, until); err != nil {
		return err
	}
	if err := overrides(ctx, t.now, t.ws, one, from, until); err != nil {
		return err
	}
	*r = one[0]
	return nil
}

func turns(ctx context.Context, q *db.Queries, ws uuid.UUID, rotations []domain.Rotation, from, until time.Time) error {
	ids, places := byID(rotations)
	found, err := q.TurnsBetween(ctx, db.TurnsBetweenParams{WorkspaceID: ws, RotationIds: ids, FromTime: &from, UntilTime: until})
	if err != nil {
		return fmt.Errorf("read the turns of rotations: %w", err)
	}
	for _, row := range found {
		t := row.RotationTurn
		r := &rotations[places[t.RotationID]]
		r.Turns = append(r.Turns, domain.Turns{
			ID: t.TurnsID, Members: t.Members, Unit: domain.Unit(t.Unit), Every: int(t.Every), Zone: t.TimeZone,
			First: dateOf(t.FirstDate), At: worktime.Clock(t.HandOver), Start: t.StartTime.UTC(), End: value(t.EndTime).UTC(),
		})
	}
	return nil
}

func overrides(ctx context.Context, q *db.Queries, ws uuid.UUID, rotations []domain.Rotation, from, until time.Time) error {
	ids, places := byID(rotations)
	found, err := q.OverridesBetween(ctx, db.OverridesBetweenParams{WorkspaceID: ws, RotationIds: ids, FromTime: from, UntilTime: until})
	if err != nil {
		return fmt.Errorf("read the overrides of rotations: %w", err)
	}
	for _, row := range found {
		r := &rotations[places[row.RotationOverride.RotationID]]
		r.Overrides = append(r.Overrides, overrideOf(row.RotationOverride))
	}
	return departed(ctx, q, ws, rotations, from)
}

// departed reads into rotations when those had left whom their turns and overrides name.
func departed(ctx context.Context, q *db.Queries, ws uuid.UUID, rotations []domain.Rotation, from time.Time) error {
	var members []uuid.UUID
	for i := range rotations {
		members = append(members, rotations[i].Named()...)
	}
	found, err := departures(ctx, q, ws, members, from)
	if err != nil || len(found) == 0 {
		return err
	}
	for i := range rotations {
		seen := map[uuid.UUID]bool{}
		for _, member := range rotations[i].Named() {
			if !seen[member] {
				seen[member] = true
				rotations[i].Departures = append(rotations[i].Departures, found[member]...)
			}
		}
	}
	return nil
}

// byID are the rotations' ids, and the place of each.
func byID(rotations []domain.Rotation) ([]uuid.UUID, map[uuid.UUID]int) {
	ids, places := make([]uuid.UUID, len(rotations)), make(map[uuid.UUID]int, len(rotations))
	for i, r := range rotations {
		ids[i], places[r.ID] = r.ID, i
	}
	return ids, places
}

// AddRotation implements app.RotationTx.
func (t *tx) AddRotation(ctx context.Context, r domain.Rotation) error {
	return t.writes.InsertRotation(ctx, db.InsertRotationParams{
		WorkspaceID: t.ws, TeamID: r.Team, RotationID: r.ID, DisplayName: r.Name, Sun: r.Sun(), Revision: r.Revision,
		Version: r.Version, CreateTime: r.CreateTime, UpdateTime: r.UpdateTime, DueTime: nullable(r.Due),
	})
}

// SaveRotation implements app.RotationTx.
func (t *tx) SaveRotation(ctx context.Context, r domain.Rotation) error {
	return t.writes.SaveRotation(ctx, db.SaveRotationParams{
		WorkspaceID: t.ws, TeamID: r.Team, RotationID: r.ID, DisplayName: r.Name, Sun: r.Sun(), Revision: r.Revision,
		Version: r.Version, UpdateTime: r.UpdateTime, DeleteTime: nullable(r.DeleteTime), DueTime: nullable(r.Due),
		ShiftStart: nullable(r.Told.Start), ShiftMembers: r.Told.Members,
	})
}

// AddTurns implements app.RotationTx.
func (t *tx) AddTurns(ctx context.Context, ref app.RotationRef, d domain.Turns) error {
	err := t.writes.CutTurns(ctx, db.CutTurnsParams{WorkspaceID: t.ws, RotationID: ref.Rotation, StartTime: &d.Start})
	if err != nil {
		return err
	}
	return t.writes.InsertTurns(ctx, db.InsertTurnsParams{
		WorkspaceID: t.ws, RotationID: ref.Rotation, TurnsID: d.ID, Members: d.Members, Unit: string(d.Unit), Every: int32(d.Every),
		TimeZone: d.Zone, FirstDate: dayOf(d.First), HandOver: int32(d.At), StartTime: d.Start,
	})
}

// WakeSun implements app.RotationTx.
func (t *tx) WakeSun(ctx context.Context, at time.Time) error {
	return t.writes.WakeSun(ctx, db.WakeSunParams{WorkspaceID: t.ws, DueTime: &at})
}

// ClaimShifts implements app.RotationStore.
func (s *Store) ClaimShifts(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.RotationRef, error) {
	found, err := s.all().ClaimShifts(ctx, db.ClaimShiftsParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	if err != nil {
		return nil, fmt.Errorf("claim rotations whose shifts are due: %w", err)
	}
	refs := make([]app.RotationRef, len(found))
	for i, row := range found {
		refs[i] = app.RotationRef{Workspace: row.WorkspaceID, Team: row.TeamID, Rotation: row.RotationID}
	}
	return refs, nil
}

// NextShift implements app.RotationStore.
func (s *Store) NextShift(ctx context.Context) (time.Time, bool, error) {
	at, err := s.all().NextShift(ctx)
	if postgres.IsNoRows(err) {
		return time.Time{}, false, nil
	}
	return at.UTC(), err == nil, err
}
