//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
)

// repeats is how many events come again at once, in the order in which they stand in the stream.
const repeats = 500

// inflict does the plan's faults, each at its time, and takes each away when its time is over or ctx ends. It returns when
// all are taken away.
func inflict(ctx context.Context, r *rig, faults []fault) error {
	var (
		under sync.WaitGroup
		mu    sync.Mutex
		errs  []error
	)
	began := clock.Machine().Now()
	for _, f := range faults {
		if clock.Sleep(ctx, f.At-clock.Machine().Now().Sub(began)) != nil {
			break
		}
		under.Go(func() {
			if err := r.inflict(ctx, f); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", f, err))
			}
		})
	}
	under.Wait()
	return errors.Join(errs...)
}

// inflict does one fault and takes it away.
func (r *rig) inflict(ctx context.Context, f fault) error {
	during := func() { _ = clock.Sleep(ctx, f.For) }
	switch f.Kind {
	case killed, nodeLost:
		p := r.process(f.Target)
		p.kill()
		during()
		p.release()
	case paused:
		resume := r.process(f.Target).pause()
		during()
		resume()
	case restarted, crashed:
		return r.database.outage(ctx, f.Kind == crashed, during)
	case brokerLost:
		for _, node := range r.nodes {
			node.kill()
		}
		during()
		for _, node := range r.nodes {
			node.release()
		}
	case wayCut, wayHole, waySlow:
		way, err := r.way(f.Target, f.Need)
		if err != nil {
			return err
		}
		way.set(weather{kind: map[faultKind]kind{wayCut: cut, wayHole: hole, waySlow: slow}[f.Kind], delay: f.Delay})
		during()
		way.set(weather{})
	case repeated:
		return r.repeat(ctx)
	}
	return nil
}

// repeat has some of the stream's events stand in it again, at its end: what a relay does that never got the acknowledgement
// and whose second try comes after the broker has forgotten the first. While the broker is away it does nothing.
func (r *rig) repeat(ctx context.Context) error {
	conn, js, err := r.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return nil // another fault is at work
	}
	last := stream.CachedInfo().State.LastSeq
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 1 + rand.Uint64N(max(last, repeats+1)-repeats), //nolint:gosec // any will do
		AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Minute, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return nil // another fault is at work
	}
	batch, err := consumer.FetchNoWait(repeats)
	if err != nil {
		return nil // another fault is at work
	}
	for raw := range batch.Messages() {
		again := &nats.Msg{Subject: raw.Subject(), Data: raw.Data(), Header: raw.Headers()}
		again.Header.Del(nats.MsgIdHdr) // or the broker would know them
		_, _ = js.PublishMsg(ctx, again)
	}
	return nil
}
