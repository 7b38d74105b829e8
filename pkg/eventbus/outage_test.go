package eventbus_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
)

func TestWhileADependencyIsDownNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var down atomic.Bool
	down.Store(true)
	var tries, done atomic.Int32
	tried := make(chan struct{}, 1000)
	b.config.Workers, b.config.Held = 2, 4
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error {
		tries.Add(1)
		if down.Load() {
			tried <- struct{}{}
			return fault.New(fault.Unavailable, fault.ReasonUnavailable, "the directory is away")
		}
		done.Add(1)
		return nil
	})
	const n = 30
	for range n {
		b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	}
	run(t, r)
	for range 10 * (len(b.config.Delays) + 1) {
		<-tried
	}
	consumer, err := b.js.Consumer(t.Context(), eventbus.Stream, "threads-test")
	require.NoError(t, err)
	require.LessOrEqual(t, consumer.CachedInfo().NumAckPending, 4, "it takes no more than it holds")
	require.Empty(t, b.dead(t))
	down.Store(false)
	idle(t, r)
	require.EqualValues(t, n, done.Load())
	require.Empty(t, b.dead(t))
}

func TestPostgresAwayLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	line, db := b.throughWire(t)
	var failed, done atomic.Int32
	failures := make(chan struct{}, 1000)
	r := eventbus.NewRouter(b.configFor(t, db))
	eventbus.On(r, func(ctx context.Context, e event) error {
		if _, err := db.Pool().Exec(ctx, "SELECT 1"); err != nil {
			failed.Add(1)
			select {
			case failures <- struct{}{}:
			default:
			}
			return errors.New("an error that does not say what it is") //nolint:err113 // That is the point.
		}
		done.Add(1)
		if e.Version == 7 {
			return fault.DeniedFor("this") // its dead letter waits for Postgres too
		}
		return nil
	})
	run(t, r)
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	idle(t, r)
	line.set(true)
	for version := range int64(20) {
		b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), version+1)))
	}
	for range 20 {
		<-failures
	}
	line.set(false)
	idle(t, r)
	require.GreaterOrEqual(t, done.Load(), int32(21))
	letters := b.dead(t)
	require.Len(t, letters, 1, "only the denied one")
	require.Equal(t, "PERMISSION_DENIED", letters[0].Reason)
}

func TestTheBrokerRestartedLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.AckWait = 2 * time.Second // after which what was acknowledged to a broker that was gone comes again
	var kept recorder
	first := make(chan struct{}, 1000)
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(_ context.Context, e event) error {
		kept.add(e)
		first <- struct{}{}
		return nil
	})
	run(t, r)
	sent := map[uuid.UUID]bool{}
	for range 50 {
		msg := encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1))
		sent[msg.ID] = true
		b.publish(t, msg)
	}
	<-first
	b.broker.Restart(t)
	for range 50 {
		msg := encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1))
		sent[msg.ID] = true
		require.Eventually(t, func() bool {
			_, err := b.js.PublishMsg(t.Context(), asNATS(msg))
			return err == nil
		}, 20*time.Second, 10*time.Millisecond)
	}
	idle(t, r)
	for _, e := range kept.events() {
		delete(sent, e.ID)
	}
	require.Empty(t, sent)
}

func TestAConsumerThatWasDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := make(chan uuid.UUID, 10)
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(_ context.Context, e event) error { got <- e.ID; return nil })
	run(t, r)
	one := encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1))
	b.publish(t, one)
	require.Equal(t, one.ID, <-got)
	require.NoError(t, b.js.DeleteConsumer(t.Context(), eventbus.Stream, "threads-test"))
	require.Equal(t, one.ID, <-got, "from its start again, which the inbox bears")
}
