package outbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

const patience = 30 * time.Second

// things is a service with one kind of aggregate, which has a version.
var things = postgres.Set{Name: "things", FS: fstest.MapFS{"00001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing (workspace_id uuid NOT NULL, id text NOT NULL, version bigint NOT NULL, PRIMARY KEY (workspace_id, id));
ALTER TABLE thing ENABLE ROW LEVEL SECURITY;
CREATE POLICY thing_workspace ON thing USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
`)}}}

// world is a service's database and broker, with any number of relays.
type world struct {
	*pgtest.DB
	ws     uuid.UUID
	broker *natstest.Server
	js     jetstream.JetStream
}

func newWorld(t *testing.T) *world {
	t.Helper()
	broker := natstest.New(t)
	return &world{DB: pgtest.New(t, "things", things, outbox.Set()), ws: uuid.New(), broker: broker, js: broker.JS(t)}
}

// relay starts a relay that stops with the test, or when stop is called.
func (w *world) relay(t *testing.T, change func(*outbox.RelayConfig)) (r *outbox.Relay, stop func()) {
	t.Helper()
	cfg := outbox.RelayConfig{
		Service: "things", DB: w.Owner, JS: w.broker.JS(t), SyncDelay: 50 * time.Millisecond, Poll: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&cfg)
	}
	r = outbox.NewRelay(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { require.NoError(t, r.Run(ctx)) })
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(stop)
	return r, stop
}

func (w *world) message(thing string, version int64) outbox.Message {
	return outbox.Message{
		ID: uuid.Must(uuid.NewV7()), Workspace: w.ws, Aggregate: thing, Version: version,
		Subject: fmt.Sprintf("evt.%s.things.thing.changed", w.ws),
		Headers: map[string]string{"ce-partitionkey": thing, "ce-sequence": strconv.FormatInt(version, 10)},
		Payload: []byte("thing " + thing),
	}
}

// change does what every use case does: lock and change the aggregate, then append.
func (w *world) change(ctx context.Context, o *outbox.Outbox, thing string) error {
	return w.App.InTx(ctx, w.ws, func(ctx context.Context, tx *postgres.Tx) error {
		var version int64
		err := tx.QueryRow(ctx, `INSERT INTO thing VALUES ($1, $2, 1)
			ON CONFLICT (workspace_id, id) DO UPDATE SET version = thing.version + 1 RETURNING version`, w.ws, thing).Scan(&version)
		if err != nil {
			return err
		}
		return o.Append(ctx, tx, w.message(thing, version))
	})
}

// put writes rows as they are, as no use case could.
func (w *world) put(t *testing.T, msgs ...outbox.Message) {
	t.Helper()
	o := outbox.New(nil)
	require.NoError(t, w.Owner.InTx(t.Context(), w.ws, func(ctx context.Context, tx *postgres.Tx) error {
		return o.Append(ctx, tx, msgs...)
	}))
}

func (w *world) rows(t *testing.T, table string) (n int) {
	t.Helper()
	require.NoError(t, w.Owner.Pool().QueryRow(t.Context(), "select count(*) from "+table).Scan(&n))
	return n
}

func drained(t *testing.T, r *outbox.Relay) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, r.Drained(ctx))
}

// stored is the whole stream, in order.
func (w *world) stored(t *testing.T) []*jetstream.RawStreamMsg {
	t.Helper()
	stream, err := w.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	state := stream.CachedInfo().State
	msgs := make([]*jetstream.RawStreamMsg, 0, state.Msgs)
	for seq := state.FirstSeq; seq <= state.LastSeq && state.Msgs > 0; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil && strings.Contains(err.Error(), "not found") {
			continue
		}
		require.NoError(t, err)
		msgs = append(msgs, msg)
	}
	return msgs
}

// requireInOrder checks that each thing's events stand in the stream whole, from version 1 to what the table says,
// counting an event the first time it stands there.
func (w *world) requireInOrder(t *testing.T) (events int) {
	t.Helper()
	next, seen := map[string]int64{}, map[string]bool{}
	for _, msg := range w.stored(t) {
		if id := msg.Header.Get("Nats-Msg-Id"); !seen[id] {
			seen[id] = true
			thing := msg.Header["ce-partitionkey"][0]
			next[thing]++
			require.Equal(t, strconv.FormatInt(next[thing], 10), msg.Header["ce-sequence"][0], "of thing %s", thing)
		}
	}
	rows, err := w.Owner.Pool().Query(t.Context(), "select id, version from thing")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var thing string
		var version int64
		require.NoError(t, rows.Scan(&thing, &version))
		require.Equal(t, version, next[thing], "events of thing %s", thing)
	}
	require.NoError(t, rows.Err())
	return len(seen)
}
