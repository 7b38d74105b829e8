package eventbus_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

type event = eventbus.Event[*threadsv1.MessagePosted]

// recorder keeps what a handler saw.
type recorder struct {
	mu   sync.Mutex
	seen []event
}

func (r *recorder) add(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, e)
}

func (r *recorder) events() []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

func TestAHandlerGetsTheEventItsCauseAndItsTrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{7}, SpanID: trace.SpanID{8}, TraceFlags: 1})
	ws := uuid.New()
	msg := encode(trace.ContextWithSpanContext(t.Context(), span), t, posted(ws, uuid.New(), 1))
	type saw struct {
		event                  event
		key                    inbox.Key
		causation, correlation string
		trace                  trace.TraceID
	}
	got := make(chan saw, 1)
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(ctx context.Context, e event) error {
		s := saw{event: e, trace: trace.SpanContextFromContext(ctx).TraceID()}
		s.key, _ = inbox.FromContext(ctx)
		s.causation, s.correlation = eventbus.Cause(ctx)
		got <- s
		return nil
	})
	run(t, r)
	b.publish(t, msg)
	s := <-got
	require.Equal(t, ws, s.event.Workspace)
	require.Equal(t, "hello", s.event.Payload.GetMessage().GetBody())
	require.EqualValues(t, 1, s.event.Stream)
	require.Equal(t, inbox.Key{Consumer: "threads-test", EventID: msg.ID}, s.key)
	require.Equal(t, msg.ID.String(), s.causation)
	require.Equal(t, span.TraceID().String(), s.correlation)
	require.Equal(t, span.TraceID(), s.trace)
	idle(t, r)
}

func TestEventsOfOneAggregateAreHandledInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var kept recorder
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(_ context.Context, e event) error {
		kept.add(e)
		return nil
	})
	run(t, r)
	ws, threads := uuid.New(), []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	const each = 100
	for version := range int64(each) {
		for _, thread := range threads {
			b.publish(t, encode(t.Context(), t, posted(ws, thread, version+1)))
		}
	}
	idle(t, r)
	last := map[string]int64{}
	for _, e := range kept.events() {
		require.Equal(t, last[e.Aggregate]+1, e.Version)
		last[e.Aggregate] = e.Version
	}
	require.Len(t, last, len(threads))
	require.Len(t, kept.events(), each*len(threads))
	require.Empty(t, b.dead(t))
}

func TestReplicasShareOneConsumer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all recorder
	routers := make([]*eventbus.Router, 2)
	for i := range routers {
		routers[i] = eventbus.NewRouter(b.configFor(t, b.db.Owner))
		eventbus.On(routers[i], func(_ context.Context, e event) error { all.add(e); return nil })
		run(t, routers[i])
	}
	const n = 200
	for range n {
		b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	}
	idle(t, routers[0])
	idle(t, routers[1])
	require.Len(t, all.events(), n)
}

// The effect is a row that is written with the inbox's row; a second delivery must not write a second one.
func TestAnEventDeliveredTwiceHasOneEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var calls, effects atomic.Int32
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(ctx context.Context, e event) error {
		calls.Add(1)
		return b.db.App.InTx(ctx, e.Workspace, func(ctx context.Context, tx *postgres.Tx) error {
			fresh, err := inbox.Claim(ctx, tx)
			if err == nil && fresh {
				tx.AfterCommit(func() { effects.Add(1) })
			}
			return err
		})
	})
	run(t, r)
	msg := encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1))
	b.publish(t, msg)
	twin := asNATS(msg)
	delete(twin.Header, "Nats-Msg-Id") // as a repeat later than the broker's window
	_, err := b.js.PublishMsg(t.Context(), twin)
	require.NoError(t, err)
	idle(t, r)
	require.EqualValues(t, 2, calls.Load())
	require.EqualValues(t, 1, effects.Load())
}

func TestALongHandlerIsNotGivenToAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.AckWait = 300 * time.Millisecond
	var calls atomic.Int32
	release := make(chan struct{})
	started := make(chan struct{})
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error {
		if calls.Add(1) == 1 {
			close(started)
		}
		<-release
		return nil
	})
	run(t, r)
	other := eventbus.NewRouter(b.config)
	eventbus.On(other, func(context.Context, event) error { calls.Add(1); return nil })
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	<-started
	run(t, other)
	consumer, err := b.js.Consumer(t.Context(), eventbus.Stream, "threads-test")
	require.NoError(t, err)
	timer := time.NewTimer(4 * b.config.AckWait)
	defer timer.Stop()
	<-timer.C
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.NumRedelivered)
	close(release)
	idle(t, r)
	require.EqualValues(t, 1, calls.Load())
}

func TestAStoppedRouterGivesBackWhatItHolds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.Workers = 1
	blocked := make(chan struct{}, 1)
	release := make(chan struct{})
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error {
		blocked <- struct{}{}
		<-release
		return nil
	})
	stop := run(t, r)
	const n = 5
	for range n {
		b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	}
	<-blocked
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	// The one in hand is finished; the others come to the next replica at once and not after AckWait.
	var kept recorder
	next := eventbus.NewRouter(b.configFor(t, b.db.Owner))
	eventbus.On(next, func(_ context.Context, e event) error { kept.add(e); return nil })
	timer := time.NewTimer(1500 * time.Millisecond)
	defer timer.Stop()
	<-timer.C
	close(release)
	<-stopped
	run(t, next)
	idle(t, next)
	require.Len(t, kept.events(), n-1)
}

func TestAConsumerReadsOnlyWhatItHandlesAndFromWhereItWasTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 2)))
	b.config.StartSequence = 2
	var kept recorder
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(_ context.Context, e event) error { kept.add(e); return nil })
	stop := run(t, r)
	require.Eventually(t, func() bool { return len(kept.events()) == 1 }, 20*time.Second, time.Millisecond)
	idle(t, r)
	require.EqualValues(t, 2, kept.events()[0].Version)
	consumer, err := b.js.Consumer(t.Context(), eventbus.Stream, "threads-test")
	require.NoError(t, err)
	config := consumer.CachedInfo().Config
	require.Equal(t, []string{"evt.*.threads.message.posted"}, filtersOf(config))
	require.Equal(t, jetstream.AckExplicitPolicy, config.AckPolicy)
	require.Equal(t, -1, config.MaxDeliver)
	require.Equal(t, 30*time.Second, config.AckWait)
	stop()

	// A later release handles one more type: the same durable goes on from where it stood.
	wider := eventbus.NewRouter(b.configFor(t, b.db.Owner))
	eventbus.On(wider, func(_ context.Context, e event) error { kept.add(e); return nil })
	eventbus.On(wider, func(context.Context, eventbus.Event[*threadsv1.MessageEdited]) error { return nil })
	run(t, wider)
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 3)))
	require.Eventually(t, func() bool { return len(kept.events()) == 2 }, 20*time.Second, time.Millisecond)
	consumer, err = b.js.Consumer(t.Context(), eventbus.Stream, "threads-test")
	require.NoError(t, err)
	require.Equal(t, []string{"evt.*.threads.message.edited", "evt.*.threads.message.posted"},
		filtersOf(consumer.CachedInfo().Config))
}

func filtersOf(config jetstream.ConsumerConfig) []string {
	if config.FilterSubject != "" {
		return []string{config.FilterSubject}
	}
	return config.FilterSubjects
}

func TestMistakesInRegistrationAreSaidByRun(t *testing.T) {
	t.Parallel()
	config := eventbus.RouterConfig{Durable: "d"}
	handle := func(context.Context, event) error { return nil }

	none := eventbus.NewRouter(config)
	require.ErrorContains(t, none.Run(t.Context()), "no handlers")

	twice := eventbus.NewRouter(config)
	eventbus.On(twice, handle)
	eventbus.On(twice, handle)
	require.ErrorContains(t, twice.Run(t.Context()), "two handlers")

	resource := eventbus.NewRouter(config)
	eventbus.On(resource, func(context.Context, eventbus.Event[*threadsv1.Message]) error { return nil })
	require.ErrorContains(t, resource.Run(t.Context()), "not an event")
}
