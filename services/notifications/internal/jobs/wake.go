package jobs

import (
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// Wake brings snoozed notifications back.
func Wake(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.Item] {
	return worker(job[app.Item]{"wake", a.DueSnoozes, a.Wake, a.NextSnooze}, domainTime, log)
}
