// Package jobs is what becomes due in availability: one file a kind.
package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/availability/internal/app"
)

const (
	// importLease is longer than a fetch may take, FetchTimeout.
	importLease = 90 * time.Second
	// importBatch is how many calendars are taken at once, all of which are fetched at the same time: they mostly wait.
	importBatch = 16
	// FetchTimeout bounds a fetch with its redirects and its body.
	FetchTimeout = 30 * time.Second
)

// ImportCalendars makes the worker that fetches the calendars of members and moves their horizon on.
func ImportCalendars(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.CalendarKey] {
	w := &due.Worker[app.CalendarKey]{
		Name: "import calendars", Clock: domainTime, Log: log, Lease: importLease, Batch: importBatch, Parallel: importBatch,
		Do: a.ImportCalendar, Next: a.NextCalendarDue,
	}
	w.Claim = func(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.CalendarKey, error) {
		claimed, full, err := a.ClaimCalendars(ctx, now, lease, limit)
		if full {
			w.Wake()
		}
		return claimed, err
	}
	return w
}
