// Package due does what becomes due, once, at its time.
//
// What becomes due is a row of the domain with a due time, and every replica runs a Worker for each kind. A worker
// claims a few rows with a lease and does them. It promises that a row claimed by a process that died is claimed
// again when its lease is over, that no two live workers hold a row at once, and that a row is done within a moment
// of its time: it sleeps until the next due time, wakes when told of an earlier one, and follows a clock that is
// moved by hand.
//
// What it cannot promise is that the world still is as it was when the row was claimed. So Do decides again: in its
// own transaction it reads the row anew, does nothing when the row is no longer due or no longer there, and marks it
// done together with its effect.
package due

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	standardLease    = 30 * time.Second
	standardPoll     = time.Second
	standardBatch    = 64
	standardParallel = 8
	stopGrace        = 5 * time.Second
	longestPause     = 30 * time.Second
)

// Worker does one kind of due thing. Its exported fields are set before Run and then left alone; those marked so may
// be zero.
type Worker[T any] struct {
	// Name tells the kinds apart in the log.
	Name string
	// Clock is domain time. With one that has clock.Manual's Changed, a move wakes the worker.
	Clock clock.Clock
	// Claim takes up to limit rows due at or before now that nobody holds, for the lease, and returns them: UPDATE of
	// a SELECT ... FOR UPDATE SKIP LOCKED. The due time is domain time; the lease's end is machine time, by
	// clock_timestamp().
	Claim func(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]T, error)
	// Do decides again whether the thing is still due, and does it. After an error the row stays claimed and comes
	// again when the lease is over. Its context ends before the lease does.
	Do func(ctx context.Context, item T) error
	// Next is the earliest due time of all that is not done, claimed or not; false when there is none.
	Next func(ctx context.Context) (time.Time, bool, error)

	// Lease is how long a claim holds; zero is 30 s. Claimed rows wait for their turn within it.
	Lease time.Duration
	// Poll is the longest sleep, after which rows of others and of ended leases are found; zero is 1 s.
	Poll time.Duration
	// Batch is how many rows may be claimed and not done at once; zero is 64.
	Batch int
	// Parallel is how many are done at the same time; zero is 8.
	Parallel int
	// Log gets failures; nil for none.
	Log *slog.Logger

	once    sync.Once
	kick    chan struct{}
	held    chan struct{} // a token for each row claimed and not done
	turn    chan struct{} // a token for each row being done
	running sync.WaitGroup
	passes  passes
	claimed atomic.Uint64
	done    atomic.Uint64
	failed  atomic.Uint64
}

func (w *Worker[T]) init() {
	w.once.Do(func() {
		if w.Lease == 0 {
			w.Lease = standardLease
		}
		if w.Poll == 0 {
			w.Poll = standardPoll
		}
		if w.Batch == 0 {
			w.Batch = standardBatch
		}
		if w.Parallel == 0 {
			w.Parallel = standardParallel
		}
		if w.Log == nil {
			w.Log = slog.New(slog.DiscardHandler)
		}
		w.kick = make(chan struct{}, 1)
		w.held, w.turn = make(chan struct{}, w.Batch), make(chan struct{}, w.Parallel)
		w.passes.changed = make(chan struct{})
	})
}

// Wake tells that something became due sooner than was known. It never blocks; call it after the commit.
func (w *Worker[T]) Wake() {
	w.init()
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Run works until ctx ends; then it starts nothing more, gives what is being done five seconds, and returns nil.
// Errors of Claim, Do and Next are logged and do not end it.
func (w *Worker[T]) Run(ctx context.Context) error {
	w.init()
	defer w.running.Wait()
	var pause time.Duration
	for ctx.Err() == nil {
		changed := w.changed() // before the time is read, so that no move is missed
		now := w.Clock.Now()
		more, err := w.pass(ctx, now)
		if err == nil && more {
			pause = 0
			continue
		}
		wait := w.Poll
		if err == nil {
			wait, err = w.untilNext(ctx, now)
		}
		if err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "due: cannot look for work; trying again", "worker", w.Name, "error", err)
			pause = min(max(2*pause, w.Poll), longestPause)
			wait = pause
		} else {
			pause = 0
		}
		w.rest(ctx, changed, wait)
	}
	return nil
}

// pass claims what is due and sets it going. more is true when as many were claimed as were asked for.
func (w *Worker[T]) pass(ctx context.Context, now time.Time) (more bool, err error) {
	number := w.passes.begin()
	room := w.room(ctx)
	if room == 0 {
		return false, nil // ctx ended
	}
	until := time.Duration(0.9 * float64(w.Lease))
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), until)
	items, err := w.Claim(ctx, now, leased(w.Lease), room)
	w.claimed.Add(uint64(len(items)))
	for range room - len(items) {
		<-w.held
	}
	if len(items) == 0 {
		cancel()
		if err == nil && room == w.Batch { // nothing is under way that could make more due
			w.passes.empty(number)
		}
		return false, err
	}
	var batch sync.WaitGroup
	for _, item := range items {
		batch.Add(1)
		w.running.Go(func() {
			defer batch.Done()
			defer func() { <-w.held }()
			w.do(ctx, deadline, item)
		})
	}
	w.running.Go(func() { batch.Wait(); cancel() })
	return len(items) == room, err
}

// room takes all the room there is for claims, and waits for some where there is none.
func (w *Worker[T]) room(ctx context.Context) int {
	select {
	case w.held <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n := 1; ; n++ {
		select {
		case w.held <- struct{}{}:
		default:
			return n
		}
	}
}

// do waits for the item's turn and does it. What waited too long is left to its lease's end.
func (w *Worker[T]) do(ctx, deadline context.Context, item T) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return
	case <-deadline.Done():
		return
	}
	doing, cancel := context.WithCancel(deadline)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })()
	if err := w.guarded(doing, item); err != nil {
		w.failed.Add(1)
		w.Log.ErrorContext(doing, "due: not done; it comes again when its lease is over", "worker", w.Name, "error", err)
		return
	}
	w.done.Add(1)
}

// guarded turns a panic into an error: one bad row must not end the process that does all the others.
func (w *Worker[T]) guarded(ctx context.Context, item T) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return w.Do(ctx, item)
}

// Claimed counts what this worker has claimed since it was made, for who waits until nothing new comes.
func (w *Worker[T]) Claimed() uint64 { return w.claimed.Load() }

// Measure is how a worker stands.
type Measure struct {
	// Name is the worker's.
	Name string
	// Late is how long the oldest thing that is due has been so; 0 when nothing is.
	Late time.Duration
	// Held is how many this worker has claimed and not done.
	Held int
	// Done and Failed count what became of what it did; what failed comes again.
	Done, Failed uint64
}

// Measure asks how the worker stands. It asks Next, and fails as that does.
func (w *Worker[T]) Measure(ctx context.Context) (Measure, error) {
	w.init()
	m := Measure{Name: w.Name, Held: len(w.held), Done: w.done.Load(), Failed: w.failed.Load()}
	now := w.Clock.Now()
	next, some, err := w.Next(ctx)
	if err == nil && some {
		m.Late = max(0, now.Sub(next))
	}
	return m, err
}

// NextDue is Next, for who looks at workers of all kinds alike.
func (w *Worker[T]) NextDue(ctx context.Context) (time.Time, bool, error) { return w.Next(ctx) }

// untilNext is how long to sleep: until the next due time, and never longer than Poll. What is due already is held
// by another, so there is nothing to do but look again.
func (w *Worker[T]) untilNext(ctx context.Context, now time.Time) (time.Duration, error) {
	next, some, err := w.Next(ctx)
	if err != nil || !some || !next.After(now) {
		return w.Poll, err
	}
	return min(next.Sub(now), w.Poll), nil
}

// changed is closed when a manual clock moves; nil, which blocks for ever, for one that runs by itself.
func (w *Worker[T]) changed() <-chan struct{} {
	if manual, ok := w.Clock.(interface{ Changed() <-chan struct{} }); ok {
		return manual.Changed()
	}
	return nil
}

func (w *Worker[T]) rest(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.kick:
	case <-changed:
	}
}

// Settled returns when everything that was due at the call is done, or failed and waiting for its lease's end: when a
// look at the rows that began after the call found nothing to claim and nothing claimed by this worker is under way, or
// when the earliest that is not done became due after the call, so that it does not wait for what comes meanwhile. It
// needs a running worker, and ends with ctx.
func (w *Worker[T]) Settled(ctx context.Context) error {
	w.init()
	called, at := w.passes.count(), w.Clock.Now()
	for {
		none, changed := w.passes.state()
		if none > called {
			return nil
		}
		next, some, err := w.Next(ctx)
		if err == nil && some && next.After(at) {
			return nil
		}
		w.Wake()
		wait, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		select {
		case <-changed:
		case <-wait.Done():
		}
		cancel()
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}
}
