package devdns_test

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/devdns"
)

func TestANameIsTheAddressesOfItsReplicas(t *testing.T) {
	t.Parallel()
	s, err := devdns.Start(t.Context())
	require.NoError(t, err)
	asks := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", s.Addr())
	}}
	one, other, six := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("::1")
	for _, addr := range []netip.Addr{one, other, six} {
		s.Add("threads.town", addr)
	}
	found, err := asks.LookupNetIP(t.Context(), "ip", "threads.town.")
	require.NoError(t, err)
	require.ElementsMatch(t, []netip.Addr{one, other, six}, found)
	s.Remove("threads.town", other)
	found, err = asks.LookupNetIP(t.Context(), "ip4", "threads.town.")
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{one}, found)
	_, err = asks.LookupNetIP(t.Context(), "ip", "nobody.town.")
	require.Error(t, err)
	require.Equal(t, []netip.Addr{one, six}, s.Addresses("threads.town"))
	require.NoError(t, s.Close())
}
