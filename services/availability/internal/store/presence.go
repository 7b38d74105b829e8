package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// Presence implements app.PresenceStore.
func (s *Store) Presence(ctx context.Context, ws, member uuid.UUID) (departed bool, projected app.Presence, err error) {
	return presence(ctx, s.queries(ws), ws, member)
}

// Overlooked implements app.PresenceStore.
func (s *Store) Overlooked(ctx context.Context) ([]app.Presence, error) {
	rows, err := s.all().Overlooked(ctx)
	if err != nil {
		return nil, fmt.Errorf("read of whom it is not noted whether they are there: %w", err)
	}
	found := make([]app.Presence, len(rows))
	for i, row := range rows {
		found[i] = app.Presence{Workspace: row.WorkspaceID, Member: row.MemberID, Here: row.Here, Version: row.Version}
	}
	return found, nil
}

// Presence implements app.PresenceTx.
func (t *tx) Presence(ctx context.Context, member uuid.UUID) (departed bool, projected app.Presence, err error) {
	return presence(ctx, t.now, t.ws, member)
}

func presence(ctx context.Context, q *db.Queries, ws, member uuid.UUID) (departed bool, projected app.Presence, err error) {
	row, err := q.Presence(ctx, db.PresenceParams{WorkspaceID: ws, MemberID: member})
	if err != nil {
		return false, app.Presence{}, fmt.Errorf("read whether a member has left: %w", err)
	}
	return row.Departed, app.Presence{Workspace: ws, Member: member, Here: row.Here, Version: row.Version}, nil
}

// Depart implements app.PresenceTx.
func (t *tx) Depart(ctx context.Context, member uuid.UUID, at time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a departure's id: %w", err)
	}
	return t.writes.InsertDeparture(ctx, db.InsertDepartureParams{WorkspaceID: t.ws, MemberID: member, DepartureID: id, StartTime: at})
}

// Return implements app.PresenceTx.
func (t *tx) Return(ctx context.Context, member uuid.UUID, at time.Time) error {
	return t.writes.EndDeparture(ctx, db.EndDepartureParams{WorkspaceID: t.ws, MemberID: member, EndTime: &at})
}

// RotationsOfMember implements app.PresenceTx.
func (t *tx) RotationsOfMember(ctx context.Context, member uuid.UUID, at time.Time) ([]app.RotationRef, error) {
	rows, err := t.now.RotationsOfMember(ctx, db.RotationsOfMemberParams{WorkspaceID: t.ws, MemberID: member, AtTime: &at})
	if err != nil {
		return nil, fmt.Errorf("read the rotations of a member: %w", err)
	}
	refs := make([]app.RotationRef, len(rows))
	for i, row := range rows {
		refs[i] = app.RotationRef{Workspace: t.ws, Team: row.TeamID, Rotation: row.RotationID}
	}
	return refs, nil
}

// RotationsOfTeam implements app.PresenceTx.
func (t *tx) RotationsOfTeam(ctx context.Context, team uuid.UUID) ([]app.RotationRef, error) {
	rows, err := t.now.RotationsOfTeam(ctx, db.RotationsOfTeamParams{WorkspaceID: t.ws, TeamID: team})
	if err != nil {
		return nil, fmt.Errorf("read the rotations of a team: %w", err)
	}
	refs := make([]app.RotationRef, len(rows))
	for i, row := range rows {
		refs[i] = app.RotationRef{Workspace: t.ws, Team: row.TeamID, Rotation: row.RotationID}
	}
	return refs, nil
}

// departures are when members had left, as far as that is not over before an instant.
func departures(ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID, from time.Time) (map[uuid.UUID][]domain.Departure, error) {
	rows, err := q.DeparturesFrom(ctx, db.DeparturesFromParams{WorkspaceID: ws, MemberIds: members, FromTime: &from})
	if err != nil {
		return nil, fmt.Errorf("read when members had left: %w", err)
	}
	found := make(map[uuid.UUID][]domain.Departure)
	for _, row := range rows {
		found[row.MemberID] = append(found[row.MemberID], domain.Departure{
			Member: row.MemberID, Start: row.StartTime.UTC(), End: value(row.EndTime).UTC(),
		})
	}
	return found, nil
}
