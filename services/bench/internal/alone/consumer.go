package alone

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/job"
)

const (
	// RoleConsumer consumes what stands in the stream, what has arrived together in one transaction, and ends.
	RoleConsumer = "consumer"
	// RoleConsumerOne does so with each event in its own.
	RoleConsumerOne = "consumer-one"
)

// Consume plays RoleConsumer: it publishes events, and measures from when its consumer begins until the last has had its
// effect, each with an inbox row and one row more in a transaction of its workspace.
func Consume(ctx context.Context, cfg job.Config) (any, func(context.Context) error, error) {
	return consume(ctx, cfg, func(r *eventbus.Router, g *ground, done func(int)) {
		eventbus.OnMany(r, func(ctx context.Context, events []eventbus.Event[*threadsv1.ReactionAdded]) error {
			err := g.effects(ctx, events)
			if err == nil {
				done(len(events))
			}
			return err
		})
	})
}

// ConsumeOne plays RoleConsumerOne.
func ConsumeOne(ctx context.Context, cfg job.Config) (any, func(context.Context) error, error) {
	return consume(ctx, cfg, func(r *eventbus.Router, g *ground, done func(int)) {
		eventbus.On(r, func(ctx context.Context, e eventbus.Event[*threadsv1.ReactionAdded]) error {
			err := g.effect(ctx, e)
			if err == nil {
				done(1)
			}
			return err
		})
	})
}

func consume(
	ctx context.Context, cfg job.Config, handle func(r *eventbus.Router, g *ground, done func(int)),
) (any, func(context.Context) error, error) {
	g, err := prepare(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	defer g.close()
	ws := uuid.New()
	first, err := g.publish(ctx, ws, cfg.Events)
	if err != nil {
		return nil, nil, err
	}
	router := eventbus.NewRouter(eventbus.RouterConfig{
		Durable: "bench-" + ws.String(), JS: g.js, DB: g.owner, StartSequence: first,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	var count atomic.Int64
	running, stop := context.WithCancel(ctx)
	defer stop()
	handle(router, g, func(n int) {
		if count.Add(int64(n)) == int64(cfg.Events) {
			stop()
		}
	})
	machine := clock.Machine()
	start := machine.Now()
	if err := router.Run(running); err != nil {
		return nil, nil, err
	}
	done := job.Done{Events: int(count.Load()), Took: machine.Now().Sub(start)}
	if done.Events != cfg.Events {
		return nil, nil, fmt.Errorf("%d of %d events were consumed", done.Events, cfg.Events)
	}
	return done, nil, g.js.DeleteConsumer(ctx, eventbus.Stream, router.Durable())
}

// effect is what a handler of one event does: it claims the event and writes one row.
func (g *ground) effect(ctx context.Context, e eventbus.Event[*threadsv1.ReactionAdded]) error {
	return g.db.InTx(ctx, e.Workspace, func(ctx context.Context, tx *postgres.Tx) error {
		fresh, err := inbox.Claim(ctx, tx)
		if err != nil || !fresh {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO effects (workspace_id, event_id, body) VALUES ($1, $2, $3)`,
			e.Workspace, e.ID, e.Payload.GetMessage())
		return err
	})
}

// effects is what a handler of many does: it claims them and writes a row for each.
func (g *ground) effects(ctx context.Context, events []eventbus.Event[*threadsv1.ReactionAdded]) error {
	return g.db.InTx(ctx, events[0].Workspace, func(ctx context.Context, tx *postgres.Tx) error {
		fresh, err := inbox.ClaimMany(ctx, tx)
		if err != nil {
			return err
		}
		var (
			ids    []uuid.UUID
			bodies []string
		)
		for i, e := range events {
			if fresh[i] {
				ids, bodies = append(ids, e.ID), append(bodies, e.Payload.GetMessage())
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO effects (workspace_id, event_id, body)
			SELECT $1, id, body FROM unnest($2::uuid[], $3::text[]) AS e (id, body)`, events[0].Workspace, ids, bodies)
		return err
	})
}

// publish puts events into the stream and returns the sequence of the first.
func (g *ground) publish(ctx context.Context, ws uuid.UUID, n int) (first uint64, err error) {
	if err := eventbus.EnsureStream(ctx, g.js, eventbus.StreamConfig{}); err != nil {
		return 0, err
	}
	stream, err := g.js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return 0, err
	}
	first = stream.CachedInfo().State.LastSeq + 1
	for i := range n {
		m, err := event(ctx, ws, i)
		if err != nil {
			return 0, err
		}
		msg := &nats.Msg{Subject: m.Subject, Data: m.Payload, Header: nats.Header{}}
		for name, value := range m.Headers {
			msg.Header[name] = []string{value}
		}
		if _, err := g.js.PublishMsgAsync(msg); err != nil {
			return 0, err
		}
	}
	select {
	case <-g.js.PublishAsyncComplete():
		return first, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
