package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// CoreHours returns a team's core hours.
func (a *App) CoreHours(ctx context.Context, ws, team uuid.UUID) (domain.CoreHours, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.CoreHours{}, err
	}
	if err := a.store.Team(ctx, ws, team); err != nil {
		return domain.CoreHours{}, err
	}
	return a.store.CoreHours(ctx, ws, team)
}

// UpdateCoreHours sets a team's core hours.
func (a *App) UpdateCoreHours(ctx context.Context, ws, team uuid.UUID, fresh Fresh, c domain.CoreHoursChange) (domain.CoreHours, error) {
	var core domain.CoreHours
	err := a.onTeam(ctx, ws, func(ctx context.Context, tx Tx, caller auth.Caller) error {
		if err := tx.LockTeam(ctx, team); err != nil {
			return err
		}
		if err := mayLead(ctx, tx, caller, team); err != nil {
			return err
		}
		_, replayed, err := tx.Replay(ctx, domain.CoreHoursName(ws, team))
		if err != nil {
			return err
		}
		if core, err = tx.CoreHours(ctx, team); err != nil || replayed {
			return err
		}
		if err := fresh.check(core.Revision); err != nil {
			return err
		}
		now := a.now()
		events, err := core.Update(c, now)
		if err != nil || len(events) == 0 {
			return err
		}
		if err := tx.SaveCoreHours(ctx, core); err != nil {
			return err
		}
		if err := tx.WatchCoverage(ctx, team, now.Add(domain.LookSoon)); err != nil {
			return err
		}
		return publish(ctx, tx, caller, now, events)
	})
	return core, err
}
