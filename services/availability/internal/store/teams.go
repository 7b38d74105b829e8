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

// Team implements app.RotationStore.
func (s *Store) Team(ctx context.Context, ws, team uuid.UUID) error {
	there, err := s.queries(ws).TeamThere(ctx, db.TeamThereParams{WorkspaceID: ws, TeamID: team})
	if err != nil {
		return fmt.Errorf("read a team: %w", err)
	}
	if !there {
		return fault.NotFoundName(domain.TeamName(ws, team))
	}
	return nil
}

// LockTeam implements app.RotationTx.
func (t *tx) LockTeam(ctx context.Context, team uuid.UUID) error {
	_, err := t.now.LockTeam(ctx, db.LockTeamParams{WorkspaceID: t.ws, TeamID: team})
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(domain.TeamName(t.ws, team))
	}
	if err != nil {
		return fmt.Errorf("lock a team: %w", err)
	}
	return nil
}

// IsLead implements app.RotationTx.
func (t *tx) IsLead(ctx context.Context, team, member uuid.UUID) (bool, error) {
	return t.now.IsLead(ctx, db.IsLeadParams{WorkspaceID: t.ws, TeamID: team, MemberID: member})
}

// CountRotations implements app.RotationTx.
func (t *tx) CountRotations(ctx context.Context, team uuid.UUID) (int, error) {
	n, err := t.now.CountRotations(ctx, db.CountRotationsParams{WorkspaceID: t.ws, TeamID: team})
	return int(n), err
}

// CoreHours implements app.RotationStore.
func (s *Store) CoreHours(ctx context.Context, ws, team uuid.UUID) (domain.CoreHours, error) {
	return coreHours(ctx, s.queries(ws), ws, team)
}

// CoreHours implements app.RotationTx.
func (t *tx) CoreHours(ctx context.Context, team uuid.UUID) (domain.CoreHours, error) {
	return coreHours(ctx, t.now, t.ws, team)
}

func coreHours(ctx context.Context, q *db.Queries, ws, team uuid.UUID) (domain.CoreHours, error) {
	row, err := q.CoreHours(ctx, db.CoreHoursParams{WorkspaceID: ws, TeamID: team})
	if postgres.IsNoRows(err) {
		return domain.CoreHours{Workspace: ws, Team: team}, nil
	}
	if err != nil {
		return domain.CoreHours{}, fmt.Errorf("read a team's core hours: %w", err)
	}
	c := row.CoreHour
	windows, err := windowsOf(c.Windows)
	return domain.CoreHours{
		Workspace: ws, Team: team, Zone: c.TimeZone, Windows: windows, Need: int(c.Need), Revision: c.Revision,
		UpdateTime: c.UpdateTime.UTC(),
	}, err
}

// CoreHistory implements app.RotationStore.
func (s *Store) CoreHistory(ctx context.Context, ws, team uuid.UUID, from, until time.Time) (domain.CoreHistory, error) {
	rows, err := s.queries(ws).CoreHoursBetween(ctx, db.CoreHoursBetweenParams{WorkspaceID: ws, TeamID: team, FromTime: from, UntilTime: until})
	if err != nil {
		return nil, fmt.Errorf("read the core hours that a team had: %w", err)
	}
	var found domain.CoreHistory
	if len(rows) == 0 || rows[0].CoreHoursVersion.StartTime.After(from) {
		found = domain.CoreHistory{{Workspace: ws, Team: team}} // before the first
	}
	for _, row := range rows {
		v := row.CoreHoursVersion
		windows, err := windowsOf(v.Windows)
		if err != nil {
			return nil, err
		}
		found = append(found, domain.CoreHours{
			Workspace: ws, Team: team, Zone: v.TimeZone, Windows: windows, Need: int(v.Need), Revision: v.Revision, UpdateTime: v.StartTime.UTC(),
		})
	}
	// A replica of a version that did not keep them may have set the last.
	last, err := s.CoreHours(ctx, ws, team)
	if err == nil && last.Revision > found.Last().Revision && last.UpdateTime.Before(until) {
		found = append(found, last)
	}
	return found, err
}

// SaveCoreHours implements app.RotationTx.
func (t *tx) SaveCoreHours(ctx context.Context, c domain.CoreHours) error {
	windows, err := windowsText(c.Windows)
	if err != nil {
		return err
	}
	if err := t.writes.AddCoreHours(ctx, db.AddCoreHoursParams{
		WorkspaceID: t.ws, TeamID: c.Team, Revision: c.Revision, TimeZone: c.Zone, Windows: windows, Need: int32(c.Need), StartTime: c.UpdateTime,
	}); err != nil {
		return err
	}
	return t.writes.SaveCoreHours(ctx, db.SaveCoreHoursParams{
		WorkspaceID: t.ws, TeamID: c.Team, TimeZone: c.Zone, Windows: windows, Need: int32(c.Need), Revision: c.Revision,
		UpdateTime: c.UpdateTime,
	})
}
