package eventbus_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

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
	odd := asNATS(encode(t.Context(), t, posted(ws, uuid.New(), 5)))
	odd.Header["ce-odd"] = []string{"\x00\xff"}
	_, err := b.js.PublishMsg(t.Context(), odd)
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
