package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// TimeOffSources implements app.SourceReader.
func (s *Store) TimeOffSources(ctx context.Context, ws uuid.UUID, checks []app.TimeOffCheck) (map[int]app.TimeOffSource, error) {
	found := make(map[int]app.TimeOffSource, len(checks))
	if len(checks) == 0 {
		return found, nil
	}
	p := db.TimeOffSourcesParams{WorkspaceID: ws}
	for _, c := range checks {
		p.Places, p.Owners = append(p.Places, int32(c.Place)), append(p.Owners, c.Owner)
		p.Ids, p.Members = append(p.Ids, c.ID), append(p.Members, c.Member)
	}
	rows, err := s.queries(ws).TimeOffSources(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("check times off: %w", err)
	}
	for _, row := range rows {
		found[int(row.Place)] = app.TimeOffSource{TimeOff: timeOffOf(row.TimeOff), Manager: row.ManagerID, Reads: row.Reads}
	}
	return found, nil
}

// SwapSources implements app.SourceReader.
func (s *Store) SwapSources(ctx context.Context, ws uuid.UUID, checks []app.SwapCheck) (map[int]domain.Swap, error) {
	found := make(map[int]domain.Swap, len(checks))
	if len(checks) == 0 {
		return found, nil
	}
	p := db.SwapSourcesParams{WorkspaceID: ws}
	for _, c := range checks {
		p.Places, p.Teams = append(p.Places, int32(c.Place)), append(p.Teams, c.Ref.Team)
		p.Rotations, p.Ids = append(p.Rotations, c.Ref.Rotation), append(p.Ids, c.ID)
		p.Members = append(p.Members, c.Member)
	}
	rows, err := s.queries(ws).SwapSources(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("check swaps: %w", err)
	}
	for _, row := range rows {
		found[int(row.Place)] = swapOf(row.RotationSwap)
	}
	return found, nil
}
