package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Outlook returns what is needed to draw a team's next days, in a fixed number of statements. Without an instant they begin today,
// without a zone they are those of the caller's.
func (a *App) Outlook(ctx context.Context, ws, team uuid.UUID, q domain.OutlookQuery) (domain.Outlook, error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return domain.Outlook{}, err
	}
	now := a.now()
	if q.At.IsZero() {
		q.At = now
	}
	if q.Zone == "" {
		me, err := a.people(ctx, ws, []uuid.UUID{caller.Member}, now, now)
		if err != nil {
			return domain.Outlook{}, err
		}
		if q.Zone = domain.KnownZone(); me[caller.Member].Calendar != nil {
			q.Zone = me[caller.Member].ZoneAt(now)
		}
	}
	days, err := q.Range()
	if err != nil {
		return domain.Outlook{}, err
	}
	asked := domain.CoverageQuery{Start: days[0].Start, End: days[len(days)-1].End, Bucket: domain.OutlookBucket}
	people, all, err := a.crew(ctx, ws, team, asked)
	if err != nil {
		return domain.Outlook{}, err
	}
	acting := asked.Start // of a range that has begun, now
	if now.After(acting) && now.Before(asked.End) {
		acting = now
	}
	if err := a.delegates(ctx, ws, all, acting, acting); err != nil {
		return domain.Outlook{}, err
	}
	core, err := a.store.CoreHistory(ctx, ws, team, asked.Start, asked.End)
	if err != nil {
		return domain.Outlook{}, err
	}
	outlook, err := domain.NewOutlook(people, all, core, days, acting)
	outlook.Zone = q.Zone
	return outlook, err
}
