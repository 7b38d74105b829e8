// Package peers asks the other services: availability when people can be reached, and threads, tasks and availability how the
// sources of notifications stand.
//
// It promises one kind of failure: what cannot be asked for now is Unavailable, or Unknown where others can still be asked.
// Never call it inside a transaction.
package peers

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/workingtime"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// WorkingTime implements app.WorkingTime.
type WorkingTime struct {
	client *workingtime.Client
}

// NewWorkingTime makes it over a client of the availability service.
func NewWorkingTime(client *workingtime.Client) *WorkingTime { return &WorkingTime{client: client} }

// Reaches implements app.WorkingTime.
func (w *WorkingTime) Reaches(ctx context.Context, ws uuid.UUID, members []uuid.UUID, at time.Time) (map[uuid.UUID]domain.Reach, error) {
	if len(members) == 0 {
		return map[uuid.UUID]domain.Reach{}, nil
	}
	answers, err := w.client.Reaches(ctx, ws, members, at)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]domain.Reach, len(members))
	for i, member := range members { // an answer for each, in their order
		found[member] = reachOf(answers[i])
	}
	return found, nil
}

// ApprovalDelegates implements app.WorkingTime.
func (w *WorkingTime) ApprovalDelegates(ctx context.Context, ws uuid.UUID, of []uuid.UUID, at time.Time) ([]uuid.UUID, error) {
	return w.client.ApprovalDelegates(ctx, ws, of, at)
}

func reachOf(r workingtime.Reach) domain.Reach {
	out := domain.Reach{
		Known: true, Working: r.Working, At: r.At, Until: r.Until, Work: r.Work, DayStart: r.DayStart, DayDate: r.DayDate, Version: r.Version,
		Missing: r.Reason == workingtime.NoMember,
	}
	// A zone that is not known here is only a matter of how instants are written: in UTC then.
	if zone, err := worktime.LoadZone(r.Zone); err == nil {
		out.Local = zone.Location()
	}
	return out
}
