package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/workingtime"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// timings asks when the handoff would expire for each of the members, and when three quarters of its window are gone.
func (a *App) timings(ctx context.Context, h domain.Handoff, members []uuid.UUID, from time.Time) ([]domain.Timing, error) {
	if len(members) == 0 {
		return nil, nil
	}
	most := h.Window.ThreeQuarters()
	queries := make([]workingtime.Query, 0, 2*len(members))
	for _, m := range members {
		queries = append(queries, workingtime.Query{Member: m, From: from, Window: h.Window})
	}
	if !most.None() {
		for _, m := range members {
			queries = append(queries, workingtime.Query{Member: m, From: from, Window: most})
		}
	}
	deadlines, err := a.time.Deadlines(ctx, h.Workspace, queries)
	if err != nil {
		return nil, err
	}
	timings := make([]domain.Timing, len(members))
	for i := range members {
		timings[i].Expire = kept(deadlines[i].Due)
		if !most.None() {
			timings[i].Remind = kept(deadlines[len(members)+i].Due)
		}
	}
	return timings, nil
}

// atLeast is the later of two instants.
func atLeast(t, least time.Time) time.Time {
	if t.Before(least) {
		return least
	}
	return t
}

// kept is an instant as the database keeps it.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}

// latest is when the last of those who can be reached is due.
func latest(timings []domain.Timing) domain.Timing {
	var last domain.Timing
	for _, t := range timings {
		last.Expire, last.Remind = atLeast(last.Expire, t.Expire), atLeast(last.Remind, t.Remind)
	}
	return last
}
