package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
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

// ForeseenCoreHours are core hours, with the gaps of the next weeks where a change of them is only tried.
type ForeseenCoreHours struct {
	domain.CoreHours
	Gaps []worktime.Interval
}

// UpdateCoreHours sets a team's core hours from now on, or with dry says what that would do.
func (a *App) UpdateCoreHours(
	ctx context.Context, ws, team uuid.UUID, fresh Fresh, c domain.CoreHoursChange, dry bool,
) (ForeseenCoreHours, error) {
	core, err := a.setCoreHours(ctx, ws, team, fresh, c, dry)
	if err != nil || !dry {
		return ForeseenCoreHours{CoreHours: core}, err
	}
	q := domain.CoverageQuery{Start: a.now(), End: a.now().Add(domain.PreviewRange), Bucket: domain.OutlookBucket}
	people, _, err := a.crew(ctx, ws, team, q)
	if fault.Is(err, fault.Invalid) { // too large a team to look ahead for, which may have core hours as others do
		return ForeseenCoreHours{CoreHours: core}, nil
	}
	if err != nil {
		return ForeseenCoreHours{}, err
	}
	gaps, err := domain.ForeseeGaps(people, core, q)
	return ForeseenCoreHours{CoreHours: core, Gaps: gaps}, err
}

func (a *App) setCoreHours(
	ctx context.Context, ws, team uuid.UUID, fresh Fresh, c domain.CoreHoursChange, dry bool,
) (domain.CoreHours, error) {
	var core domain.CoreHours
	err := a.onTeam(ctx, ws, func(ctx context.Context, tx Tx, caller auth.Caller) error {
		if err := tx.LockTeam(ctx, team); err != nil {
			return err
		}
		if err := mayLead(ctx, tx, caller, team); err != nil {
			return err
		}
		_, replayed, err := replay(ctx, tx, domain.CoreHoursName(ws, team), dry)
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
		if err != nil || len(events) == 0 || dry {
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
