package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/rpcclient"
)

// Worker is time-driven work by the domain's clock: a due.Worker.
type Worker interface {
	// Run works until ctx ends.
	Run(ctx context.Context) error
	// Settled returns when all that is due by now is done.
	Settled(ctx context.Context) error
	// NextDue is the earliest due time of all that is not done; false when there is none.
	NextDue(ctx context.Context) (time.Time, bool, error)
	// Claimed counts what it has taken up so far.
	Claimed() uint64
	// Measure is how it stands, for metrics.
	Measure(ctx context.Context) (due.Measure, error)
}

// Consume runs consumers with the service: they stop with it, operators reach their dead letters on the admin port, and
// Settle waits for them. Consumers that something else runs are given to follow. Call it once, before Start.
func (p *Platform) Consume(run []*eventbus.Router, follow ...*eventbus.Router) {
	for _, consumer := range run {
		p.Group.Go("consumer "+consumer.Durable(), consumer.Run)
	}
	p.consumers = append(append(p.consumers, run...), follow...)
	p.letters = eventbus.NewDeadLetters(p.Owner, p.consumers...)
	p.Admin.Handle("/deadletters", p.letters)
	p.Admin.Handle("/deadletters/", p.letters)
}

// Work runs workers with the service: they stop with it, and Settle and NextDue ask them. Call it before Start.
func (p *Platform) Work(workers ...Worker) {
	for _, worker := range workers {
		p.Group.Go("due work", worker.Run)
	}
	p.workers = append(p.workers, workers...)
}

// Settle returns when what the service has committed is published, what was published is followed by it, and what is due
// is done. Each of these may make work for the others, here and in other services: who moves a clock asks until nothing
// new comes. It needs a running service and ends with ctx.
func (p *Platform) Settle(ctx context.Context) error {
	if err := p.Published(ctx); err != nil {
		return err
	}
	for _, consumer := range p.consumers {
		if err := consumer.Idle(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return p.Done(ctx)
}

// Done returns when all that was due at the call is done, and what that made due for other workers of the service: they
// are asked until a round has taken nothing up, and as often as there are workers, since no work passes one of them
// twice; what is taken up after that came from elsewhere meanwhile. It ends with ctx.
func (p *Platform) Done(ctx context.Context) error {
	for range p.workers {
		before := p.claimed()
		for _, worker := range p.workers {
			if err := worker.Settled(ctx); err != nil {
				return fmt.Errorf("%s: what is due is not done: %w", p.Name, err)
			}
		}
		if p.claimed() == before {
			return nil
		}
	}
	return nil
}

func (p *Platform) claimed() (total uint64) {
	for _, worker := range p.workers {
		total += worker.Claimed()
	}
	return total
}

// Consumers are the service's consumers of events, its projection's among them.
func (p *Platform) Consumers() []*eventbus.Router { return p.consumers }

// Published returns when what the service had committed at the call is in the stream. It ends with ctx.
func (p *Platform) Published(ctx context.Context) error {
	if p.Relay == nil {
		return nil
	}
	if err := p.Relay.Drained(ctx); err != nil {
		return fmt.Errorf("%s: the outbox is not empty: %w", p.Name, err)
	}
	return nil
}

// LastSequence is that of the newest event in the stream.
func (p *Platform) LastSequence(ctx context.Context) (uint64, error) {
	stream, err := p.JS.Stream(ctx, eventbus.Stream)
	if err != nil {
		return 0, fmt.Errorf("read the event stream: %w", err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// NextDue is the earliest instant after now at which the service has something to do; false when there is none.
func (p *Platform) NextDue(ctx context.Context) (next time.Time, some bool, err error) {
	now := p.Clock.Now()
	for _, worker := range p.workers {
		at, ok, err := worker.NextDue(ctx)
		if err != nil {
			return time.Time{}, false, fmt.Errorf("%s: %w", p.Name, err)
		}
		// What is due already and not done waits for something else than time.
		if ok && at.After(now) && (!some || at.Before(next)) {
			next, some = at, true
		}
	}
	return next, some, nil
}

// Dial connects to another service as this one, and closes the connection at the end. flag names the setting in an error.
func (p *Platform) Dial(flag, target string) (*grpc.ClientConn, error) {
	if target == "" {
		return nil, errors.New(flag + ": must be given")
	}
	conn, err := rpcclient.Dial(target, rpcclient.Config{
		Identity: p.Identity, TLS: p.Config.ClientTLS(), Log: p.Log, Machine: p.Machine, TracerProvider: p.tracer,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	p.opened = append(p.opened, func() { _ = conn.Close() }) // it fails only when closed before
	return conn, nil
}
