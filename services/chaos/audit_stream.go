//go:build unix

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
)

// readStream reads the whole stream, once everything that was committed before the snapshot is in it.
func (a *audit) readStream(ctx context.Context, js jetstream.JetStream) error {
	if err := a.awaitPublished(ctx); err != nil {
		return err
	}
	stream, err := js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return err
	}
	left := stream.CachedInfo().State.Msgs
	// An ordered consumer begins anew where it was when the broker that leads it cannot be reached yet: in a cluster, the news that
	// a consumer is there may arrive after the answer that made it.
	consumer, err := js.OrderedConsumer(ctx, eventbus.Stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	seen := map[uuid.UUID]*event{}
	for ; left > 0; left-- {
		msg, err := messages.Next(jetstream.NextMaxWait(time.Minute))
		if err != nil {
			return fmt.Errorf("the stream has %d more events than it gives: %w", left, err)
		}
		if err := a.read(msg, seen); err != nil {
			return err
		}
	}
	return nil
}

// awaitPublished waits until no outbox holds a row of before the call. When that does not come, the check of the tables says
// what is missing.
func (a *audit) awaitPublished(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, service := range owners() {
		var last int64
		if err := a.tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM `+service+`.outbox`).Scan(&last); err != nil {
			return err
		}
		if err := a.rig.published(limit, service, last); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (a *audit) read(msg jetstream.Msg, seen map[uuid.UUID]*event) error {
	at, err := msg.Metadata()
	if err != nil {
		return err
	}
	meta, payload, err := eventbus.Decode(msg.Headers(), msg.Subject(), msg.Data())
	if err != nil {
		a.findf("what stands at %d in the stream is no event: %v", at.Sequence.Stream, err)
		return nil
	}
	if known := seen[meta.ID]; known != nil {
		known.times++
		return nil
	}
	e := &event{Meta: meta, payload: payload, sequence: at.Sequence.Stream, stored: at.Timestamp, times: 1}
	seen[meta.ID] = e
	a.events = append(a.events, e)
	return nil
}

// aggregate names an aggregate: services may use the same resource name.
type aggregate struct{ service, name string }

// order checks that each aggregate's events first stand in the stream in the order of their versions, and that none is left
// out.
func (a *audit) order(context.Context) error {
	last := map[aggregate]*event{}
	for _, e := range a.events {
		of := aggregate{e.service(), e.Aggregate}
		before := last[of]
		switch {
		case before != nil && e.Version < before.Version:
			a.findf("out of order: %s stands behind %s", e, before)
		case e.service() == "notifications":
			// What changes without being told of counts too.
		case before == nil && e.Version > 1:
			a.findf("events of %s before its version %d are missing: the first is %s", e.Aggregate, e.Version, e)
		case before != nil && e.Version > before.Version+1:
			a.findf("events of %s between version %d and %d are missing: %s follows %s", e.Aggregate, before.Version, e.Version, e, before)
		}
		last[of] = e
	}
	return nil
}

// published waits until the outbox of a service holds no row up to an id.
func (r *rig) published(ctx context.Context, service string, last int64) error {
	db, err := r.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	for {
		var left bool
		err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+service+`.outbox WHERE id <= $1)`, last).Scan(&left)
		if err != nil || !left {
			return err
		}
		if clock.Sleep(ctx, settleEvery/4) != nil {
			return nil // what is missing then is told by its table
		}
	}
}
