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

// RoleConsumer consumes what stands in the stream and ends.
const RoleConsumer = "consumer"

// Consume plays RoleConsumer: it publishes events, and measures from when its consumer begins until the last has had its
// effect, each with an inbox row and one row more in a transaction of its workspace.
func Consume(ctx context.Context, cfg job.Config) (any, func(context.Context) error, error) {
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
	eventbus.On(router, func(ctx context.Context, e eventbus.Event[*threadsv1.ReactionAdded]) error {
		err := g.effect(ctx, e.Meta, e.Payload.GetMessage())
		if err == nil && count.Add(1) == int64(cfg.Events) {
			stop()
		}
		return err
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

// effect is what a handler does: it claims the event and writes one row.
func (g *ground) effect(ctx context.Context, meta eventbus.Meta, body string) error {
	return g.db.InTx(ctx, meta.Workspace, func(ctx context.Context, tx *postgres.Tx) error {
		fresh, err := inbox.Claim(ctx, tx)
		if err != nil || !fresh {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO effects (workspace_id, event_id, body) VALUES ($1, $2, $3)`, meta.Workspace, meta.ID, body)
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
