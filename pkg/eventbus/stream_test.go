package eventbus_test

import (
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natstest"
)

func TestTheStreamIsAsDesignedAndCanBeEnsuredAgain(t *testing.T) {
	t.Parallel()
	js := natstest.New(t).JS(t)
	stream, err := js.Stream(t.Context(), eventbus.Stream)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	require.Equal(t, []string{"evt.>", "own.>"}, config.Subjects)
	require.Equal(t, jetstream.FileStorage, config.Storage)
	require.Equal(t, jetstream.LimitsPolicy, config.Retention)
	require.Equal(t, jetstream.DiscardOld, config.Discard)
	require.Equal(t, jetstream.S2Compression, config.Compression)
	require.Equal(t, 30*24*time.Hour, config.MaxAge)
	require.Equal(t, 5*time.Minute, config.Duplicates)
	require.EqualValues(t, 256<<10, config.MaxMsgSize)
	require.EqualValues(t, 8<<30, config.MaxBytes)
	require.Equal(t, 10_000, config.MaxConsumers)
	require.True(t, config.AllowDirect)

	require.NoError(t, eventbus.EnsureStream(t.Context(), js, eventbus.StreamConfig{}))
	require.NoError(t, eventbus.EnsureStream(t.Context(), js, eventbus.StreamConfig{MaxAge: time.Hour, MaxConsumers: 5}))
	stream, err = js.Stream(t.Context(), eventbus.Stream)
	require.NoError(t, err)
	require.Equal(t, time.Hour, stream.CachedInfo().Config.MaxAge)
	require.Equal(t, 10_000, stream.CachedInfo().Config.MaxConsumers, "it cannot be changed")
}

// TestWhoMakesTheStreamLastDecides: other bounds take hold at once, and what a smaller one deletes does not come back.
func TestWhoMakesTheStreamLastDecides(t *testing.T) {
	t.Parallel()
	js := natstest.New(t).JS(t)
	ensure := func(cfg eventbus.StreamConfig) {
		t.Helper()
		require.NoError(t, eventbus.EnsureStream(t.Context(), js, cfg))
	}
	left := func() uint64 {
		t.Helper()
		stream, err := js.Stream(t.Context(), eventbus.Stream)
		require.NoError(t, err)
		return stream.CachedInfo().State.Msgs
	}
	larger := eventbus.StreamConfig{MaxAge: 90 * 24 * time.Hour, MaxBytes: 9 << 30}
	ensure(larger)
	age, err := eventbus.MaxAge(t.Context(), js)
	require.NoError(t, err)
	require.Equal(t, larger.MaxAge, age)
	for range 10 {
		_, err := js.Publish(t.Context(), "evt.a.b.c", make([]byte, 100<<10))
		require.NoError(t, err)
	}
	require.EqualValues(t, 10, left())
	ensure(eventbus.StreamConfig{MaxBytes: 512 << 10})
	require.Less(t, left(), uint64(10))
	ensure(larger)
	require.Less(t, left(), uint64(10))
}

func TestAStreamThatDoesNotFitIsToldByItsSettings(t *testing.T) {
	t.Parallel()
	js := natstest.New(t).JS(t)
	const moreThanTheStore = 1 << 40
	err := eventbus.EnsureStream(t.Context(), js, eventbus.StreamConfig{MaxBytes: moreThanTheStore})
	require.ErrorContains(t, err, "nats-stream-max-bytes (1099511627776)")
	require.NoError(t, js.DeleteStream(t.Context(), eventbus.Stream))
	err = eventbus.EnsureStream(t.Context(), js, eventbus.StreamConfig{MaxBytes: moreThanTheStore})
	require.ErrorContains(t, err, "nats-stream-max-bytes (1099511627776)")
	err = eventbus.EnsureStream(t.Context(), js, eventbus.StreamConfig{Replicas: 3})
	require.ErrorContains(t, err, "nats-replicas is 3")
	_, err = eventbus.MaxAge(t.Context(), js)
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
}

func TestSenselessBoundsAreToldByTheirFlag(t *testing.T) {
	t.Parallel()
	for flag, cfgs := range map[string][]eventbus.StreamConfig{
		"nats-replicas":         {{Replicas: -1}, {Replicas: 6}},
		"nats-stream-max-age":   {{MaxAge: -1}, {MaxAge: 24*time.Hour - 1}, {MaxAge: 87600*time.Hour + 1}, {MaxAge: math.MaxInt64}},
		"nats-stream-max-bytes": {{MaxBytes: -1}, {MaxBytes: 64<<20 - 1}},
	} {
		for _, cfg := range cfgs {
			require.ErrorContains(t, cfg.Validate(), flag+": must be")
		}
	}
	for _, cfg := range []eventbus.StreamConfig{{}, {Replicas: 5, MaxAge: 24 * time.Hour, MaxBytes: 64 << 20}, {MaxAge: 87600 * time.Hour}} {
		require.NoError(t, cfg.Validate())
	}
}
