package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

// HandoffSources implements app.SourceReader.
func (s *Store) HandoffSources(ctx context.Context, ws uuid.UUID, checks []app.Check) (map[int]app.HandoffSource, error) {
	found := make(map[int]app.HandoffSource, len(checks))
	if len(checks) == 0 {
		return found, nil
	}
	places, ids, members := columns(checks)
	rows, err := s.queries(ws).HandoffSources(ctx, db.HandoffSourcesParams{WorkspaceID: ws, Places: places, Ids: ids, Members: members})
	if err != nil {
		return nil, fmt.Errorf("check handoffs: %w", err)
	}
	for _, row := range rows {
		h, err := handoffOf(row.Handoff, row.TaskKey, row.TaskTitle)
		if err != nil {
			return nil, err
		}
		found[int(row.Place)] = app.HandoffSource{Handoff: h, OfTeam: row.OfTeam, ResponderName: row.ResponderName}
	}
	return found, nil
}

// TaskSources implements app.SourceReader.
func (s *Store) TaskSources(ctx context.Context, ws uuid.UUID, checks []app.Check) (map[int]domain.Task, error) {
	found := make(map[int]domain.Task, len(checks))
	if len(checks) == 0 {
		return found, nil
	}
	places, ids, members := columns(checks)
	rows, err := s.queries(ws).TaskSources(ctx, db.TaskSourcesParams{WorkspaceID: ws, Places: places, Ids: ids, Members: members})
	if err != nil {
		return nil, fmt.Errorf("check tasks: %w", err)
	}
	for _, row := range rows {
		found[int(row.Place)] = taskOf(row.Task, nil)
	}
	return found, nil
}

func columns(checks []app.Check) (places []int32, ids, members []uuid.UUID) {
	for _, c := range checks {
		places, ids, members = append(places, int32(c.Place)), append(ids, c.ID), append(members, c.Member)
	}
	return places, ids, members
}
