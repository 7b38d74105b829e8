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
	people, _, err := a.crew(ctx, ws, team, q)
	if err != nil {
		return domain.Coverage{}, err
	}
	core, err := a.store.CoreHistory(ctx, ws, team, q.Start, q.End)
	if err != nil {
		return domain.Coverage{}, err
	}
	return domain.Cover(people, core, q)
}

// crew are the ACTIVE members of a team in the order of their ids, with their layers, alone and among all who are known. A team
// that is too large for the query is refused.
func (a *App) crew(ctx context.Context, ws, team uuid.UUID, q domain.CoverageQuery) ([]domain.Person, domain.People, error) {
	members, err := a.store.TeamMembers(ctx, ws, team, domain.MaxTeam+1)
	if err != nil {
		return nil, nil, err
	}
	if err := q.CheckTeam(len(members)); err != nil {
		return nil, nil, err
	}
	known, err := a.people(ctx, ws, members, q.Start, q.End)
	if err != nil {
		return nil, nil, err
	}
	people := make([]domain.Person, 0, len(members))
	for _, member := range members {
		if person := known[member]; person.Active { // who left in between is not of the team
			people = append(people, person)
		}
	}
	return people, known, nil
}
