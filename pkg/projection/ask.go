package projection

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// question is what the directory is asked about.
type question struct{ workspace, member, space uuid.UUID }

// Confirm asks the directory about a member and a space before the tables refuse them, and writes what it answers;
// the caller then looks again. The same question is asked at most once a second, by callers at the same time
// together; within the second Confirm returns what came of it. When the directory cannot be reached, tables that are
// current may refuse by themselves: Confirm returns nil. Else it fails Unavailable.
func (p *Projection) Confirm(ctx context.Context, workspace, member, space uuid.UUID) error {
	q := question{workspace, member, space}
	err := p.asks.do(ctx, q, func(ctx context.Context) error { return p.resolve(ctx, q) })
	if err == nil || ctx.Err() != nil {
		return err
	}
	if p.stale() {
		return unavailable(err)
	}
	p.cfg.Log.WarnContext(ctx, "the directory cannot be asked; the projection decides", "error", err)
	return nil
}

func (p *Projection) resolve(ctx context.Context, q question) error {
	ws := "workspaces/" + q.workspace.String()
	req := &directoryv1.ResolveAccessRequest{Workspace: ws, Member: ws + "/members/" + q.member.String()}
	if q.space != uuid.Nil {
		req.Space = ws + "/spaces/" + q.space.String()
	}
	answer, err := p.cfg.Client.ResolveAccess(rpcclient.AsService(ctx), req)
	if err != nil {
		return fmt.Errorf("projection: ask the directory: %w", err)
	}
	r := reader{workspace: q.workspace}
	r.access(answer.GetRows())
	if r.err != nil {
		return fmt.Errorf("projection: read the directory's answer: %w", r.err)
	}
	return apply(ctx, p.cfg.DB, q.workspace, r.rows)
}

// Current says whether the tables may be decided from. They may when it was confirmed within the last ten minutes
// that no event is missing. Else it pages everything of the caller's workspace from the directory, at most once a
// second, and fails Unavailable where that is not possible. Call it once for each request, before the tables are read.
func (p *Projection) Current(ctx context.Context) error {
	if !p.stale() {
		return nil
	}
	caller, ok := auth.FromContext(ctx)
	if !ok || caller.Workspace == uuid.Nil {
		return unavailable(nil)
	}
	err := p.refreshes.do(ctx, caller.Workspace, func(ctx context.Context) error {
		return p.snapshot(ctx, p.cfg.DB, caller.Workspace)
	})
	if err != nil && ctx.Err() == nil {
		return unavailable(err)
	}
	return err
}

func (p *Projection) stale() bool {
	at := p.confirmed.Load()
	return at == 0 || p.cfg.Machine.Now().Sub(time.Unix(0, at)) >= staleAfter
}

func unavailable(cause error) error {
	f := fault.New(fault.Unavailable, fault.ReasonUnavailable, "rights cannot be confirmed now; try again").
		WithRetryAfter(askEvery)
	if cause == nil {
		return f
	}
	return f.Wrap(cause)
}

// throttle does the same thing at most once a second, for all who ask together.
type throttle[K comparable] struct {
	clock   clock.Clock
	timeout time.Duration

	mu    sync.Mutex
	turns map[K]*turn
}

// turn is one doing of a thing.
type turn struct {
	began time.Time
	done  chan struct{}
	err   error // read after done
}

// maxTurns bounds what a throttle remembers.
const maxTurns = 10_000

func newThrottle[K comparable](machine clock.Clock, timeout time.Duration) *throttle[K] {
	return &throttle[K]{clock: machine, timeout: timeout, turns: make(map[K]*turn)}
}

// do runs f, or waits for the run of another, or returns what came of the last one within the second. f outlives
// who began it, within the timeout; do returns early when ctx ends.
func (t *throttle[K]) do(ctx context.Context, k K, f func(context.Context) error) error {
	mine := t.take(ctx, k, f)
	select {
	case <-mine.done:
		if mine.err != nil && ctx.Err() != nil {
			return context.Cause(ctx) // both are over
		}
		return mine.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t *throttle[K]) take(ctx context.Context, k K, f func(context.Context) error) *turn {
	now := t.clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.turns[k]; ok && (!last.over() || now.Sub(last.began) < askEvery) {
		return last
	}
	t.forget(now)
	mine := &turn{began: now, done: make(chan struct{})}
	t.turns[k] = mine
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.timeout)
		defer cancel()
		defer close(mine.done)
		mine.err = f(ctx)
	}()
	return mine
}

// forget drops the turns that no longer hold anything back, when there are many.
func (t *throttle[K]) forget(now time.Time) {
	if len(t.turns) < maxTurns {
		return
	}
	for k, last := range t.turns {
		if last.over() && now.Sub(last.began) >= askEvery {
			delete(t.turns, k)
		}
	}
	if len(t.turns) >= maxTurns {
		clear(t.turns) // asked too often is better than remembered without end
	}
}

func (t *turn) over() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}
