// Package clock is the only place of Meridian that reads the wall clock.
//
// It keeps two kinds of time apart. Domain time is what people see: create_time, dues, expiries, deliveries. It
// comes from an injected Clock, and a test or the development clock may hold it still and move it forward.
// Machine time is never moved: the life of tokens and leases, retention, rate limits. Both are UTC.
package clock

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Clock tells the time. Now is in UTC and, for one Clock, never before an earlier answer.
type Clock interface {
	Now() time.Time
}

// System is domain time in production: the wall clock.
func System() Clock { return wall{} }

// Machine is machine time: the wall clock whatever the domain's clock says. It is System under the name that
// tells a reader which of the two times is meant.
func Machine() Clock { return wall{} }

type wall struct{}

// Now keeps the monotonic reading, so that differences of two answers are true even when the clock is set.
func (wall) Now() time.Time { return time.Now().UTC() }

// Sleep waits for d of machine time, or until ctx ends; then it returns the cause of ctx's end.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Every calls f now and then each interval of machine time after f returned, until ctx ends. It returns the cause
// of ctx's end.
func Every(ctx context.Context, interval time.Duration, f func(context.Context)) error {
	for {
		f(ctx)
		if err := Sleep(ctx, interval); err != nil {
			return err
		}
	}
}

// Manual is domain time that stands still and moves only forward, by hand. It is safe for concurrent use.
type Manual struct {
	mu      sync.Mutex
	now     time.Time
	changed chan struct{}
}

// NewManual returns a clock that stands at t.
func NewManual(t time.Time) *Manual {
	return &Manual{now: t.UTC().Round(0), changed: make(chan struct{})}
}

// Now is the time the clock was last moved to.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Set moves the clock to t. A time before Now is refused, and the clock stays.
func (m *Manual) Set(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.Before(m.now) {
		return fmt.Errorf("clock: %s is before %s; it moves only forward", t.UTC().Format(time.RFC3339Nano), m.now.Format(time.RFC3339Nano))
	}
	m.move(t)
	return nil
}

// Advance moves the clock by d and returns the new time. A negative d leaves it where it is.
func (m *Manual) Advance(d time.Duration) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d > 0 {
		m.move(m.now.Add(d))
	}
	return m.now
}

// Changed returns a channel that is closed when the clock next moves. Take it before reading Now, else a move in
// between is missed.
func (m *Manual) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *Manual) move(t time.Time) {
	m.now = t.UTC().Round(0)
	close(m.changed)
	m.changed = make(chan struct{})
}
