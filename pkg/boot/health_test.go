package boot

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/adminhttp"
)

// TestHealthSaysWhatTheAdminPortSays asks a real one, by the address that a process listens at on all interfaces.
func TestHealthSaysWhatTheAdminPortSays(t *testing.T) {
	t.Parallel()
	admin := adminhttp.New("127.0.0.1:0")
	require.NoError(t, admin.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, admin.Stop(context.Background())) })
	_, port, err := net.SplitHostPort(admin.Addr())
	require.NoError(t, err)

	for _, host := range []string{"", "0.0.0.0", "127.0.0.1"} {
		require.NoError(t, health(t.Context(), Config{AdminAddr: net.JoinHostPort(host, port)}), host)
	}
	admin.Ready("postgres", func(context.Context) error { return errors.New("no answer") })
	err = health(t.Context(), Config{AdminAddr: ":" + port})
	require.ErrorContains(t, err, "postgres")
	require.ErrorContains(t, err, "no answer")
	require.ErrorContains(t, health(t.Context(), Config{}), "admin-addr")
	require.ErrorContains(t, health(t.Context(), Config{AdminAddr: "9091"}), "admin-addr")
	require.ErrorContains(t, health(t.Context(), Config{AdminAddr: "127.0.0.1:1"}), "refused")
}
