package outbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
)

// BenchmarkDrain publishes rows that stand ready: of a thousand aggregates, and of one.
func BenchmarkDrain(b *testing.B) {
	for name, aggregates := range map[string]int{"thousand": 1000, "one": 1} {
		b.Run(name, func(b *testing.B) {
			db := pgtest.New(b, "things", outbox.Set())
			broker := natstest.New(b)
			_, err := db.Owner.Pool().Exec(b.Context(), `
				INSERT INTO outbox (workspace_id, event_id, aggregate, version, subject, headers, payload)
				SELECT $1, gen_random_uuid(), 'thing ' || i % $2, i, 'evt.w.things.thing.changed',
					'{"ce-id": "0", "ce-type": "meridian.things.v1.ThingChanged", "ce-partitionkey": "x"}', $3
				FROM generate_series(1, $4::int) i`, uuid.New(), aggregates, make([]byte, 600), b.N)
			require.NoError(b, err)
			relay := outbox.NewRelay(outbox.RelayConfig{Service: "things", DB: db.Owner, JS: broker.JS(b), SyncDelay: 200 * time.Millisecond})
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			b.ResetTimer()
			go func() { done <- relay.Run(ctx) }()
			require.NoError(b, relay.Drained(b.Context()))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.StopTimer()
			cancel()
			require.NoError(b, <-done)
		})
	}
}
