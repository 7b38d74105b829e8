package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Overlap returns when members, none of them twice, work at once, in a fixed number of statements. The answer names them
// by their places.
func (a *App) Overlap(ctx context.Context, ws uuid.UUID, members []uuid.UUID, q domain.OverlapQuery) (domain.Overlap, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.Overlap{}, err
	}
	if err := q.Check(len(members)); err != nil {
		return domain.Overlap{}, err
	}
	until := q.Start.Add(worktime.Horizon) // when each next works may be after the range
	if until.Before(q.End) {
		until = q.End
	}
	known, err := a.people(ctx, ws, members, q.Start, until)
	if err != nil {
		return domain.Overlap{}, err
	}
	people := make([]domain.Person, len(members))
	for i, member := range members {
		person, ok := known[member]
		if !ok {
			return domain.Overlap{}, fault.NotFoundName(domain.MemberName(ws, member))
		}
		people[i] = person
	}
	return domain.FindOverlap(people, q), nil
}
