package jobs

import (
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// Decide decides anew what is held, when that is asked for.
func Decide(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.DeliveryBatch] {
	return worker(job[app.DeliveryBatch]{"decide", a.Undecided, a.Redecide, a.NextUndecided}, domainTime, log)
}
