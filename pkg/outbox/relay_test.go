package outbox_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
)

func TestAnEventStandsInTheStreamAsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, _ := w.relay(t, nil)
	m := w.message("a", 1)
	m.Headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w.put(t, m)
	drained(t, r)
	stored := w.stored(t)
	require.Len(t, stored, 1)
	require.Equal(t, m.Subject, stored[0].Subject)
	require.Equal(t, m.Payload, stored[0].Data)
	require.Equal(t, []string{m.ID.String()}, stored[0].Header["Nats-Msg-Id"])
	require.Equal(t, []string{"EVENTS"}, stored[0].Header["Nats-Expected-Stream"])
	for k, v := range m.Headers {
		require.Equal(t, []string{v}, stored[0].Header[k], "in exact case")
	}
}

// TestManyWritersInOrderThroughBrokerRestarts is the whole promise at once, with two replicas relaying.
func TestManyWritersInOrderThroughBrokerRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, stopFirst := w.relay(t, nil)
	second, _ := w.relay(t, nil)
	o := outbox.New(func() { first.Wake(); second.Wake() })
	var writers sync.WaitGroup
	for n := range 8 {
		writers.Go(func() {
			for i := range 60 {
				require.NoError(t, w.change(t.Context(), o, strconv.Itoa((n*i)%7)))
			}
		})
	}
	w.broker.Restart(t)
	stopFirst()
	w.broker.Restart(t)
	writers.Wait()
	drained(t, second)
	require.Equal(t, 8*60, w.requireInOrder(t))
	require.Zero(t, w.rows(t, "outbox_failed"))
	require.Eventually(t, func() bool { return w.rows(t, "outbox") == 0 }, patience, 10*time.Millisecond)
}

func TestALateCommitIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, _ := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.SyncDelay = time.Hour })
	o := outbox.New(r.Wake)
	err := w.App.InTx(t.Context(), w.ws, func(ctx context.Context, tx *postgres.Tx) error {
		require.NoError(t, o.Append(ctx, tx, w.message("slow", 1))) // has its id
		for range 5 {
			require.NoError(t, w.change(ctx, o, "quick"))
		}
		drained(t, r)
		require.Len(t, w.stored(t), 5)
		return nil
	})
	require.NoError(t, err)
	drained(t, r)
	stored := w.stored(t)
	require.Len(t, stored, 6)
	require.Equal(t, "slow", stored[5].Header["ce-partitionkey"][0])
}

// TestRowsOutliveTheirAcknowledgement holds machine time still: what is acknowledged stays until the broker had the
// time to sync it.
func TestRowsOutliveTheirAcknowledgement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	machine := clock.NewManual(time.Now()) //nolint:forbidigo // any instant
	r, _ := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.Machine, cfg.SyncDelay = machine, 2*time.Second })
	w.put(t, w.message("a", 1), w.message("a", 2))
	drained(t, r)
	require.Len(t, w.stored(t), 2)
	machine.Advance(1900 * time.Millisecond)
	drained(t, r)
	require.Equal(t, 2, w.rows(t, "outbox"))
	machine.Advance(200 * time.Millisecond)
	require.Eventually(t, func() bool { return w.rows(t, "outbox") == 0 }, patience, 5*time.Millisecond)
	require.Len(t, w.stored(t), 2)
}

// TestABrokerPutBackHasMissedNothing: the broker acknowledged, lost the end of its store, and came back.
func TestABrokerPutBackHasMissedNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, _ := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.SyncDelay = time.Hour })
	o := outbox.New(r.Wake)
	for range 10 {
		require.NoError(t, w.change(t.Context(), o, "a"))
	}
	drained(t, r)
	stream, err := w.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	for seq := uint64(6); seq <= 10; seq++ {
		require.NoError(t, stream.DeleteMsg(t.Context(), seq))
	}
	w.broker.Restart(t) // forgets the ids of what is not in its store
	require.Eventually(t, func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == 10
	}, patience, 20*time.Millisecond)
	w.requireInOrder(t)
}

func TestABrokerThatIsAwayCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, _ := w.relay(t, nil)
	o := outbox.New(r.Wake)
	require.NoError(t, w.change(t.Context(), o, "a"))
	drained(t, r)
	w.broker.Stop(t)
	for range 20 {
		require.NoError(t, w.change(t.Context(), o, "a"), "writes go on")
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Drained(short), context.DeadlineExceeded)
	w.broker.Start(t)
	drained(t, r)
	require.Equal(t, 21, w.requireInOrder(t))
	require.Zero(t, w.rows(t, "outbox_failed"))
}

func TestAStreamThatIsAwayCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream, err := w.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	cfg := stream.CachedInfo().Config
	require.NoError(t, w.js.DeleteStream(t.Context(), "EVENTS"))
	r, _ := w.relay(t, nil)
	w.put(t, w.message("a", 1))
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorIs(t, r.Drained(short), context.DeadlineExceeded)
	_, err = w.js.CreateStream(t.Context(), cfg)
	require.NoError(t, err)
	drained(t, r)
	require.Len(t, w.stored(t), 1)
	require.Zero(t, w.rows(t, "outbox_failed"))
}

// TestWhatCannotBePublishedIsSetAside, and meanwhile holds up its own aggregate only.
func TestWhatCannotBePublishedIsSetAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large, astray, bare := w.message("large", 1), w.message("astray", 1), w.message("bare", 1)
	astray.Subject = "nowhere.at.all"
	w.put(t, large, w.message("large", 2), astray, w.message("astray", 2), bare, w.message("fine", 1))
	_, err := w.Owner.Pool().Exec(t.Context(), "update outbox set payload = $1 where event_id = $2", make([]byte, 300<<10), large.ID)
	require.NoError(t, err)
	_, err = w.Owner.Pool().Exec(t.Context(), "update outbox set headers = '[1]' where event_id = $1", bare.ID)
	require.NoError(t, err)

	provider, read := meters(t)
	r, _ := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.Meters = provider })
	require.Eventually(t, func() bool { return len(w.stored(t)) > 0 }, patience, time.Millisecond)
	require.Equal(t, "fine", w.stored(t)[0].Header["ce-partitionkey"][0])
	drained(t, r)
	require.Equal(t, 3, w.rows(t, "outbox_failed where length(reason) > 5"))
	var order []string
	for _, msg := range w.stored(t) {
		order = append(order, msg.Header["ce-partitionkey"][0]+msg.Header["ce-sequence"][0])
	}
	require.ElementsMatch(t, []string{"fine1", "large2", "astray2"}, order)
	require.InDelta(t, 3, read("meridian.outbox.failed"), 0)
	require.InDelta(t, 3, read("meridian.outbox.published"), 0)
}

// meters is where a relay measures, and how a test reads a number of it: the sum or the gauge of the name.
func meters(t *testing.T) (metric.MeterProvider, func(name string) float64) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	return provider, func(name string) float64 {
		var all metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(t.Context(), &all))
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				if m.Name != name {
					continue
				}
				switch data := m.Data.(type) {
				case metricdata.Sum[int64]:
					return float64(data.DataPoints[0].Value)
				case metricdata.Gauge[int64]:
					return float64(data.DataPoints[0].Value)
				case metricdata.Gauge[float64]:
					return data.DataPoints[0].Value
				}
			}
		}
		return 0
	}
}

func TestTheLeaseOfASilentRelayRunsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Owner.Pool().Exec(t.Context(), "insert into outbox_lease (holder, expires_at) values ($1, clock_timestamp() + interval '700 ms')", uuid.New())
	require.NoError(t, err)
	w.put(t, w.message("a", 1))
	r, _ := w.relay(t, nil)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Drained(short), context.DeadlineExceeded, "another one has the lease")
	require.Empty(t, w.stored(t))
	drained(t, r)
	require.Len(t, w.stored(t), 1)
}

func TestALoneRelayWaitsForNoLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Owner.Pool().Exec(t.Context(), "insert into outbox_lease (holder, expires_at) values ($1, clock_timestamp() + interval '1 hour')", uuid.New())
	require.NoError(t, err)
	w.put(t, w.message("a", 1))
	r, _ := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.Alone = true })
	drained(t, r)
	require.Len(t, w.stored(t), 1)
}

func TestAStoppedRelayGivesTheLeaseBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, stop := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.Lease = time.Hour })
	drained(t, first)
	w.put(t, w.message("a", 1))
	drained(t, first)
	require.Equal(t, 1, w.rows(t, "outbox_lease"))
	second, _ := w.relay(t, nil)
	stop()
	require.Zero(t, w.rows(t, "outbox_lease where expires_at > clock_timestamp() + interval '30 min'"))
	w.put(t, w.message("a", 2))
	drained(t, second)
	require.Len(t, w.stored(t), 2, "what the first had acknowledged and not deleted came once more, and the broker knew it")
}

// TestALeaseTakenAwayIsNoticed: as after a pause of the process, another has it.
func TestALeaseTakenAwayIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	machine := clock.NewManual(time.Now()) //nolint:forbidigo // any instant
	r, _ := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.Machine = machine })
	drained(t, r)
	// An empty outbox is drained before the relay has its lease, so that there may be none to take away yet.
	require.Eventually(t, func() bool {
		tag, err := w.Owner.Pool().Exec(t.Context(), "update outbox_lease set holder = $1, expires_at = clock_timestamp() + interval '1 hour'", uuid.New())
		require.NoError(t, err)
		return tag.RowsAffected() == 1
	}, patience, time.Millisecond)
	machine.Advance(2 * time.Second) // time to renew
	require.Eventually(t, func() bool {
		w.put(t, w.message("a", 1))
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return r.Drained(short) != nil
	}, patience, time.Millisecond)
}

// TestTheLeaderElsewhereIsWoken: with polls that never come, a commit here is published by the replica there.
func TestTheLeaderElsewhereIsWoken(t *testing.T) { //nolint:tparallel // the cases share one state, one after another
	t.Parallel()
	w := newWorld(t)
	leader, _ := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.Poll = time.Hour })
	drained(t, leader)
	other, _ := w.relay(t, func(cfg *outbox.RelayConfig) { cfg.Poll = time.Hour })
	for name, o := range map[string]*outbox.Outbox{"in process": outbox.New(leader.Wake), "over the broker": outbox.New(other.Wake)} {
		t.Run(name, func(t *testing.T) {
			sub, err := w.js.Conn().SubscribeSync("evt.>")
			require.NoError(t, err)
			require.NoError(t, w.js.Conn().Flush())
			require.NoError(t, w.change(t.Context(), o, name))
			_, err = sub.NextMsg(patience)
			require.NoError(t, err)
		})
	}
}

func TestTheBacklogIsMeasured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	machine := clock.NewManual(time.Now()) //nolint:forbidigo // any instant
	astray := w.message("a", 1)
	astray.Subject = "nowhere.at.all"
	w.put(t, astray, w.message("a", 2), w.message("b", 1))
	provider, read := meters(t)
	w.relay(t, func(cfg *outbox.RelayConfig) { cfg.Meters, cfg.Machine = provider, machine })
	require.Eventually(t, func() bool { return len(w.stored(t)) == 1 }, patience, 5*time.Millisecond)
	machine.Advance(6 * time.Second)
	require.Eventually(t, func() bool {
		return read("meridian.outbox.rows") == 2 && read("meridian.outbox.oldest") > 0
	}, patience, 5*time.Millisecond, "the two that are held up; not the one that is acknowledged and kept")
	require.InDelta(t, 1, read("meridian.outbox.leading"), 0)
}

// TestABacklogIsPublishedInOrder has a backlog of many batches, which are read ahead: some cut by how many rows they have,
// some by how many bytes, with a row that cannot be published among them and the broker restarted meanwhile.
func TestABacklogIsPublishedInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const aggregates, each, small, size = 40, 100, 60, 60 << 10
	_, err := w.Owner.Pool().Exec(t.Context(), `
		INSERT INTO thing SELECT $1, 'thing ' || a, $3 FROM generate_series(1, $2::int) a`, w.ws, aggregates, each)
	require.NoError(t, err)
	_, err = w.Owner.Pool().Exec(t.Context(), `
		INSERT INTO outbox (workspace_id, event_id, aggregate, version, subject, headers, payload)
		SELECT $1, gen_random_uuid(), 'thing ' || a, v, $2, jsonb_build_object('ce-partitionkey', 'thing ' || a, 'ce-sequence', v::text),
			CASE WHEN v > $5 AND a % 4 = 0 THEN decode(repeat('00', $6), 'hex') ELSE '\x01' END
		FROM generate_series(1, $3::int) v, generate_series(1, $4::int) a ORDER BY v, a`,
		w.ws, w.message("", 0).Subject, each, aggregates, small, size)
	require.NoError(t, err)
	_, err = w.Owner.Pool().Exec(t.Context(), `
		UPDATE outbox SET subject = 'nowhere.at.all', aggregate = 'thing 7' WHERE aggregate = 'thing 8' AND version = 30`)
	require.NoError(t, err)
	_, err = w.Owner.Pool().Exec(t.Context(), `UPDATE outbox SET version = version - 1,
		headers = headers || jsonb_build_object('ce-sequence', (version - 1)::text) WHERE aggregate = 'thing 8' AND version > 30`)
	require.NoError(t, err)
	_, err = w.Owner.Pool().Exec(t.Context(), `UPDATE thing SET version = version - 1 WHERE id = 'thing 8'`)
	require.NoError(t, err)
	r, _ := w.relay(t, nil)
	require.Eventually(t, func() bool { return len(w.stored(t)) > 0 }, patience, time.Millisecond)
	w.broker.Restart(t)
	drained(t, r)
	require.Equal(t, aggregates*each-1, w.requireInOrder(t))
	require.Equal(t, 1, w.rows(t, "outbox_failed"))
	require.Eventually(t, func() bool { return w.rows(t, "outbox") == 0 }, patience, 10*time.Millisecond)
}
