package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

// Person implements app.PeopleTx.
func (t *tx) Person(ctx context.Context, member uuid.UUID) (app.Person, error) {
	row, err := t.now.Person(ctx, db.PersonParams{WorkspaceID: t.ws, MemberID: member})
	if postgres.IsNoRows(err) {
		return app.Person{}, nil
	}
	if err != nil {
		return app.Person{}, fmt.Errorf("read a member: %w", err)
	}
	return app.Person{DisplayName: row.DisplayName, Active: row.Active}, nil
}

// InTeam implements app.PeopleTx.
func (t *tx) InTeam(ctx context.Context, team, member uuid.UUID) (bool, error) {
	found, err := t.now.InTeam(ctx, db.InTeamParams{WorkspaceID: t.ws, TeamID: team, MemberID: member})
	if err != nil {
		return false, fmt.Errorf("look for a member in a team: %w", err)
	}
	return found, nil
}

// TeamExists implements app.PeopleTx.
func (t *tx) TeamExists(ctx context.Context, team uuid.UUID) (bool, error) {
	found, err := t.now.TeamExists(ctx, db.TeamExistsParams{WorkspaceID: t.ws, TeamID: team})
	if err != nil {
		return false, fmt.Errorf("look for a team: %w", err)
	}
	return found, nil
}

// MayReceive implements app.PeopleTx.
func (t *tx) MayReceive(ctx context.Context, member, space uuid.UUID) (bool, error) {
	rows, err := t.now.Receiver(ctx, db.ReceiverParams{WorkspaceID: t.ws, MemberID: member, SpaceID: space})
	if err != nil {
		return false, fmt.Errorf("look whether a member may take a baton: %w", err)
	}
	return len(rows) > 0, nil
}

// Receivers implements app.PeopleTx.
func (t *tx) Receivers(ctx context.Context, team, space, giver uuid.UUID) ([]app.Receiver, error) {
	return teamReceivers(ctx, t.now, t.ws, team, space, giver)
}

func teamReceivers(ctx context.Context, q *db.Queries, ws, team, space, giver uuid.UUID) ([]app.Receiver, error) {
	rows, err := q.Receivers(ctx, db.ReceiversParams{WorkspaceID: ws, TeamID: team, SpaceID: space, GiverID: giver})
	if err != nil {
		return nil, fmt.Errorf("find who of a team may take a baton: %w", err)
	}
	found := make([]app.Receiver, len(rows))
	for i, row := range rows {
		found[i] = app.Receiver{Member: row.MemberID, DisplayName: row.DisplayName}
	}
	return found, nil
}
