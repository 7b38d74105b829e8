package e2e

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// given are the ports that freeAddr has handed out in this run.
var given sync.Map

// freeAddr is an address on loopback that nobody listens on, and that no other story was given. Its port is below those that
// systems give to whoever dials or asks for any, so that none of them takes it before it is used, or between two lives of a
// process; and above those of the chaos harness, whose tests may run beside these.
func freeAddr(t *testing.T) string {
	t.Helper()
	const from, ports = 30_000, 2_700
	for {
		port := from + rand.IntN(ports)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		return listener.Addr().String()
	}
}

// clockedContext ends with the test, or after d.
func clockedContext(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}
