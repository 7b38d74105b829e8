package replay

import (
	"context"
	"log/slog"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/postgres"
)

const (
	// Retention is how long a request_id is remembered. The API promises 24 hours.
	Retention  = 36 * time.Hour
	pruneEvery = 10 * time.Minute
)

// Run prunes what is older than Retention by the machine clock, now and every ten minutes, until ctx ends. Any
// number of replicas may run it. A failure is logged and tried again the next time.
func Run(ctx context.Context, owner *postgres.DB, machine clock.Clock, log *slog.Logger) error {
	return clock.Every(ctx, pruneEvery, func(ctx context.Context) {
		if _, err := Prune(ctx, owner.Pool(), machine.Now().Add(-Retention)); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "replay: prune failed", "error", err)
		}
	})
}
