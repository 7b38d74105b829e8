package outbox_test

import (
	"context"
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
)

// ready is an outbox with as many rows as the benchmark has rounds, of so many aggregates.
func ready(b *testing.B, aggregates int) (*pgtest.DB, *natstest.Server) {
	b.Helper()
	db, broker := pgtest.New(b, "things", outbox.Set()), natstest.New(b)
	_, err := db.Owner.Pool().Exec(b.Context(), `
		INSERT INTO outbox (workspace_id, event_id, aggregate, version, subject, headers, payload)
		SELECT $1::text::uuid, gen_random_uuid(), 'thing ' || i % $2, i, 'evt.w.things.thing.changed', jsonb_build_object(
			'ce-id', gen_random_uuid(), 'ce-source', '//example.com/workspaces/' || $1::text || '/things',
			'ce-type', 'meridian.things.v1.ThingChanged', 'ce-subject', 'workspaces/' || $1::text || '/things/' || i % $2,
			'ce-time', '2026-11-23T09:00:00.123456Z', 'ce-specversion', '1.0', 'ce-datacontenttype', 'application/protobuf',
			'ce-dataschema', 'type.googleapis.com/meridian.things.v1.ThingChanged', 'ce-workspace', $1::text,
			'ce-partitionkey', 'workspaces/' || $1::text || '/things/' || i % $2, 'ce-sequence', lpad(i::text, 20, '0'),
			'ce-actor', 'workspaces/' || $1::text || '/members/' || $1::text, 'ce-correlationid', md5(i::text)), $3
		FROM generate_series(1, $4::int) i`, uuid.NewString(), aggregates, make([]byte, 600), b.N)
	require.NoError(b, err)
	_, err = db.Owner.Pool().Exec(b.Context(), `ANALYZE outbox`)
	require.NoError(b, err)
	return db, broker
}

// BenchmarkDrain publishes rows that stand ready, with the headers that events have: of a thousand aggregates, and of one;
// and, as the limit, with a loop that reads 500, publishes them and deletes them, and keeps no order and no guarantee.
func BenchmarkDrain(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		db, broker := ready(b, 1000)
		bareDrain(b, db, broker)
	})
	for name, aggregates := range map[string]int{"thousand": 1000, "one": 1} {
		b.Run(name, func(b *testing.B) {
			db, broker := ready(b, aggregates)
			relay := outbox.NewRelay(outbox.RelayConfig{Service: "things", DB: db.Owner, JS: broker.JS(b), SyncDelay: 200 * time.Millisecond})
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			b.ResetTimer()
			before := cpu()
			go func() { done <- relay.Run(ctx) }()
			require.NoError(b, relay.Drained(b.Context()))
			report(b, before)
			b.StopTimer()
			cancel()
			require.NoError(b, <-done)
		})
	}
}

func bareDrain(b *testing.B, db *pgtest.DB, broker *natstest.Server) {
	b.Helper()
	js := broker.JS(b)
	pool := db.Owner.Pool()
	b.ResetTimer()
	before := cpu()
	for left := b.N; left > 0; {
		rows, err := pool.Query(b.Context(), `SELECT id, event_id::text, subject, headers, payload FROM outbox ORDER BY id LIMIT 500`)
		require.NoError(b, err)
		var ids []int64
		var id int64
		var event, subject string
		var headers, payload []byte
		_, err = pgx.ForEachRow(rows, []any{&id, &event, &subject, &headers, &payload}, func() error {
			msg := &nats.Msg{Subject: subject, Data: payload, Header: nats.Header{}}
			var all map[string]string
			if err := json.Unmarshal(headers, &all); err != nil {
				return err
			}
			for name, value := range all {
				msg.Header[name] = []string{value}
			}
			payload = nil
			ids = append(ids, id)
			_, err := js.PublishMsgAsync(msg, jetstream.WithMsgID(event))
			return err
		})
		require.NoError(b, err)
		<-js.PublishAsyncComplete()
		_, err = pool.Exec(b.Context(), `DELETE FROM outbox WHERE id = ANY ($1)`, ids)
		require.NoError(b, err)
		left -= len(ids)
	}
	report(b, before)
}

// report is what a row costs: by the clock, and of this process's time, the broker's with it, which a busy machine changes
// less.
func report(b *testing.B, before time.Duration) {
	b.Helper()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/row")
}

// cpu is how long this process has computed.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
