package world

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/services/bench/internal/load"
)

const (
	// lookEvery is how often the stream is asked how far it is.
	lookEvery = 3 * time.Millisecond
	// publishWithin bounds the wait for the last event to be in the stream, workWithin that for consumers.
	publishWithin = 2 * time.Minute
	workWithin    = 10 * time.Minute
)

// Count is how many messages of a subject a stream holds.
func (w *World) Count(ctx context.Context, stream, subject string) (uint64, error) {
	found, err := w.JS.Stream(ctx, stream)
	if err != nil {
		return 0, fmt.Errorf("the stream %s: %w", stream, err)
	}
	info, err := found.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, fmt.Errorf("the stream %s: %w", stream, err)
	}
	var total uint64
	for _, n := range info.State.Subjects {
		total += n
	}
	return total, nil
}

// Published returns when a stream holds this many messages of a subject.
func (w *World) Published(ctx context.Context, stream, subject string, want uint64) error {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	var have uint64
	err := load.Await(ctx, lookEvery, func(ctx context.Context) (bool, error) {
		var err error
		have, err = w.Count(ctx, stream, subject)
		return have >= want, err
	})
	if err != nil {
		return fmt.Errorf("%d of %d messages are published: %w", have, want, err)
	}
	return nil
}

// Lag is how many events all consumers of the event stream have still to do.
func (w *World) Lag(ctx context.Context) (uint64, error) {
	stream, err := w.JS.Stream(ctx, eventbus.Stream)
	if err != nil {
		return 0, fmt.Errorf("the event stream: %w", err)
	}
	var lag uint64
	list := stream.ListConsumers(ctx)
	for c := range list.Info() {
		if c.Config.Durable != "" {
			lag += c.NumPending + uint64(max(c.NumAckPending, 0))
		}
	}
	return lag, list.Err()
}

// Settle waits until the consumers have nothing to do twice in a row, and returns how long that took. What they did may
// have published events of its own.
func (w *World) Settle(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, workWithin)
	defer cancel()
	machine := clock.Machine()
	start, calm := machine.Now(), 0
	var idle time.Time
	err := load.Await(ctx, 10*time.Millisecond, func(ctx context.Context) (bool, error) {
		lag, err := w.Lag(ctx)
		switch {
		case err != nil || lag > 0:
			calm = 0
		default:
			if calm++; calm == 1 {
				idle = machine.Now()
			}
		}
		return calm == 10, err
	})
	if err != nil {
		return 0, fmt.Errorf("the consumers are not done: %w", err)
	}
	return idle.Sub(start), nil
}

// NextStored returns what tells when the next event of a subject was stored.
func (w *World) NextStored(ctx context.Context, subject string) (func(context.Context) (time.Time, error), error) {
	stream, err := w.JS.Stream(ctx, eventbus.Stream)
	if err != nil {
		return nil, fmt.Errorf("the event stream: %w", err)
	}
	next := stream.CachedInfo().State.LastSeq + 1
	return func(ctx context.Context) (time.Time, error) {
		event, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(subject))
		if err != nil {
			return time.Time{}, fmt.Errorf("the first event: %w", err)
		}
		return event.Time, nil
	}, nil
}
