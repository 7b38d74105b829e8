package eventbus_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

func BenchmarkEncode(b *testing.B) {
	payload := posted(uuid.New(), uuid.New(), 1)
	for b.Loop() {
		_, err := eventbus.Encode(b.Context(), host, "threads", happened, "workspaces/w/members/m", payload)
		require.NoError(b, err)
	}
}

func BenchmarkDecode(b *testing.B) {
	msg, err := eventbus.Encode(b.Context(), host, "threads", happened, "workspaces/w/members/m", posted(uuid.New(), uuid.New(), 1))
	require.NoError(b, err)
	m := asNATS(msg)
	for b.Loop() {
		_, _, err := eventbus.Decode(m.Header, m.Subject, m.Data)
		require.NoError(b, err)
	}
}

// effects is a table for what a consumer's events come to.
func effects() postgres.Set {
	return postgres.Set{Name: "effects", FS: fstest.MapFS{"00001_effects.sql": {Data: []byte(`
-- +goose Up
CREATE TABLE effects (workspace_id uuid NOT NULL, event_id uuid NOT NULL, version bigint NOT NULL, body text NOT NULL,
	place bigint GENERATED ALWAYS AS IDENTITY);
`)}}}
}

// consumption is a stream with as many events of one workspace, in a thousand threads, as the benchmark has rounds.
type consumption struct {
	*testing.B
	broker *natstest.Server
	db     *pgtest.DB
	ws     uuid.UUID
}

func newConsumption(b *testing.B) *consumption {
	b.Helper()
	c := &consumption{B: b, broker: natstest.New(b), ws: uuid.New()}
	c.db = pgtest.New(b, "threads", eventbus.Set(), inbox.Set(), effects())
	js := c.broker.JS(b)
	threads := make([]uuid.UUID, 1000)
	for i := range threads {
		threads[i] = uuid.New()
	}
	for i := range b.N {
		msg, err := eventbus.Encode(b.Context(), host, "threads", happened, "workspaces/w/members/m",
			posted(c.ws, threads[i%len(threads)], int64(i/len(threads)+1)))
		require.NoError(b, err)
		_, err = js.PublishMsgAsync(asNATS(msg))
		require.NoError(b, err)
	}
	<-js.PublishAsyncComplete()
	return c
}

// run measures a router until it has handled all.
func (c *consumption) run(register func(r *eventbus.Router, handled func(n int))) {
	r := eventbus.NewRouter(eventbus.RouterConfig{
		Durable: "bench", JS: c.broker.JS(c.B), DB: c.db.Owner, Log: slog.New(slog.DiscardHandler),
	})
	var handled atomic.Int64
	done := make(chan struct{})
	register(r, func(n int) {
		if handled.Add(int64(n)) == int64(c.N) {
			close(done)
		}
	})
	ctx, cancel := context.WithCancel(c.Context())
	stopped := make(chan error, 1)
	c.ResetTimer()
	go func() { stopped <- r.Run(ctx) }()
	<-done
	c.StopTimer()
	c.ReportMetric(float64(c.N)/c.Elapsed().Seconds(), "events/s")
	cancel()
	require.NoError(c, <-stopped)
}

const insertEffects = `INSERT INTO effects (workspace_id, event_id, version, body) SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::text[])`

// effect makes the effect of events, those that are fresh.
func (c *consumption) effect(ctx context.Context, events []event) error {
	return c.db.App.InTx(ctx, c.ws, func(ctx context.Context, tx *postgres.Tx) error {
		fresh, err := inbox.ClaimMany(ctx, tx)
		if err != nil {
			return err
		}
		var ids []uuid.UUID
		var versions []int64
		var bodies []string
		for i, e := range events {
			if fresh[i] {
				ids, versions = append(ids, e.ID), append(versions, e.Version)
				bodies = append(bodies, e.Payload.GetMessage().GetBody())
			}
		}
		batch := &pgx.Batch{}
		batch.Queue(insertEffects, c.ws, ids, versions, bodies)
		return tx.CommitWith(ctx, batch)
	})
}

// BenchmarkConsume is a consumer with an inbox row and one effect an event, from the stream to the acknowledgement: with
// a handler of one event, with one of many, and, as the limit, a loop that fetches, decodes, writes and acknowledges 128
// at a time with nothing around it.
func BenchmarkConsume(b *testing.B) {
	b.Run("nothing", func(b *testing.B) {
		newConsumption(b).run(func(r *eventbus.Router, handled func(int)) {
			eventbus.On(r, func(context.Context, event) error { handled(1); return nil })
		})
	})
	b.Run("one", func(b *testing.B) {
		c := newConsumption(b)
		c.run(func(r *eventbus.Router, handled func(int)) {
			eventbus.On(r, func(ctx context.Context, e event) error { defer handled(1); return c.effect(ctx, []event{e}) })
		})
	})
	b.Run("many", func(b *testing.B) {
		c := newConsumption(b)
		c.run(func(r *eventbus.Router, handled func(int)) {
			eventbus.OnMany(r, func(ctx context.Context, events []event) error {
				defer handled(len(events))
				return c.effect(ctx, events)
			})
		})
	})
	b.Run("bare", func(b *testing.B) { newConsumption(b).bare() })
}

func (c *consumption) bare() {
	consumer, err := c.broker.JS(c.B).CreateConsumer(c.Context(), eventbus.Stream, jetstream.ConsumerConfig{
		Durable: "bare", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 10000,
	})
	require.NoError(c, err)
	c.ResetTimer()
	for handled := 0; handled < c.N; {
		batch, err := consumer.Fetch(min(128, c.N-handled), jetstream.FetchMaxWait(time.Second))
		require.NoError(c, err)
		var msgs []jetstream.Msg
		var events []event
		var keys []inbox.Key
		for msg := range batch.Messages() {
			meta, payload, err := eventbus.Decode(msg.Headers(), msg.Subject(), msg.Data())
			require.NoError(c, err)
			typed, _ := payload.(*threadsv1.MessagePosted)
			msgs, events = append(msgs, msg), append(events, event{Meta: meta, Payload: typed})
			keys = append(keys, inbox.Key{Consumer: "bare", EventID: meta.ID})
		}
		require.NoError(c, c.effect(inbox.NewContext(c.Context(), keys...), events))
		for _, msg := range msgs {
			require.NoError(c, msg.Ack())
		}
		handled += len(msgs)
	}
	c.StopTimer()
	c.ReportMetric(float64(c.N)/c.Elapsed().Seconds(), "events/s")
}
