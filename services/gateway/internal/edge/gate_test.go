package edge

import (
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	// What the catalog is read from.
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

func TestUnknownCallersCountOnTheirAddress(t *testing.T) {
	t.Parallel()
	s, d, token := newSignIn(t)
	gate := NewGate(s, NewLimiter(Limits{AddressRate: 1, AddressBurst: 2}, d.machine), nil)
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	pass := func(address netip.Addr, authorization ...string) error {
		_, err := gate.Pass(t.Context(), Request{Authorization: authorization, Remote: address})
		return err
	}
	require.True(t, fault.Is(pass(here), fault.Unauthenticated))
	require.True(t, fault.Is(pass(here, "Bearer nonsense"), fault.Unauthenticated))
	limited := pass(here, "Bearer "+token)
	require.True(t, fault.Is(limited, fault.Exhausted))
	require.Positive(t, fault.From(limited).RetryAfter)
	require.Zero(t, d.exchanges, "a token that is not known yet is charged before the directory is asked")

	require.NoError(t, pass(there, "Bearer "+token))
	for range 10 {
		require.NoError(t, pass(here, "Bearer "+token), "a known caller has a bucket of their own")
	}
	_, err := gate.Pass(t.Context(), Request{Method: Method{Public: true}, Remote: here})
	require.True(t, fault.Is(err, fault.Exhausted), "public methods count on the address")
	d.machine.Advance(time.Second)
	_, err = gate.Pass(t.Context(), Request{Method: Method{Public: true}, Remote: here})
	require.NoError(t, err)
}

func TestAPrincipalAndAWorkspaceAreLimited(t *testing.T) {
	t.Parallel()
	machine := clock.NewManual(time.Unix(1_700_000_000, 0))
	limiter := NewLimiter(Limits{PrincipalRate: 2, PrincipalBurst: 2, WorkspaceRate: 3, WorkspaceBurst: 3}, machine)
	workspace := uuid.New()
	one := auth.Caller{Workspace: workspace, Member: uuid.New()}
	two := auth.Caller{Workspace: workspace, Member: uuid.New()}
	require.NoError(t, limiter.Caller(one))
	require.NoError(t, limiter.Caller(one))
	err := fault.From(limiter.Caller(one))
	require.Equal(t, "principal", err.Metadata["limit"])
	require.Equal(t, 500*time.Millisecond, err.RetryAfter)
	require.NoError(t, limiter.Caller(two))
	err = fault.From(limiter.Caller(two))
	require.Equal(t, "workspace", err.Metadata["limit"])
	require.Equal(t, "workspaces/"+workspace.String(), err.Metadata["subject"])
	require.NoError(t, limiter.Caller(auth.Caller{Workspace: uuid.New(), Member: uuid.New()}), "another workspace goes on")
	machine.Advance(err.RetryAfter)
	require.NoError(t, limiter.Caller(two), "after the time that it was told to wait")
}

func TestNoLimitIsNoLimit(t *testing.T) {
	t.Parallel()
	none := NewLimiter(Limits{}, clock.NewManual(time.Unix(0, 0)))
	for range 10_000 {
		require.NoError(t, none.Caller(auth.Caller{}))
		require.NoError(t, none.Address(netip.Addr{}))
	}
	var limits Limits
	parser, err := kong.New(&limits)
	require.NoError(t, err)
	_, err = parser.Parse(nil)
	require.NoError(t, err)
	usual, allowed := NewLimiter(limits, clock.NewManual(time.Unix(0, 0))), 0
	for usual.Caller(auth.Caller{}) == nil {
		allowed++
	}
	require.Equal(t, limits.PrincipalBurst, allowed, "nothing said is the default")
	require.Positive(t, allowed)
}

func TestAGRPCCallComesFromWhereTheTrustedProxiesSayIt(t *testing.T) {
	t.Parallel()
	proxies, err := ParseProxies([]string{"10.0.0.0/8", "fd00::/8"})
	require.NoError(t, err)
	_, err = ParseProxies([]string{"10.0.0.1"})
	require.ErrorContains(t, err, "trusted-proxies")
	gate := NewGate(nil, nil, proxies)
	for _, c := range []struct {
		end, want string
		forwarded []string
	}{
		{"10.0.0.1:443", "203.0.113.9", []string{"203.0.113.9"}},
		{"[fd00::1]:443", "203.0.113.9", []string{"198.51.100.1, 203.0.113.9", "10.1.1.1"}},
		{"10.0.0.1:443", "10.0.0.1", nil},
		{"10.0.0.1:443", "10.0.0.1", []string{"nonsense"}},
		{"192.0.2.1:443", "192.0.2.1", []string{"203.0.113.9"}},
	} {
		end := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.end))
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: end})
		ctx = metadata.NewIncomingContext(ctx, metadata.MD{"x-forwarded-for": c.forwarded})
		require.Equal(t, c.want, gate.Remote(ctx).String(), "%v", c)
	}
	require.False(t, gate.Remote(t.Context()).IsValid())
}

func TestOneHostsIPv6AddressesAreOne(t *testing.T) {
	t.Parallel()
	limiter := NewLimiter(Limits{AddressRate: 1, AddressBurst: 1}, clock.NewManual(time.Unix(0, 0)))
	require.NoError(t, limiter.Address(netip.MustParseAddr("2001:db8::1")))
	require.Error(t, limiter.Address(netip.MustParseAddr("2001:db8::2")))
	require.NoError(t, limiter.Address(netip.MustParseAddr("2001:db8:0:1::1")))
	require.NoError(t, limiter.Address(netip.MustParseAddr("192.0.2.1")))
	require.Error(t, limiter.Address(netip.MustParseAddr("::ffff:192.0.2.1")))
}

func TestBucketsAreBoundedAndForgetTheQuietest(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := newBuckets(1, 1)
	take := func(key string) time.Duration {
		wait, _ := b.take(key, now)
		return wait
	}
	require.Zero(t, take("first"))
	for i := range maxBuckets {
		if i%1000 == 0 {
			require.Positive(t, take("first"), "in use, so kept")
		}
		take(strconv.Itoa(i))
	}
	require.LessOrEqual(t, len(b.byKey), maxBuckets)
	require.Len(t, b.byKey, b.order.Len())
	require.Positive(t, take("first"))
	require.Zero(t, take("0"), "forgotten")
}

func TestTheCatalogKnowsEveryMethod(t *testing.T) {
	t.Parallel()
	c, err := NewCatalog("directory", "threads", "gateway")
	require.NoError(t, err)
	method, ok := c.Route("GET", "/v1/{name=workspaces/*/threads/*}")
	require.True(t, ok)
	require.Equal(t, "/meridian.threads.v1.ThreadService/GetThread", method.FullName)
	require.Equal(t, "threads", method.Backend)
	exchange, ok := c.Method("/meridian.directory.v1.TokenService/ExchangeToken")
	require.True(t, ok)
	require.True(t, exchange.Public)
	require.Equal(t, "*", c.routes["POST /v1/tokens:exchange"].Body)
	snapshot, ok := c.Method("/meridian.directory.v1.AccessService/SnapshotAccess")
	require.True(t, ok)
	require.True(t, snapshot.Internal)
	watch, ok := c.Method("/meridian.gateway.v1.EventService/WatchEvents")
	require.True(t, ok)
	require.True(t, watch.Streaming)
	_, err = NewCatalog("directory", "nobody")
	require.ErrorContains(t, err, "nobody")
	require.Equal(t, "GET /v1/{name=*}/x", routeKey("GET", "/v1/{name}/x"))
}
