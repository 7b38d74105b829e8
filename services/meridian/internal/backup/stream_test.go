package backup

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/natstest"
)

// The broker drops an event whose id it has seen within minutes, though it was deleted, unless it is told to forget.
func TestTheBrokerForgetsIDs(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	p := &place{js: broker.JS(t)}
	message := func() *nats.Msg {
		return &nats.Msg{Subject: "evt.a.b.c", Header: nats.Header{jetstream.MsgIDHeader: {"one"}}}
	}
	sent, err := p.js.PublishMsg(t.Context(), message())
	require.NoError(t, err)
	require.NoError(t, p.cut(t.Context(), []uint64{sent.Sequence, sent.Sequence}), "twice is no error")
	again, err := p.js.PublishMsg(t.Context(), message())
	require.NoError(t, err)
	require.True(t, again.Duplicate, "so there is something to forget")
	before, err := p.stream(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.forgetIDs(t.Context()))
	after, err := p.stream(t.Context())
	require.NoError(t, err)
	require.Equal(t, before.Config, after.Config)
	again, err = p.js.PublishMsg(t.Context(), message())
	require.NoError(t, err)
	require.False(t, again.Duplicate)
	require.Equal(t, sent.Sequence+1, again.Sequence, "sequences go on")
	again, err = p.js.PublishMsg(t.Context(), message())
	require.NoError(t, err)
	require.True(t, again.Duplicate, "the window is as it was")
}

// What followers remember as the last sequence is never given out again, also by a broker that was started anew.
func TestSequencesGoOnBehindACut(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	p := &place{js: broker.JS(t)}
	for range 3 {
		_, err := p.js.Publish(t.Context(), "evt.a.b.c", nil)
		require.NoError(t, err)
	}
	require.NoError(t, p.cut(t.Context(), []uint64{2, 3}))
	broker.Restart(t)
	require.Eventually(t, func() bool {
		sent, err := p.js.Publish(t.Context(), "evt.a.b.c", nil)
		require.True(t, err != nil || sent.Sequence == 4, "%+v", sent)
		return err == nil
	}, patience, 20*time.Millisecond)
}
