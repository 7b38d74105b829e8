package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

// coalesce is the least time between two wake-ups sent to the leader elsewhere.
const coalesce = 5 * time.Millisecond

func (r *Relay) wakeSubject() string { return "wake.outbox." + r.cfg.Service }

// Wake tells that something was committed. It never blocks. Where another replica has the lease, that one is told
// through the broker, many wake-ups by one message.
func (r *Relay) Wake() {
	if r.leading.Load() {
		signal(r.kick)
		return
	}
	signal(r.remote)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (r *Relay) wakeOthers(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.remote:
		}
		if r.leading.Load() {
			signal(r.kick)
			continue
		}
		if r.nc.IsConnected() { // else it would queue up for the reconnect
			_ = r.nc.Publish(r.wakeSubject(), nil) // the poll stands behind it
		}
		if clock.Sleep(ctx, coalesce) != nil {
			return
		}
	}
}

// begin starts a time with the lease, from the oldest row.
func (r *Relay) begin() {
	r.kept.forget()
	r.refused = map[int64]*refusal{}
	r.reconnects = r.nc.Stats().Reconnects
	r.leading.Store(true)
}

// lose ends it.
func (r *Relay) lose() {
	r.renewed = time.Time{}
	r.leading.Store(false)
	r.metrics.backlog(0, 0)
}

// resign gives the lease back, so that another replica need not wait for its end.
func (r *Relay) resign(ctx context.Context) {
	if !r.leading.Load() {
		return
	}
	r.lose()
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	if err := r.table.release(ctx); err != nil {
		r.cfg.Log.WarnContext(ctx, "outbox: the lease was not released and will run out", "service", r.cfg.Service, "error", err)
	}
}

// trouble logs the first of a row of failures and returns the pause, which doubles. Without an error the rest is
// the poll's.
func (r *Relay) trouble(ctx context.Context, err error) time.Duration {
	if err == nil {
		r.recovered(ctx)
		return r.cfg.Poll
	}
	if errors.Is(err, errReconnected) || errors.Is(err, errLeaseOld) || ctx.Err() != nil {
		return time.Nanosecond // the next step sees to it
	}
	if r.quiet == nil {
		r.cfg.Log.WarnContext(ctx, "outbox: cannot relay; trying again", "service", r.cfg.Service, "error", err)
	}
	r.quiet = err
	r.pause = min(max(2*r.pause, firstPause), longestPause)
	return r.pause
}

func (r *Relay) recovered(ctx context.Context) {
	if r.quiet != nil {
		r.cfg.Log.InfoContext(ctx, "outbox: relaying again", "service", r.cfg.Service)
	}
	r.quiet, r.pause = nil, 0
}

// measure sets the backlog's metrics now and then.
func (r *Relay) measure(ctx context.Context, now time.Time) {
	if r.cfg.Meters == nil || now.Sub(r.measured) < measureEvery {
		return
	}
	r.measured = now
	if rows, oldest, err := r.table.count(ctx, &r.kept.ids); err == nil {
		r.metrics.backlog(rows, oldest)
	}
}

// passes tells who waits when a read that began after their call found nothing.
type passes struct {
	mu       sync.Mutex
	begun    uint64
	lastNone uint64 // the newest pass that found nothing
	changed  chan struct{}
}

func (p *passes) begin() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	return p.begun
}

func (p *passes) empty(pass uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastNone = pass
	close(p.changed)
	p.changed = make(chan struct{})
}

// state is how many passes have begun, the newest that found nothing, and what is closed at the next such.
func (p *passes) state() (begun, lastNone uint64, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun, p.lastNone, p.changed
}

// Drained returns when everything that was committed before the call has been acknowledged by the broker or set
// aside, by this replica or another, or when ctx ends.
func (r *Relay) Drained(ctx context.Context) error {
	const look = 20 * time.Millisecond // at whether another replica has done it
	called, _, _ := r.passes.state()
	for {
		if r.leading.Load() {
			_, none, changed := r.passes.state()
			if none > called {
				return nil
			}
			signal(r.kick)
			wait, cancel := context.WithTimeout(ctx, r.cfg.Poll)
			select {
			case <-changed:
			case <-wait.Done():
			}
			cancel()
		} else {
			if empty, err := r.table.empty(ctx); err == nil && empty {
				return nil
			}
			if err := clock.Sleep(ctx, look); err != nil {
				return err
			}
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
}
