// Package natstest gives a test a broker of its own: the real embedded server with the real accounts, and the
// stream EVENTS made. Only tests import it.
package natstest

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natsd"
)

// Server is one test's broker. It listens on a free loopback port and goes away with the test.
type Server struct {
	// URL is the TCP address without credentials.
	URL string
	// Credentials are the secrets of this broker.
	Credentials natsd.Credentials

	config natsd.Config
	broker *natsd.Server
}

// New starts a broker for the test and makes the stream EVENTS.
func New(tb testing.TB) *Server {
	tb.Helper()
	creds, err := natsd.NewCredentials()
	require.NoError(tb, err)
	s := &Server{
		Credentials: creds,
		config: natsd.Config{
			Addr: "127.0.0.1:0", StoreDir: tb.TempDir(), Credentials: creds,
		},
	}
	s.start(tb)
	tb.Cleanup(func() { s.Stop(tb) })
	require.NoError(tb, eventbus.EnsureStream(tb.Context(), s.JS(tb), eventbus.StreamConfig{}))
	return s
}

// Conn opens a connection as Meridian's services, closed with the test. It reconnects quickly and for ever.
func (s *Server) Conn(tb testing.TB, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	return s.ConnAs(tb, s.Credentials.User, s.Credentials.Password, opts...)
}

// ConnAs opens a connection with the given credentials, closed with the test.
func (s *Server) ConnAs(tb testing.TB, user, password string, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	all := append([]nats.Option{
		nats.UserInfo(user, password), nats.MaxReconnects(-1),
		nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0),
	}, opts...)
	conn, err := nats.Connect(s.URL, all...)
	require.NoError(tb, err)
	tb.Cleanup(conn.Close)
	return conn
}

// JS opens JetStream on a connection of its own.
func (s *Server) JS(tb testing.TB) jetstream.JetStream {
	tb.Helper()
	js, err := jetstream.New(s.Conn(tb))
	require.NoError(tb, err)
	return js
}

// Stop stops the broker and keeps its data: connections stand and try again.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	if s.broker == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 30*time.Second)
	defer cancel()
	require.NoError(tb, s.broker.Stop(ctx))
	s.broker = nil
}

// Start starts the broker again on the same address and the same data after Stop.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	require.Nil(tb, s.broker, "the broker already runs")
	s.start(tb)
}

// Restart stops the broker and starts it again on the same address and the same data.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop(tb)
	s.Start(tb)
}

func (s *Server) start(tb testing.TB) {
	tb.Helper()
	broker, err := natsd.Start(tb.Context(), s.config)
	require.NoError(tb, err)
	s.broker = broker
	s.URL = broker.URL()
	// The port is kept from now on, so that clients find the broker again.
	_, port, err := net.SplitHostPort(s.URL[len("nats://"):])
	require.NoError(tb, err)
	s.config.Addr = net.JoinHostPort("127.0.0.1", port)
}
