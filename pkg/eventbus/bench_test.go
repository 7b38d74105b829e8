package eventbus_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/pgtest"
)

func BenchmarkEncode(b *testing.B) {
	payload := posted(uuid.New(), uuid.New(), 1)
	for b.Loop() {
		_, err := eventbus.Encode(b.Context(), host, "threads", happened, "workspaces/w/members/m", payload)
		require.NoError(b, err)
	}
}

func BenchmarkDecode(b *testing.B) {
	msg, err := eventbus.Encode(b.Context(), host, "threads", happened, "workspaces/w/members/m", posted(uuid.New(), uuid.New(), 1))
	require.NoError(b, err)
	m := asNATS(msg)
	for b.Loop() {
		_, _, err := eventbus.Decode(m.Header, m.Subject, m.Data)
		require.NoError(b, err)
	}
}

// BenchmarkRouter is a consumer whose handler does nothing: from the stream to the acknowledgement.
func BenchmarkRouter(b *testing.B) {
	broker := natstest.New(b)
	js := broker.JS(b)
	db := pgtest.New(b, "threads", eventbus.Set(), inbox.Set())
	for range b.N {
		msg, err := eventbus.Encode(b.Context(), host, "threads", happened, "workspaces/w/members/m", posted(uuid.New(), uuid.New(), 1))
		require.NoError(b, err)
		_, err = js.PublishMsgAsync(asNATS(msg))
		require.NoError(b, err)
	}
	<-js.PublishAsyncComplete()
	var handled atomic.Int64
	done := make(chan struct{})
	r := eventbus.NewRouter(eventbus.RouterConfig{
		Durable: "bench", JS: broker.JS(b), DB: db.Owner, Log: slog.New(slog.DiscardHandler),
	})
	eventbus.On(r, func(context.Context, event) error {
		if handled.Add(1) == int64(b.N) {
			close(done)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(b.Context())
	stopped := make(chan error, 1)
	b.ResetTimer()
	go func() { stopped <- r.Run(ctx) }()
	<-done
	b.StopTimer()
	cancel()
	require.NoError(b, <-stopped)
}
