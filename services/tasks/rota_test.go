package tasks

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
)

// rota stands for availability: people with the same hours every day, in UTC, who may be away until an instant.
type rota struct {
	mu    sync.Mutex
	hours map[uuid.UUID]hours
	// delegates act for members in handoffs.
	delegates map[uuid.UUID]uuid.UUID
	down      bool
	asked     int
	// asking is called with each question, outside of the lock.
	asking func()
}

// hours are from the one to the other hour of every day.
type hours struct {
	from, to int
	away     time.Time
	never    bool
}

func newRota() *rota {
	return &rota{hours: map[uuid.UUID]hours{}, delegates: map[uuid.UUID]uuid.UUID{}}
}

// acts has somebody act for another in handoffs.
func (r *rota) acts(delegate, of person) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delegates[of.Member] = delegate.Member
}

// HandoffDelegate implements app.WorkingTime.
func (r *rota) HandoffDelegate(_ context.Context, _, member uuid.UUID, _ time.Time) (uuid.UUID, error) {
	if _, err := r.answer(); err != nil {
		return uuid.Nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.delegates[member], nil
}

// nineToFive are the hours of who has no others.
var nineToFive = hours{from: 9, to: 17}

func (r *rota) set(p person, h hours) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hours[p.Member] = h
}

func (r *rota) setDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// meanwhile calls f with the next question, and with no other.
func (r *rota) meanwhile(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asking = func() {
		r.mu.Lock()
		r.asking = nil
		r.mu.Unlock()
		f()
	}
}

func (r *rota) questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// answer notes a question and returns everybody's hours.
func (r *rota) answer() (func(member uuid.UUID) hours, error) {
	r.mu.Lock()
	asking := r.asking
	r.mu.Unlock()
	if asking != nil {
		asking()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.down {
		return nil, fault.New(fault.Unavailable, fault.ReasonUnavailable, "availability is away")
	}
	all := make(map[uuid.UUID]hours, len(r.hours))
	for member, h := range r.hours {
		all[member] = h
	}
	return func(member uuid.UUID) hours {
		if h, ok := all[member]; ok {
			return h
		}
		return nineToFive
	}, nil
}

// Deadlines implements app.WorkingTime.
func (r *rota) Deadlines(_ context.Context, _ uuid.UUID, queries []workingtime.Query) ([]workingtime.Deadline, error) {
	of, err := r.answer()
	if err != nil {
		return nil, err
	}
	out := make([]workingtime.Deadline, len(queries))
	for i, q := range queries {
		due, ok := of(q.Member).deadline(q.From, q.Window)
		if !ok {
			out[i].Reason = workingtime.NoWorkingTime
			continue
		}
		out[i].Due = due
	}
	return out, nil
}

// Suggest implements app.WorkingTime: who starts sooner stands first, in whole half hours.
func (r *rota) Suggest(_ context.Context, _ uuid.UUID, h workingtime.Handover) ([]uuid.UUID, error) {
	of, err := r.answer()
	if err != nil {
		return nil, err
	}
	starts := map[uuid.UUID]time.Time{}
	var found []uuid.UUID
	for _, m := range h.Candidates {
		if start, ok := of(m).deadline(h.At, window.Working(0)); ok && start.Sub(h.At) <= h.Horizon {
			starts[m] = start.Truncate(30 * time.Minute)
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b uuid.UUID) int { return starts[a].Compare(starts[b]) })
	return found, nil
}

// deadline walks the days; none within 90 is none.
func (h hours) deadline(from time.Time, w window.Window) (time.Time, bool) {
	if w.Unit == window.ElapsedTime {
		return from.Add(w.Time), true
	}
	left := w.Time
	day := from.Truncate(24 * time.Hour)
	for range 90 {
		start, end := day.Add(time.Duration(h.from)*time.Hour), day.Add(time.Duration(h.to)*time.Hour)
		for _, least := range []time.Time{from, h.away} {
			if start.Before(least) {
				start = least
			}
		}
		if !h.never && start.Before(end) {
			if end.Sub(start) >= left && (left > 0 || start.Before(end)) {
				return start.Add(left), true
			}
			left -= end.Sub(start)
		}
		day = day.Add(24 * time.Hour)
	}
	return time.Time{}, false
}
