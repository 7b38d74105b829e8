package app

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// SuggestHandoff ranks a team's ACTIVE members by how well they can take over from a giver, in a fixed number of statements.
func (a *App) SuggestHandoff(ctx context.Context, ws, team uuid.UUID, q domain.HandoffQuery) ([]domain.Candidate, error) {
	at, err := a.instant(ctx, ws, q.At)
	if err != nil {
		return nil, err
	}
	if q.At = at; q.Horizon == 0 {
		q.Horizon = domain.StandardHorizon
	}
	if err := q.Check(); err != nil {
		return nil, err
	}
	members := slices.Clone(q.Candidates)
	if len(members) == 0 {
		if members, err = a.store.TeamMembers(ctx, ws, team, domain.MaxTeam+1); err != nil {
			return nil, err
		}
	}
	if len(members) > domain.MaxTeam {
		return nil, fault.InvalidField("name", "must be of a team of at most 1000 active members")
	}
	members = slices.DeleteFunc(members, func(m uuid.UUID) bool { return m == q.Giver || slices.Contains(q.Exclude, m) })
	people, err := a.people(ctx, ws, append(slices.Clone(members), q.Giver), at, at.Add(q.Horizon))
	if err != nil {
		return nil, err
	}
	giver, ok := people[q.Giver]
	if !ok {
		return nil, fault.NotFoundName(domain.MemberName(ws, q.Giver))
	}
	var candidates []domain.Person
	for _, member := range members {
		if person := people[member]; person.Active { // who left in between is no candidate
			candidates = append(candidates, person)
		}
	}
	return domain.SuggestHandoff(giver, candidates, q), nil
}
