package jobs

import (
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// Digest sends digests.
func Digest(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.Item] {
	return worker(job[app.Item]{"digest", a.DueDigests, a.SendDigest, a.NextDigest}, domainTime, log)
}

// Plan plans the digests to come.
func Plan(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.PlanBatch] {
	return worker(job[app.PlanBatch]{"plan digests", a.DuePlans, a.Plan, a.NextPlan}, domainTime, log)
}
