package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/availability/internal/app"
)

// TellRules makes the worker that tells members what of their working time is another by the rules of time zones in versions up to
// the one that it reckons with. Of a later one it leaves them to those who have it.
func TellRules(a *app.App, version string, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.ZoneUpdate] {
	return &due.Worker[app.ZoneUpdate]{
		Name: "tell of time zones", Clock: domainTime, Log: log,
		Claim: func(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.ZoneUpdate, error) {
			return a.ClaimZoneUpdates(ctx, version, now, lease, limit)
		},
		Do:   func(ctx context.Context, u app.ZoneUpdate) error { return a.TellRules(ctx, u, version) },
		Next: func(ctx context.Context) (time.Time, bool, error) { return a.NextZoneUpdate(ctx, version) },
	}
}
