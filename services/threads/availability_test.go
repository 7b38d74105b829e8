package threads

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/jobs"
	"github.com/meridianhq/meridian/services/threads/internal/store"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
)

// availability stands for the availability service: everybody works all hours, but for the delay that a test gives them,
// and a working day ends a day later. Those who never work, and strangers, have no due times.
type availability struct {
	availabilityv1.UnimplementedAvailabilityServiceServer

	mu       sync.Mutex
	down     bool
	delay    map[uuid.UUID]time.Duration
	reason   map[uuid.UUID]workingtime.Reason
	delegate map[uuid.UUID]uuid.UUID
	calls    int
	queries  int
	asking   chan struct{} // when set, told of each question before it is answered
	released chan struct{} // when set, what an answer waits for
}

func newAvailability() *availability {
	return &availability{
		delay: map[uuid.UUID]time.Duration{}, reason: map[uuid.UUID]workingtime.Reason{}, delegate: map[uuid.UUID]uuid.UUID{},
	}
}

func (a *availability) set(change func(a *availability)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

// asked is how many calls and queries there were.
func (a *availability) asked() (calls, queries int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls, a.queries
}

// Deadlines implements app.WorkingTime.
func (a *availability) Deadlines(ctx context.Context, _ uuid.UUID, queries []workingtime.Query) ([]workingtime.Deadline, error) {
	a.mu.Lock()
	a.calls++
	a.queries += len(queries)
	if a.down {
		a.mu.Unlock()
		return nil, fault.New(fault.Unavailable, fault.ReasonUnavailable, "the availability service is down")
	}
	found := make([]workingtime.Deadline, len(queries))
	for i, q := range queries {
		found[i] = a.deadline(q)
	}
	asking, released := a.asking, a.released
	a.mu.Unlock()
	if asking != nil {
		asking <- struct{}{}
		select {
		case <-released:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return found, nil
}

// ComputeDeadlines is the same over gRPC, for the whole service.
func (a *availability) ComputeDeadlines(
	ctx context.Context, req *availabilityv1.ComputeDeadlinesRequest,
) (*availabilityv1.ComputeDeadlinesResponse, error) {
	queries := make([]workingtime.Query, len(req.GetQueries()))
	for i, q := range req.GetQueries() {
		member, err := uuid.Parse(domain.LastID(q.GetMember()))
		if err != nil {
			return nil, err
		}
		queries[i] = workingtime.Query{Member: member, From: q.GetStartTime().AsTime(), Window: workingtime.FromProto(q.GetWindow())}
	}
	found, err := a.Deadlines(ctx, uuid.Nil, queries)
	if err != nil {
		return nil, err
	}
	resp := &availabilityv1.ComputeDeadlinesResponse{}
	for i, d := range found {
		answer := &availabilityv1.Deadline{Member: req.GetQueries()[i].GetMember(), Reason: availabilityv1.Deadline_Reason(d.Reason)}
		if !d.Due.IsZero() {
			answer.DueTime = timestamppb.New(d.Due)
		}
		resp.Deadlines = append(resp.Deadlines, answer)
	}
	return resp, nil
}

func (a *availability) deadline(q workingtime.Query) workingtime.Deadline {
	if reason := a.reason[q.Member]; reason != workingtime.Known {
		return workingtime.Deadline{Reason: reason, Delegate: a.delegate[q.Member]}
	}
	length := q.Window.Time
	if q.Window.Unit == window.WorkingDays {
		length = time.Duration(q.Window.Days) * 24 * time.Hour
	}
	return workingtime.Deadline{Due: q.From.Add(length + a.delay[q.Member]), Delegate: a.delegate[q.Member]}
}

// working runs the service's workers; settle returns when all that is due by the clock is done, or failed.
func (w *world) working() (settle func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = w.dues.Run(ctx) })
	running.Go(func() { _ = w.overdue.Run(ctx) })
	w.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return func() {
		w.t.Helper()
		require.NoError(w.t, w.dues.Settled(w.ctx))
		require.NoError(w.t, w.overdue.Settled(w.ctx))
	}
}

// replica is the same service once more, on the same database, with workers of its own.
func (w *world) replica() *world {
	w.t.Helper()
	other := *w
	twin := &other
	twin.app = app.New(app.Deps{
		Store:  store.New(w.db.App, w.db.Owner, w.box, wire.Encoder("meridian.test")),
		Access: w.directory, Clock: w.clock, WorkingTime: w.hours, Pending: func() { twin.dues.Wake() },
	})
	twin.dues, twin.overdue = jobs.ComputeDues(twin.app, w.clock, nil), jobs.AnnounceOverdue(twin.app, w.clock, nil)
	return twin
}
