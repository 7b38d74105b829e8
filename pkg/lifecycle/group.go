// Package lifecycle starts the parts of a process in order and stops them in reverse.
//
// It promises that a part starts only when all before it have started, that parts stop in the reverse order, each
// before the next, that the first failure of any part ends the whole group, and that stopping takes no longer than
// the context it is given, whatever a part does.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// DefaultStopTimeout is how long Run gives all parts together to stop. It fits into the 45 seconds that
// Kubernetes is told to wait.
const DefaultStopTimeout = 40 * time.Second

// ErrStarted is returned when a group is started a second time.
var ErrStarted = errors.New("lifecycle: the group was started before")

// Group is a list of parts. Make it with New, fill it with Add and Go from one goroutine, then Start it once.
type Group struct {
	log         *slog.Logger
	stopTimeout time.Duration
	parts       []*part

	mu      sync.Mutex
	begun   bool
	started int
	failure error
	failed  chan struct{}
}

// part is one thing to start and stop.
type part struct {
	name  string
	start func(ctx context.Context) error
	stop  func(ctx context.Context) error
}

// New makes an empty group that logs each part's start and stop at debug level, and failures as errors.
func New(log *slog.Logger) *Group {
	return &Group{log: log, stopTimeout: DefaultStopTimeout, failed: make(chan struct{})}
}

// StopWithin sets how long Run gives all parts together to stop.
func (g *Group) StopWithin(d time.Duration) { g.stopTimeout = d }

// Add appends a part. start must return once the part works; its context may end before the part is stopped. stop
// must return once the part is gone, or when its context ends. Either may be nil.
func (g *Group) Add(name string, start, stop func(ctx context.Context) error) {
	g.parts = append(g.parts, &part{name: name, start: start, stop: stop})
}

// Go appends a loop: run is started in a goroutine when its turn comes, and its context is cancelled when its turn
// to stop comes. An error that run returns before that fails the group; returning nil ends the loop quietly.
func (g *Group) Go(name string, run func(ctx context.Context) error) {
	var cancel context.CancelFunc
	done := make(chan struct{})
	g.Add(name, func(ctx context.Context) error {
		// The loop outlives the context of Start, which may carry a deadline.
		ctx, cancel = context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // cancel is called when it stops
		go func() {
			defer close(done)
			if err := run(ctx); err != nil && ctx.Err() == nil {
				g.fail(fmt.Errorf("%s: %w", name, err))
			}
		}()
		return nil
	}, func(ctx context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Start starts the parts in order. When one fails, those before it are stopped again within the group's stop
// timeout, and its error is returned.
func (g *Group) Start(ctx context.Context) error {
	g.mu.Lock()
	if g.begun {
		g.mu.Unlock()
		return ErrStarted
	}
	g.begun = true
	g.mu.Unlock()
	for _, p := range g.parts {
		if err := g.startOne(ctx, p); err != nil {
			return errors.Join(fmt.Errorf("start %s: %w", p.name, err), g.stopInTime(ctx))
		}
	}
	return nil
}

func (g *Group) startOne(ctx context.Context, p *part) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.start != nil {
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	g.mu.Lock()
	g.started++
	g.mu.Unlock()
	g.log.DebugContext(ctx, "part started", slog.String("part", p.name))
	return nil
}

// Stop stops the started parts in reverse order and returns their errors joined. When ctx ends, the part that is
// being stopped is left behind and those before it get their stop with the ended context, so that each may still
// let go of what it holds. A second Stop does nothing.
func (g *Group) Stop(ctx context.Context) error {
	var errs []error
	for {
		p := g.last()
		if p == nil {
			return errors.Join(errs...)
		}
		if p.stop == nil {
			continue
		}
		if err := bounded(ctx, p.stop); err != nil {
			g.log.ErrorContext(ctx, "part did not stop cleanly", slog.String("part", p.name), slog.Any("error", err))
			errs = append(errs, fmt.Errorf("stop %s: %w", p.name, err))
			continue
		}
		g.log.DebugContext(ctx, "part stopped", slog.String("part", p.name))
	}
}

// last takes the last started part off the list, or returns nil.
func (g *Group) last() *part {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.started == 0 {
		return nil
	}
	g.started--
	return g.parts[g.started]
}

// leaveAfter is what a stop gets, beyond the end of its context, to notice that end.
const leaveAfter = 200 * time.Millisecond

// bounded calls stop and returns soon after ctx ends even when stop does not.
func bounded(ctx context.Context, stop func(ctx context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(leaveAfter)
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
		return fmt.Errorf("left behind: %w", ctx.Err())
	}
}

// Fail ends the group with err, as the failure of one of its parts does. Only the first failure is kept.
func (g *Group) Fail(err error) { g.fail(err) }

func (g *Group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failure != nil {
		return
	}
	g.failure = err
	close(g.failed)
}

// Wait blocks until a part fails, whose error it returns, or until ctx ends, when it returns nil.
func (g *Group) Wait(ctx context.Context) error {
	select {
	case <-g.failed:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure
}

// Run starts the group, waits until ctx ends or a part fails, and stops it within the stop timeout. It returns the
// first failure with what went wrong while stopping, or nil after a clean stop.
func (g *Group) Run(ctx context.Context) error {
	if err := g.Start(ctx); err != nil {
		return err
	}
	failure := g.Wait(ctx)
	if failure != nil {
		g.log.ErrorContext(ctx, "a part failed; stopping", slog.Any("error", failure))
	}
	return errors.Join(failure, g.stopInTime(ctx))
}

// stopInTime stops within the stop timeout, whether ctx has ended or not.
func (g *Group) stopInTime(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.stopTimeout)
	defer cancel()
	return g.Stop(ctx)
}
