package jobs

import (
	"context"
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
)

// RouteHandoffs makes the worker that looks at every handoff whose receiver or times are to be found: one that was just
// offered, an AUTO that goes on, an open offer whose people's working time changed. While availability cannot be asked
// they wait, each a little longer every time.
func RouteHandoffs(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.Ref] {
	return &due.Worker[app.Ref]{
		Name:  "route handoffs",
		Clock: domainTime,
		Log:   log,
		Claim: a.ClaimRouting,
		Do: func(ctx context.Context, ref app.Ref) error {
			err := a.RouteHandoff(ctx, ref)
			if !fault.Is(err, fault.Unavailable) {
				return err
			}
			log.WarnContext(ctx, "a handoff waits for what it needs to know", "handoff", ref.Handoff, "error", err)
			return a.PutOffRouting(ctx, ref)
		},
		Next: a.NextRouting,
	}
}
