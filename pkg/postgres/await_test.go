package postgres_test

import (
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

func TestADatabaseThatIsNotThereYetIsAwaited(t *testing.T) {
	t.Parallel()
	admin := pgtest.NewEmpty(t)
	there, err := url.Parse(admin)
	require.NoError(t, err)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	late := *there
	late.Host = l.Addr().String()
	require.NoError(t, l.Close())

	began := clock.Machine().Now()
	require.Error(t, postgres.Await(t.Context(), late.String(), 500*time.Millisecond))
	require.GreaterOrEqual(t, clock.Machine().Now().Sub(began), 500*time.Millisecond)

	came := make(chan error, 1)
	go func() { came <- postgres.Await(t.Context(), late.String(), time.Minute) }()
	l, err = lc.Listen(t.Context(), "tcp", late.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go forward(l, there.Host)
	require.NoError(t, <-came)

	began = clock.Machine().Now()
	require.ErrorContains(t, postgres.Await(t.Context(), as(t, admin, "nobody", "wrong"), time.Minute), "authentication failed")
	require.Less(t, clock.Machine().Now().Sub(began), 30*time.Second, "another time does not cure it")
}

// forward takes connections until the listener is closed, and hands them on.
func forward(l net.Listener, to string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			_ = from.Close()
			continue
		}
		go func() {
			go func() { _, _ = io.Copy(server, from) }()
			_, _ = io.Copy(from, server)
			_, _ = from.Close(), server.Close()
		}()
	}
}
