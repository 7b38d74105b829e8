package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/threads/internal/app"
)

const (
	// duesLease is how long due times that could not be computed wait for the next try.
	duesLease = 5 * time.Second
	// duesBatch is how many are taken at once: the whole of large asks, each of which then changes once.
	duesBatch = 1000
	// duesParallel is how many workspaces are asked about at the same time.
	duesParallel = 4
)

// ComputeDues makes the worker that asks when the windows of asks end: of new ones, and of those whose people's working
// time has changed. Its rows are due at once, whatever the domain's time.
func ComputeDues(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.PendingDues] {
	w := &due.Worker[app.PendingDues]{
		Name: "compute due times", Clock: domainTime, Log: log, Lease: duesLease, Batch: duesBatch, Parallel: duesParallel,
		Do: a.ComputeDues, Next: a.NextPendingDue,
	}
	w.Claim = func(ctx context.Context, _ time.Time, lease time.Duration, limit int) ([]app.PendingDues, error) {
		claimed, full, err := a.ClaimDues(ctx, lease, limit)
		if full {
			w.Wake()
		}
		return claimed, err
	}
	return w
}
