package eventbus_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// happened is a fixed domain time.
var happened = time.Date(2026, 3, 1, 9, 30, 0, 123456789, time.UTC)

const host = "meridian.example"

// posted is an event of the thread's aggregate at a version.
func posted(ws, thread uuid.UUID, version int64) *threadsv1.MessagePosted {
	base := "workspaces/" + ws.String()
	name := base + "/threads/" + thread.String()
	return &threadsv1.MessagePosted{
		Message:       &threadsv1.Message{Name: name + "/messages/1", Body: "hello"},
		Thread:        name,
		Space:         base + "/spaces/" + thread.String(),
		ThreadVersion: version,
		ThreadTitle:   "Größe",
	}
}

func encode(ctx context.Context, t *testing.T, payload proto.Message) outbox.Message {
	t.Helper()
	msg, err := eventbus.Encode(ctx, host, "threads", happened, "workspaces/"+uuid.NewString()+"/members/me", payload)
	require.NoError(t, err)
	return msg
}

// asNATS is the message as the relay publishes it.
func asNATS(msg outbox.Message) *nats.Msg {
	out := &nats.Msg{Subject: msg.Subject, Header: nats.Header{}, Data: msg.Payload}
	for name, value := range msg.Headers {
		out.Header[name] = []string{value}
	}
	return out
}

// bench is a broker, a database and a router that a test registers handlers with.
type bench struct {
	broker *natstest.Server
	js     jetstream.JetStream
	db     *pgtest.DB
	config eventbus.RouterConfig
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{broker: natstest.New(t), db: pgtest.New(t, "threads", eventbus.Set(), inbox.Set())}
	b.js = b.broker.JS(t)
	b.config = b.configFor(t, b.db.Owner)
	return b
}

func (b *bench) configFor(t *testing.T, db *postgres.DB) eventbus.RouterConfig {
	t.Helper()
	quick := []time.Duration{time.Millisecond, time.Millisecond}
	return eventbus.RouterConfig{
		Durable: "threads-test", JS: b.broker.JS(t), DB: db, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Delays: quick, OutageDelays: quick, Workers: 4, Held: 32,
	}
}

// run runs the router until the test ends or the returned function is called.
func run(t *testing.T, r *eventbus.Router) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

func (b *bench) publish(t *testing.T, msg outbox.Message) {
	t.Helper()
	_, err := b.js.PublishMsg(t.Context(), asNATS(msg))
	require.NoError(t, err)
}

func idle(t *testing.T, r *eventbus.Router) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, r.Idle(ctx))
}

// dead lists the dead letters.
func (b *bench) dead(t *testing.T) []eventbus.DeadLetter {
	t.Helper()
	letters, err := eventbus.NewDeadLetters(b.db.Owner).List(t.Context(), uuid.UUID{}, 0)
	require.NoError(t, err)
	return letters
}

// faults is how many events have a count of faults.
func (b *bench) faults(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, b.db.Owner.Pool().QueryRow(t.Context(), "SELECT count(*) FROM event_faults").Scan(&n))
	return n
}

// wire is a TCP line to the database that a test can cut and mend.
type wire struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (b *bench) throughWire(t *testing.T) (*wire, *postgres.DB) {
	t.Helper()
	address, err := url.Parse(b.db.OwnerURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: listener, target: address.Host}
	go w.serve()
	t.Cleanup(func() { _ = listener.Close(); w.set(true) })
	address.Host = listener.Addr().String()
	db, err := postgres.Open(t.Context(), address.String(), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return w, db
}

func (w *wire) serve() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		cut := w.cut
		w.mu.Unlock()
		far, err := net.Dial("tcp", w.target)
		if cut || err != nil {
			_ = near.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, near, far)
		w.mu.Unlock()
		go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
	}
}

func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for _, conn := range w.conns {
			_ = conn.Close()
		}
		w.conns = nil
	}
}
