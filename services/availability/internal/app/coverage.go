package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Coverage returns how many of a team work, in a fixed number of statements.
func (a *App) Coverage(ctx context.Context, ws, team uuid.UUID, q domain.CoverageQuery) (domain.Coverage, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.Coverage{}, err
	}
	if err := q.Check(); err != nil {
		return domain.Coverage{}, err
	}
	members, err := a.store.TeamMembers(ctx, ws, team, domain.MaxTeam+1)
	if err != nil {
		return domain.Coverage{}, err
	}
	if err := q.CheckTeam(len(members)); err != nil {
		return domain.Coverage{}, err
	}
	known, err := a.people(ctx, ws, members, q.Start, q.End)
	if err != nil {
		return domain.Coverage{}, err
	}
	people := make([]domain.Person, 0, len(members))
	for _, member := range members {
		if person := known[member]; person.Active { // who left in between is not of the team
			people = append(people, person)
		}
	}
	core, err := a.store.CoreHours(ctx, ws, team)
	if err != nil {
		return domain.Coverage{}, err
	}
	return domain.Cover(people, core, q)
}
