// Package jobs does what becomes due in notifications: one worker a kind.
//
// It promises nothing of its own: each worker hands what it claims to its use case, which decides again whether it is still
// due. What belongs together is claimed together, so a worker looks again as soon as something was done.
package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// job is a use case that becomes due.
type job[T any] struct {
	name  string
	claim func(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]T, error)
	do    func(ctx context.Context, item T) error
	next  func(ctx context.Context) (time.Time, bool, error)
}

func worker[T any](j job[T], domainTime clock.Clock, log *slog.Logger) *due.Worker[T] {
	w := &due.Worker[T]{Name: j.name, Clock: domainTime, Log: log, Claim: j.claim, Next: j.next}
	w.Do = func(ctx context.Context, item T) error {
		defer w.Wake()
		return j.do(ctx, item)
	}
	return w
}

// Urgent sends what is due and URGENT, recipient by recipient. It has a worker of its own: while somebody who must be asked
// hangs, all other deliveries wait, and URGENT must not wait behind them.
func Urgent(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.DeliveryBatch] {
	return worker(job[app.DeliveryBatch]{"urgent", a.DueUrgent, a.Deliver, a.NextUrgent}, domainTime, log)
}

// Deliver sends what else is due, recipient by recipient.
func Deliver(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.DeliveryBatch] {
	return worker(job[app.DeliveryBatch]{"deliver", a.DueDeliveries, a.Deliver, a.NextDelivery}, domainTime, log)
}
