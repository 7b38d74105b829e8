package eventbus_test

import (
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
