package e2e

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// freeAddr is an address on loopback that nobody listens on. Its port is below those that systems give to whoever dials or asks
// for any, so that none of the stories beside it takes it before it is used, or between two lives of a process.
func freeAddr(t *testing.T) string {
	t.Helper()
	const from, ports = 20000, 12000
	for {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(from+rand.IntN(ports))))
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
