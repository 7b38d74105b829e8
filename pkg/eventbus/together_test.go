package eventbus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

// taken is a handler of many that writes a row for each event that is fresh, and may be told to fail.
type taken struct {
	db *pgtest.DB
	// before and after say whether a batch fails before its effect, and after its commit: a process that died between the
	// commit and the acknowledgement.
	before, after func(events []event) error

	mu      sync.Mutex
	batches [][]event
}

func (h *taken) handle(ctx context.Context, events []event) error {
	h.mu.Lock()
	h.batches = append(h.batches, events)
	h.mu.Unlock()
	if h.before != nil {
		if err := h.before(events); err != nil {
			return err
		}
	}
	err := h.db.App.InTx(ctx, events[0].Workspace, func(ctx context.Context, tx *postgres.Tx) error {
		fresh, err := inbox.ClaimMany(ctx, tx)
		if err != nil {
			return err
		}
		for i, e := range events {
			if e.Workspace != events[0].Workspace {
				return errors.New("two workspaces in one batch") //nolint:err113 // the test fails by it
			}
			if fresh[i] {
				tx.Ahead(`INSERT INTO effects (workspace_id, event_id, version, body) VALUES ($1, $2, $3, $4)`, e.Workspace, e.ID, e.Version, e.Aggregate)
			}
		}
		return nil
	})
	if err == nil && h.after != nil {
		err = h.after(events)
	}
	return err
}

func (h *taken) sizes() (sizes []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, batch := range h.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes
}

// effectsOf are the versions that have had their effect, by aggregate, in the order in which they had it.
func effectsOf(tb rapid.TB, db *pgtest.DB) map[string][]int64 {
	tb.Helper()
	rows, err := db.Owner.Pool().Query(context.Background(), `SELECT body, version FROM effects ORDER BY place`)
	require.NoError(tb, err)
	all := map[string][]int64{}
	var aggregate string
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&aggregate, &version}, func() error {
		all[aggregate] = append(all[aggregate], version)
		return nil
	})
	require.NoError(tb, err)
	return all
}

var errFaulty = errors.New("faulty")

// However a stream of events is cut into batches, with events among them that come twice, that always fail, that fail
// only in company, or whose batch has its effect and is not acknowledged: each that can be handled has its effect once, those
// of an aggregate in their order, and those that cannot are dead letters.
func TestManyComeToWhatTheyComeToOneByOne(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	db := pgtest.New(t, "threads", eventbus.Set(), inbox.Set(), effects())
	js := broker.JS(t)
	bench := &bench{broker: broker, js: js, db: db}
	var round int
	rapid.Check(t, func(rt *rapid.T) {
		round++
		_, err := db.Owner.Pool().Exec(t.Context(), `TRUNCATE effects, dead_letters, event_faults, inbox`)
		require.NoError(rt, err)
		spaces := []uuid.UUID{uuid.New(), uuid.New()}
		threads := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
		dead, shy, lost := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
		want, versions := map[string][]int64{}, map[uuid.UUID]int64{}
		config := bench.configFor(t, db.Owner)
		config.Durable = fmt.Sprint("round-", round)
		stream, err := js.Stream(t.Context(), eventbus.Stream)
		require.NoError(rt, err)
		config.StartSequence = stream.CachedInfo().State.LastSeq + 1
		var letters int
		for range rapid.IntRange(1, 40).Draw(rt, "events") {
			i := rapid.IntRange(0, len(threads)-1).Draw(rt, "thread")
			versions[threads[i]]++
			msg := encode(t.Context(), t, posted(spaces[i%2], threads[i], versions[threads[i]]))
			switch rapid.IntRange(0, 9).Draw(rt, "fate") {
			case 0:
				dead[msg.ID] = true
				letters++
			case 1:
				shy[msg.ID] = true
			case 2:
				lost[msg.ID] = true
			}
			if !dead[msg.ID] {
				want[msg.Aggregate] = append(want[msg.Aggregate], msg.Version)
			}
			for range 1 + rapid.IntRange(0, 9).Draw(rt, "again")/9 {
				twin := asNATS(msg)
				delete(twin.Header, "Nats-Msg-Id") // as a repeat later than the broker's window
				_, err := js.PublishMsg(t.Context(), twin)
				require.NoError(rt, err)
			}
		}
		marked := func(marks map[uuid.UUID]bool, events []event) bool {
			return slices.ContainsFunc(events, func(e event) bool { return marks[e.ID] })
		}
		var mu sync.Mutex
		handler := &taken{
			db: db,
			before: func(events []event) error {
				switch {
				case marked(dead, events):
					return fault.DeniedFor("this")
				case len(events) > 1 && marked(shy, events):
					return errFaulty
				}
				return nil
			},
			after: func(events []event) error {
				mu.Lock()
				defer mu.Unlock()
				if marked(lost, events) {
					for _, e := range events {
						delete(lost, e.ID)
					}
					return errFaulty
				}
				return nil
			},
		}
		r := eventbus.NewRouter(config)
		eventbus.OnMany(r, handler.handle)
		stop := run(t, r)
		idle(t, r)
		stop()
		require.Equal(rt, want, effectsOf(rt, db))
		var found int
		require.NoError(rt, db.Owner.Pool().QueryRow(t.Context(), `SELECT count(DISTINCT event_id) FROM dead_letters`).Scan(&found))
		require.Equal(rt, letters, found)
	})
}

// What comes while a batch is in hand is the next one; a lone event comes alone.
func TestWhatHasArrivedTogetherIsHandledTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.db = pgtest.New(t, "threads", eventbus.Set(), inbox.Set(), effects())
	b.config.DB = b.db.Owner
	b.config.Patience = time.Hour
	entered, release := make(chan int, 100), make(chan struct{})
	handler := &taken{db: b.db, before: func(events []event) error {
		entered <- len(events)
		<-release
		return nil
	}}
	r := eventbus.NewRouter(b.config)
	eventbus.OnMany(r, handler.handle)
	run(t, r)
	ws, other := uuid.New(), uuid.New()
	b.publish(t, encode(t.Context(), t, posted(ws, uuid.New(), 1)))
	require.Equal(t, 1, <-entered, "it waits for nobody")
	const crowd = 20
	for range crowd {
		b.publish(t, encode(t.Context(), t, posted(ws, uuid.New(), 1)))
	}
	b.publish(t, encode(t.Context(), t, posted(other, uuid.New(), 1)))
	require.Equal(t, 1, <-entered, "another workspace waits for nobody")
	consumer, err := b.js.Consumer(t.Context(), eventbus.Stream, "threads-test")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumAckPending == crowd+2
	}, 20*time.Second, time.Millisecond)
	close(release)
	idle(t, r)
	require.Equal(t, []int{1, 1, crowd}, handler.sizes())
}

// An event that is stuck, with those that came to be in its batch, holds up nobody but what is of their aggregates.
func TestWhatIsStuckIsPassed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.Patience = 20 * time.Second
	ws, stuck, free := uuid.New(), uuid.New(), uuid.New()
	first := posted(ws, stuck, 1)
	release, entered, other := make(chan struct{}), make(chan struct{}, 10), make(chan string, 10)
	r := eventbus.NewRouter(b.config)
	eventbus.OnMany(r, func(_ context.Context, events []event) error {
		for _, e := range events {
			if e.Aggregate == first.GetThread() {
				entered <- struct{}{}
				<-release
				continue
			}
			other <- e.Aggregate
		}
		return nil
	})
	run(t, r)
	b.publish(t, encode(t.Context(), t, first))
	<-entered
	b.publish(t, encode(t.Context(), t, posted(ws, stuck, 2)))
	passing := posted(ws, free, 1)
	b.publish(t, encode(t.Context(), t, passing))
	require.Equal(t, passing.GetThread(), <-other)
	require.Empty(t, entered, "what is of its aggregate waits")
	close(release)
	idle(t, r)
	require.Len(t, entered, 1)
	require.Empty(t, b.dead(t))
}

// A batch that takes too long, and one whose handler panics, is handled event by event.
func TestABatchThatDoesNotEndIsCutUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.Patience = 20 * time.Millisecond
	var mu sync.Mutex
	var batches, alone int
	r := eventbus.NewRouter(b.config)
	eventbus.OnMany(r, func(ctx context.Context, events []event) error {
		mu.Lock()
		defer mu.Unlock()
		if len(events) == 1 {
			alone++
			return nil
		}
		if batches++; batches == 1 {
			<-ctx.Done()
			return ctx.Err()
		}
		panic("at the disco")
	})
	ws := uuid.New()
	const n = 200 // more than two batches
	for range n {
		b.publish(t, encode(t.Context(), t, posted(ws, uuid.New(), 1)))
	}
	run(t, r)
	idle(t, r)
	require.Equal(t, n, alone)
	require.GreaterOrEqual(t, batches, 2)
	require.Empty(t, b.dead(t))
}

// Each event of a batch is the cause of what is published because of it.
func TestEachOfManyIsACause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type saw struct {
		causation, correlation string
		trace                  trace.TraceID
	}
	ws, want, got := uuid.New(), map[uuid.UUID]saw{}, map[uuid.UUID]saw{}
	r := eventbus.NewRouter(b.config)
	var sizes []int
	eventbus.OnMany(r, func(ctx context.Context, events []event) error {
		sizes = append(sizes, len(events))
		for _, e := range events {
			under := e.Because(ctx)
			causation, correlation := eventbus.Cause(under)
			got[e.ID] = saw{causation, correlation, trace.SpanContextFromContext(under).TraceID()}
		}
		return nil
	})
	for i := range 20 {
		span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{byte(i + 1)}, SpanID: trace.SpanID{8}, TraceFlags: trace.TraceFlags(i % 2)})
		msg := encode(trace.ContextWithSpanContext(t.Context(), span), t, posted(ws, uuid.New(), 1))
		want[msg.ID] = saw{msg.ID.String(), span.TraceID().String(), span.TraceID()}
		b.publish(t, msg)
	}
	run(t, r)
	idle(t, r)
	require.Equal(t, want, got)
	require.Less(t, len(sizes), 20)
}

// A router that stops in the middle of a stream leaves nothing for the broker to wait for: with an AckWait that never ends,
// the next one still gets all.
func TestAStopLeavesNothingUnacknowledged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.AckWait, b.config.Held = time.Hour, 64
	const n = 2000
	for range n {
		msg := encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1))
		_, err := b.js.PublishMsgAsync(asNATS(msg))
		require.NoError(t, err)
	}
	<-b.js.PublishAsyncComplete()
	var mu sync.Mutex
	handled := map[uuid.UUID]bool{}
	for len(handled) < n {
		config, stopAt := b.config, len(handled)+100
		r := eventbus.NewRouter(config)
		enough := make(chan struct{}, 1)
		eventbus.On(r, func(_ context.Context, e event) error {
			mu.Lock()
			defer mu.Unlock()
			if handled[e.ID] = true; len(handled) >= min(stopAt, n) {
				select {
				case enough <- struct{}{}:
				default:
				}
			}
			return nil
		})
		stop := run(t, r)
		<-enough
		stop()
	}
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error { return nil })
	run(t, r)
	idle(t, r)
}
