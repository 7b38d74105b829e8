package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

// sweepEvery is between two sweeps. A durable that nobody reads costs the broker little.
const sweepEvery = 10 * time.Minute

// SweepDurables makes the loop that sweeps integrators' durables without a subscription, at its start and from then on.
// Replicas that sweep at once do the same thing.
func SweepDurables(a *app.App, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		sweep := func(ctx context.Context) {
			if err := a.SweepDurables(ctx); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "orphaned durables are not swept; it is tried again later", "error", err)
			}
		}
		_ = clock.Every(ctx, sweepEvery, sweep) // it ends only with ctx
		return nil
	}
}
