package eventbus_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

type edit = eventbus.Event[*threadsv1.MessageEdited]

func edited(ws, thread uuid.UUID, version int64) *threadsv1.MessageEdited {
	p := posted(ws, thread, version)
	return &threadsv1.MessageEdited{Message: p.GetMessage(), Thread: p.GetThread(), Space: p.GetSpace(), ThreadVersion: version, ThreadTitle: p.GetThreadTitle()}
}

// While replicas of two versions serve, the older one leaves to the newer what it does not know: types, and what a type says.
func TestTheOlderVersionLeavesToTheNewerWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var byOlder, byNewer, edits atomic.Int32
	newer := eventbus.NewRouter(b.config)
	eventbus.On(newer, func(context.Context, event) error { byNewer.Add(1); return nil })
	eventbus.On(newer, func(context.Context, edit) error { edits.Add(1); return nil })
	stop := run(t, newer)
	require.Eventually(t, func() bool { return len(subjects(t, b)) == 2 }, 20*time.Second, time.Millisecond)
	older := eventbus.NewRouter(b.configFor(t, b.db.Owner))
	eventbus.On(older, func(_ context.Context, e event) error {
		if e.Version > 1 {
			return eventbus.Newer("version %d is of a kind that is not known here", e.Version)
		}
		byOlder.Add(1)
		return nil
	})
	run(t, older)
	stop() // so that the older one gets all of it
	for range 5 {
		b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
		b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 2)))
		b.publish(t, encode(t.Context(), t, edited(uuid.New(), uuid.New(), 1)))
	}
	require.Eventually(t, func() bool { return byOlder.Load() == 5 }, 20*time.Second, time.Millisecond)
	require.Len(t, subjects(t, b), 2, "the older version takes away what the newer one asks for")

	again := eventbus.NewRouter(b.configFor(t, b.db.Owner))
	eventbus.On(again, func(context.Context, event) error { byNewer.Add(1); return nil })
	eventbus.On(again, func(context.Context, edit) error { edits.Add(1); return nil })
	run(t, again)
	idle(t, again)
	require.EqualValues(t, 5, edits.Load())
	require.EqualValues(t, 10, byOlder.Load()+byNewer.Load())
	require.Empty(t, b.dead(t))
	require.Zero(t, b.faults(t))
}

func subjects(t *testing.T, b *bench) []string {
	t.Helper()
	consumer, err := b.js.Consumer(t.Context(), eventbus.Stream, b.config.Durable)
	if err != nil {
		return nil
	}
	return filtersOf(consumer.CachedInfo().Config)
}

// Where no newer version comes, what was left to it is not held for ever: it is retried, and then a dead letter.
func TestWhatNoNewerVersionComesForIsADeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config.Machine = clock.NewManual(clock.Machine().Now().Add(time.Hour))
	_, err := b.js.CreateConsumer(t.Context(), eventbus.Stream, jetstream.ConsumerConfig{
		Durable: b.config.Durable, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1, AckWait: 30 * time.Second, MaxAckPending: 512,
		FilterSubjects: []string{threadsv1.MessageEditedSubject("*"), threadsv1.MessagePostedSubject("*")},
	})
	require.NoError(t, err)
	var calls atomic.Int32
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error { calls.Add(1); return eventbus.Newer("not known here") })
	run(t, r)
	b.publish(t, encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1)))
	b.publish(t, encode(t.Context(), t, edited(uuid.New(), uuid.New(), 1)))
	later := asNATS(encode(t.Context(), t, posted(uuid.New(), uuid.New(), 5)))
	later.Header["ce-type"] = []string{"meridian.threads.v2.MessagePosted"}
	_, err = b.js.PublishMsg(t.Context(), later)
	require.NoError(t, err)
	idle(t, r)
	require.EqualValues(t, 1+len(b.config.Delays), calls.Load())
	letters := b.dead(t)
	require.Len(t, letters, 3)
	for _, letter := range letters {
		require.Equal(t, eventbus.ReasonEventNewer, letter.Reason)
	}
}

// The broker serves who asked first, and an event that is given back comes again after a second: were replicas to ask each
// second in step, it would come to the same one again and again.
func TestReplicasDoNotAskInStep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asked, err := b.js.Conn().SubscribeSync(jetstream.DefaultAPIPrefix + "CONSUMER.MSG.NEXT." + eventbus.Stream + "." + b.config.Durable)
	require.NoError(t, err)
	r := eventbus.NewRouter(b.config)
	eventbus.On(r, func(context.Context, event) error { return nil })
	run(t, r)
	stood := map[time.Duration]bool{}
	for range 4 {
		msg, err := asked.NextMsg(20 * time.Second)
		require.NoError(t, err)
		var request struct{ Expires time.Duration }
		require.NoError(t, json.Unmarshal(msg.Data, &request))
		require.GreaterOrEqual(t, request.Expires, 500*time.Millisecond)
		require.LessOrEqual(t, request.Expires, 1500*time.Millisecond)
		stood[request.Expires] = true
	}
	require.Len(t, stood, 4)
}
