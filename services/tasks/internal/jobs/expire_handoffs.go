package jobs

import (
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
)

// ExpireHandoffs makes the worker that announces that offers have expired, at their time.
func ExpireHandoffs(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.Ref] {
	return &due.Worker[app.Ref]{
		Name:  "expire handoffs",
		Clock: domainTime,
		Log:   log,
		Claim: a.ClaimExpired,
		Do:    a.ExpireHandoff,
		Next:  a.NextExpiry,
	}
}
