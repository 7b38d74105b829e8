package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/threads/internal/app"
)

// AnnounceOverdue makes the worker that publishes which asks wait beyond their due times. Whether they do is told by the
// time alone, so a late one never makes an ask look as if there were time left.
func AnnounceOverdue(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.AskKey] {
	w := &due.Worker[app.AskKey]{
		Name: "announce overdue asks", Clock: domainTime, Log: log, Do: a.AnnounceOverdue, Next: a.NextOverdue,
	}
	w.Claim = func(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.AskKey, error) {
		claimed, full, err := a.ClaimOverdue(ctx, now, lease, limit)
		if full {
			w.Wake()
		}
		return claimed, err
	}
	return w
}
