package natsd_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natsd"
)

// freeAddrs are addresses that nothing listened on a moment ago.
func freeAddrs(t *testing.T, n int) []string {
	t.Helper()
	addrs, listeners := make([]string, n), make([]net.Listener, n)
	for i := range addrs {
		var err error
		listeners[i], err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addrs[i] = listeners[i].Addr().String()
	}
	for _, listener := range listeners {
		require.NoError(t, listener.Close())
	}
	return addrs
}

func TestThreeNodesKeepAStreamThroughTheLossOfOne(t *testing.T) {
	t.Parallel()
	creds, err := natsd.NewCredentials()
	require.NoError(t, err)
	peers := freeAddrs(t, 3)
	nodes := make([]*natsd.Server, len(peers))
	started := make(chan error, len(peers))
	for i, addr := range peers {
		cfg := natsd.Config{
			Addr: "127.0.0.1:0", StoreDir: t.TempDir(), ServerName: fmt.Sprintf("node-%d", i), Credentials: creds,
			Cluster: &natsd.Cluster{Addr: addr, Peers: peers, Password: "of the nodes", Hidden: true},
		}
		go func() {
			node, err := natsd.Start(t.Context(), cfg)
			nodes[i] = node
			started <- err
		}()
	}
	for range nodes {
		require.NoError(t, <-started)
	}
	for _, node := range nodes[:2] {
		t.Cleanup(func() { stop(t, node) })
	}
	conn, err := nats.Connect(nodes[0].URL(), nats.UserInfo(creds.User, creds.Password))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	require.Empty(t, conn.DiscoveredServers(), "the nodes hide from clients")
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	eventually := func(do func(context.Context) error) {
		t.Helper()
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			return do(ctx) == nil
		}, 60*time.Second, 50*time.Millisecond)
	}
	// With its own bounds: those of the account must not refuse three replicas of them.
	eventually(func(ctx context.Context) error {
		return eventbus.EnsureStream(ctx, js, eventbus.StreamConfig{Replicas: len(nodes)})
	})
	tooMuch := eventbus.StreamConfig{Replicas: len(nodes), MaxBytes: 1 << 40}
	require.ErrorContains(t, eventbus.EnsureStream(t.Context(), js, tooMuch), "nats-stream-max-bytes (1099511627776)")
	publish := func(ctx context.Context) error { _, err := js.Publish(ctx, "evt.kept", nil); return err }
	eventually(publish)
	stop(t, nodes[2])
	eventually(publish)
	stream, err := js.Stream(t.Context(), eventbus.Stream)
	require.NoError(t, err)
	require.GreaterOrEqual(t, stream.CachedInfo().State.Msgs, uint64(2))
}

func TestAClusterNeedsItsSettings(t *testing.T) {
	t.Parallel()
	creds, err := natsd.NewCredentials()
	require.NoError(t, err)
	whole := natsd.Cluster{Addr: "127.0.0.1:1", Peers: []string{"127.0.0.1:1"}, Password: "secret"}
	for _, take := range []func(*natsd.Cluster){
		func(c *natsd.Cluster) { c.Addr = "" },
		func(c *natsd.Cluster) { c.Peers = nil },
		func(c *natsd.Cluster) { c.Password = "" },
		func(c *natsd.Cluster) { c.Password = `a"b` },
	} {
		cluster := whole
		take(&cluster)
		_, err := natsd.Start(t.Context(), natsd.Config{StoreDir: t.TempDir(), Credentials: creds, Cluster: &cluster})
		require.ErrorContains(t, err, "cluster")
		require.NotContains(t, err.Error(), "secret")
	}
}
