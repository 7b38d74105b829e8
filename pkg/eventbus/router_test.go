package eventbus_test

import (
	"context"
	"errors"
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
	"github.com/meridianhq/meridian/pkg/fault"
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

func TestAnEventsOwnFaultIsRetriedAndThenADeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var calls atomic.Int32
	var mended atomic.Bool
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error {
		calls.Add(1)
		if mended.Load() {
			return nil
		}
		return errors.New("no luck with this one")
	})
	run(t, r)
	msg := encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1))
	b.publish(t, msg)
	idle(t, r)
	require.EqualValues(t, 1+len(b.config.Delays), calls.Load())
	letters := b.dead(t)
	require.Len(t, letters, 1)
	require.Equal(t, msg.ID.String(), letters[0].Event)
	require.Equal(t, msg.Workspace, letters[0].Workspace)
	require.Equal(t, "meridian.threads.v1.MessagePosted", letters[0].Type)
	require.Equal(t, "INTERNAL", letters[0].Reason)
	require.Contains(t, letters[0].Detail, "no luck")
	require.EqualValues(t, 3, letters[0].Deliveries)
	require.Equal(t, asNATS(msg).Header, letters[0].Headers)

	dead := eventbus.NewDeadLetters(b.db.Owner, r)
	require.ErrorContains(t, dead.Redrive(t.Context(), letters[0].ID), "no luck")
	require.Len(t, b.dead(t), 1, "a failed re-drive keeps the letter")
	mended.Store(true)
	require.NoError(t, dead.Redrive(t.Context(), letters[0].ID))
	require.Empty(t, b.dead(t))
	require.Equal(t, fault.NotFound, fault.From(dead.Redrive(t.Context(), letters[0].ID)).Kind)
}

func TestARetryThatHelpsLeavesNoDeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var calls atomic.Int32
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error {
		if calls.Add(1) < 3 {
			return fault.New(fault.Precondition, "NOT_YET", "the thread is not known yet")
		}
		return nil
	})
	run(t, r)
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	idle(t, r)
	require.EqualValues(t, 3, calls.Load())
	require.Empty(t, b.dead(t))
	require.Zero(t, b.faults(t))
}

// An event comes again when a replica stops, and when one dies: that is not its fault and takes nothing from its
// attempts.
func TestRedeliveriesAreNotFaults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var calls atomic.Int32
	failing := func(context.Context, event) error {
		calls.Add(1)
		return errors.New("no luck with this one") //nolint:err113 // Any error.
	}
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error { return nil })
	stop := run(t, r)
	idle(t, r)
	stop()
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	consumer, err := b.js.Consumer(t.Context(), eventbus.Stream, "threads-test")
	require.NoError(t, err)
	for range 10 { // as a stopping replica does
		msg, err := consumer.Next(jetstream.FetchMaxWait(20 * time.Second))
		require.NoError(t, err)
		require.NoError(t, msg.Nak())
	}
	next := eventbus.NewRouter(b.config)
	eventbus.On(next, failing)
	run(t, next)
	idle(t, next)
	require.EqualValues(t, 1+len(b.config.Delays), calls.Load())
	require.Len(t, b.dead(t), 1)
	require.EqualValues(t, 10+calls.Load(), b.dead(t)[0].Deliveries)
	require.Zero(t, b.faults(t), "the count ends with the letter")
}

func TestFaultsAreCountedOverReplicasAndRestarts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.Delays = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond}
	var calls atomic.Int32
	failed := make(chan struct{}, 10)
	for range 2 {
		r := eventbus.NewRouter(b.config)
		eventbus.On(r, func(context.Context, event) error {
			calls.Add(1)
			failed <- struct{}{}
			return errors.New("no luck with this one") //nolint:err113 // Any error.
		})
		stop := run(t, r)
		if calls.Load() == 0 {
			b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
			<-failed
			stop()
			continue
		}
		idle(t, r)
	}
	require.EqualValues(t, 1+len(b.config.Delays), calls.Load())
	require.Len(t, b.dead(t), 1)
}

// What a consumer mends in the place of a lost event is mended before the event is given up.
func TestAnEventIsGivenUpOnlyWhenThatWasBorne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ws := uuid.New()
	const failures = 2
	calls, answer := make(chan uuid.UUID), make(chan error)
	b.config.Buried = func(_ context.Context, workspace uuid.UUID) error {
		calls <- workspace
		return <-answer
	}
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error { return nil })
	run(t, r)
	unread := asNATS(encode(t.Context(), t, posted(ws, uuid.New(), 1)))
	unread.Data = []byte{0xff}
	_, err := b.js.PublishMsg(t.Context(), unread)
	require.NoError(t, err)
	for i := range failures + 1 {
		require.Equal(t, ws, <-calls)
		require.Empty(t, b.dead(t))
		if i < failures {
			answer <- fault.New(fault.Unavailable, fault.ReasonUnavailable, "the directory is away")
		}
	}
	at, err := r.Position(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, at.Lag, "unfinished")
	b.publish(t, encode(t.Context(), t, posted(ws, uuid.New(), 1)))
	answer <- nil
	idle(t, r)
	require.Len(t, b.dead(t), 1)
	at, err = r.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, eventbus.Position{Done: 2}, at)
}

func TestSchemaAndPermissionFaultsAreDeadLettersAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var calls atomic.Int32
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(_ context.Context, e event) error {
		calls.Add(1)
		if e.Version == 1 {
			return fault.DeniedFor("this")
		}
		if e.Version == 2 {
			panic("at the disco")
		}
		return nil
	})
	run(t, r)
	ws := uuid.New()
	b.publish(t, encode(t.Context(), t, posted(ws, uuid.New(), 1)))
	later := asNATS(encode(t.Context(), t, posted(ws, uuid.New(), 5)))
	later.Header["ce-type"] = []string{"meridian.threads.v2.MessagePosted"}
	later.Header["ce-odd"] = []string{"\x00\xff"}
	_, err := b.js.PublishMsg(t.Context(), later)
	require.NoError(t, err)
	forged := asNATS(encode(t.Context(), t, posted(ws, uuid.New(), 5)))
	forged.Subject = threadsv1.MessagePostedSubject(uuid.NewString())
	_, err = b.js.PublishMsg(t.Context(), forged)
	require.NoError(t, err)
	bare := asNATS(encode(t.Context(), t, posted(ws, uuid.New(), 5)))
	bare.Header, bare.Data = nil, nil
	_, err = b.js.PublishMsg(t.Context(), bare)
	require.NoError(t, err)
	b.publish(t, encode(t.Context(), t, posted(ws, uuid.New(), 2)))
	b.publish(t, encode(t.Context(), t, posted(ws, uuid.New(), 3)))
	idle(t, r)
	require.EqualValues(t, 1+3+1, calls.Load(), "denied once, the panic three times, the good one once")
	var reasons []string
	for _, letter := range b.dead(t) {
		reasons = append(reasons, letter.Reason)
	}
	slices.Sort(reasons)
	require.Equal(t, []string{"EVENT_INVALID", "EVENT_INVALID", "EVENT_INVALID", "INTERNAL", "PERMISSION_DENIED"}, reasons)
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
