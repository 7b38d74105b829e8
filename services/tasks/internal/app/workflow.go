package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// SetWorkflow replaces a project's workflow and moves the tasks of the states that are gone, or that mean something else
// since.
func (a *App) SetWorkflow(ctx context.Context, id uuid.UUID, next domain.Workflow, moves []domain.Move, fresh Fresh) (domain.Project, error) {
	if err := next.Check("workflow"); err != nil {
		return domain.Project{}, err
	}
	var plan domain.Rearrangement
	var moved []*domain.Relay
	project, err := a.changeProject(ctx, id, fresh, projectChange{
		rearrange: true,
		rule: func(p *domain.Project, now time.Time) ([]domain.Event, error) {
			var err error
			if plan, err = p.Workflow.Rearrange(next, moves); err != nil {
				return nil, err
			}
			return p.SetWorkflow(next, moves, now), nil
		},
		then: func(ctx context.Context, tx Tx, caller auth.Caller, p *domain.Project) error {
			var err error
			moved, err = a.rearrange(ctx, tx, caller, p, plan)
			return err
		},
	})
	if err != nil {
		return domain.Project{}, err
	}
	for _, r := range moved {
		a.woken(r)
	}
	return project, nil
}

// rearrange moves the tasks of a project whose workflow changed.
func (a *App) rearrange(ctx context.Context, tx Tx, caller auth.Caller, p *domain.Project, plan domain.Rearrangement) ([]*domain.Relay, error) {
	states := plan.Affected()
	if len(states) == 0 {
		return nil, nil
	}
	relays, err := tx.LockRelaysIn(ctx, p.ID, states, domain.MaxMoved+1)
	if err != nil {
		return nil, err
	}
	for _, r := range relays {
		if _, placed := plan.Places[r.Task.State]; !placed {
			return nil, domain.Homeless(r.Task.State)
		}
	}
	if len(relays) > domain.MaxMoved {
		return nil, p.TooManyTasks()
	}
	for _, r := range relays {
		r.Begin(a.now())
		r.Move(plan.Places[r.Task.State], caller.Member)
		if err := a.keep(ctx, tx, r, caller.Principal()); err != nil {
			return nil, err
		}
	}
	return relays, nil
}
