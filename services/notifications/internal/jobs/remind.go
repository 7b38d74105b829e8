package jobs

import (
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// Remind reminds of asks and offers when three quarters of their windows are gone.
func Remind(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.ReminderBatch] {
	return worker(job[app.ReminderBatch]{"remind", a.DueReminders, a.Remind, a.NextReminder}, domainTime, log)
}
