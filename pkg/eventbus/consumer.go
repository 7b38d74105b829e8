package eventbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
)

// idlePoll is how often Idle looks.
const idlePoll = 5 * time.Millisecond

// ensure makes the durable consumer, or brings its settings up to date where it is there: where it began, and what
// it has read, stay.
func (r *Router) ensure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	wanted := jetstream.ConsumerConfig{
		Durable:        r.cfg.Durable,
		FilterSubjects: r.filters(),
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        r.cfg.AckWait,
		MaxDeliver:     -1,
		MaxAckPending:  16 * r.cfg.Held,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
	}
	if r.cfg.StartSequence > 0 {
		wanted.DeliverPolicy, wanted.OptStartSeq = jetstream.DeliverByStartSequencePolicy, r.cfg.StartSequence
	}
	there, err := r.cfg.JS.Consumer(ctx, Stream, r.cfg.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
	case err != nil:
		return fmt.Errorf("read consumer: %w", err)
	default:
		now := there.CachedInfo().Config
		wanted.DeliverPolicy, wanted.OptStartSeq, wanted.OptStartTime = now.DeliverPolicy, now.OptStartSeq, now.OptStartTime
		wanted.FilterSubjects = r.widened(now)
	}
	if _, err := r.cfg.JS.CreateOrUpdateConsumer(ctx, Stream, wanted); err != nil {
		return fmt.Errorf("ensure consumer: %w", err)
	}
	return nil
}

// Refresh brings the settings of a consumer that is there up to date before Run does: from then on it keeps the events of
// every registered handler. Where there is none it does nothing, for where it begins may not be known yet.
func (r *Router) Refresh(ctx context.Context) error {
	if r.broken != nil {
		return r.broken
	}
	_, err := r.cfg.JS.Consumer(ctx, Stream, r.cfg.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("eventbus: refresh %s: %w", r.cfg.Durable, err)
	}
	if err := r.ensure(ctx); err != nil {
		return fmt.Errorf("eventbus: refresh %s: %w", r.cfg.Durable, err)
	}
	return nil
}

// Position is how far a consumer has come.
type Position struct {
	// Done is a stream sequence up to which every event it handles is finished.
	Done uint64
	// Lag is how many events it has not finished: those not delivered and those delivered and not acknowledged. The
	// broker counts an event a moment after its publisher was told that it is in the stream, so no lag does not mean
	// that everything in the stream is done.
	Lag uint64
	// Redelivered is how many of those it has been given more than once.
	Redelivered uint64
}

// Position asks the broker how far the consumer has come. The error wraps jetstream.ErrConsumerNotFound where it was
// never made.
func (r *Router) Position(ctx context.Context) (Position, error) {
	consumer, err := r.cfg.JS.Consumer(ctx, Stream, r.cfg.Durable)
	if err != nil {
		return Position{}, fmt.Errorf("eventbus: position of %s: %w", r.cfg.Durable, err)
	}
	info := consumer.CachedInfo()
	return Position{
		Done: info.AckFloor.Stream, Lag: info.NumPending + uint64(max(info.NumAckPending, 0)),
		Redelivered: uint64(max(info.NumRedelivered, 0)),
	}, nil
}

// Idle waits until the consumer has nothing left to do, including what waits for another attempt: all that was
// acknowledged to its publisher before the call is handled after it. It asks the broker over and over, so it is for
// tests and for the standing clock, not for production's own decisions.
func (r *Router) Idle(ctx context.Context) error {
	for {
		idle, err := r.isIdle(ctx)
		if idle {
			return nil
		}
		if clock.Sleep(ctx, idlePoll) != nil {
			return fmt.Errorf("eventbus: %s is not idle: %w", r.cfg.Durable, errors.Join(ctx.Err(), err))
		}
	}
}

func (r *Router) isIdle(ctx context.Context) (bool, error) {
	consumer, err := r.cfg.JS.Consumer(ctx, Stream, r.cfg.Durable)
	if err != nil {
		return false, fmt.Errorf("read consumer: %w", err)
	}
	info := consumer.CachedInfo()
	if info.NumPending > 0 || info.NumAckPending > 0 || r.held.size() > 0 {
		return false, nil
	}
	// The broker tells a consumer of a new message a moment after it told the publisher. A consumer made anew counts
	// what there is at once.
	probe, err := r.cfg.JS.CreateConsumer(ctx, Stream, jetstream.ConsumerConfig{
		FilterSubjects: r.filters(), AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Second, MemoryStorage: true,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: info.Delivered.Stream + 1,
	})
	if err != nil {
		return false, fmt.Errorf("probe: %w", err)
	}
	left := probe.CachedInfo()
	// Should this fail, it goes away by itself.
	_ = r.cfg.JS.DeleteConsumer(ctx, Stream, left.Name)
	return left.NumPending == 0, nil
}
