package rpcclient_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

func TestTLSFilesAreChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	noPEM := filepath.Join(dir, "ca.crt")
	require.NoError(t, os.WriteFile(noPEM, []byte("no PEM"), 0o600))
	for name, files := range map[string]rpcclient.TLS{
		"nothing there":    {CAFile: filepath.Join(dir, "x")},
		"no certificate":   {CAFile: noPEM},
		"no CA beside it":  {CertFile: "a", KeyFile: "b"},
		"a key without it": {KeyFile: "b"},
	} {
		_, err := rpcclient.Dial("passthrough:///x", rpcclient.Config{TLS: files})
		require.Error(t, err, name)
	}
}

func TestATargetIsAHostWithAPort(t *testing.T) {
	t.Parallel()
	for target, well := range map[string]bool{
		"127.0.0.1:9090": true, "localhost:9090": true, "[::1]:9090": true, "dns:///directory.team.svc:9090": true,
		"dns://127.0.0.1:53/directory:9090": true, "dns:directory:9090": true, "unix:///run/directory": true,
		"": false, "x": false, "dns:///": false, "dns:///x": false, "x:0": false, "x:grpc": false, "http://x": false,
		"http://x:9090": false, ":9090": false, "no-such-scheme://\x00": false,
	} {
		cc, err := rpcclient.Dial(target, rpcclient.Config{})
		if well {
			require.NoError(t, err, target)
			require.NoError(t, cc.Close())
		} else {
			require.ErrorContains(t, err, "must be host:port", target)
		}
	}
}

func TestACAIsReplacedUnderCallers(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := rpctest.Certificate(t, t.TempDir())
	nextCert, nextKey, _ := rpctest.Certificate(t, t.TempDir())
	oldCA, err := os.ReadFile(certFile)
	require.NoError(t, err)
	newCA, err := os.ReadFile(nextCert)
	require.NoError(t, err)
	trusted := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(trusted, oldCA, 0o600))
	handle := func(context.Context, probe.Call) error { return nil }
	register := func(r grpc.ServiceRegistrar) { probe.Register(r, "ProbeService", handle) }
	_, first := rpctest.Serve(t, rpctest.NewAuthority(t), rpcserver.Config{
		TLS: rpcserver.TLS{CertFile: certFile, KeyFile: keyFile, ClientCAFile: trusted},
	}, rpcserver.Deps{}, register)
	cc, err := rpcclient.Dial("passthrough:///"+first.Addr(), rpcclient.Config{
		TLS: rpcclient.TLS{CAFile: trusted, CertFile: certFile, KeyFile: keyFile},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cc.Close()) })
	_, err = probe.Invoke(t.Context(), cc, "Greet", `{}`)
	require.NoError(t, err)

	// Both are trusted, and the callee comes back with a certificate of the new one.
	require.NoError(t, os.WriteFile(trusted, append(oldCA, newCA...), 0o600))
	require.NoError(t, first.Stop(t.Context()))
	second := rpcserver.TLS{CertFile: nextCert, KeyFile: nextKey, ClientCAFile: trusted}
	rpctest.Serve(t, rpctest.NewAuthority(t), rpcserver.Config{Addr: first.Addr(), TLS: second}, rpcserver.Deps{}, register)
	require.Eventually(t, func() bool {
		_, err := probe.Invoke(t.Context(), cc, "Greet", `{}`)
		return err == nil
	}, 20*time.Second, 50*time.Millisecond)
}

func TestAConnectionDoesNotHoldUpTheCalleesStop(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{})
	_, err := probe.Invoke(t.Context(), cc, "Greet", `{}`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, c.server.Stop(ctx), "though the client watches its health")
	_, err = probe.Invoke(rpctest.WithToken(ctx, "x"), cc, "CreateThing", c.create(""))
	require.Equal(t, codes.Unavailable, status.Code(err))
}

// TestACalleeThatComesBackIsReachedSoon: whoever stands before it takes connections and drops them while it is away, eight times.
// With gRPC's own pauses that takes more than a minute.
func TestACalleeThatComesBackIsReachedSoon(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = front.Close() })
	go func() {
		const dropped = 8
		for n := 0; ; n++ {
			near, err := front.Accept()
			if err != nil {
				return
			}
			if n < dropped {
				_ = near.Close()
				continue
			}
			far, err := net.Dial("tcp", c.addr)
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
	cc, err := rpcclient.Dial(front.Addr().String(), rpcclient.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = cc.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	for cc.Connect(); ; {
		state := cc.GetState()
		if state == connectivity.Ready {
			return
		}
		require.True(t, cc.WaitForStateChange(ctx, state), "still %s", state)
		cc.Connect()
	}
}

// TestTheLogTellsWhyACalleeIsNotReached: whoever calls is told only that it is not.
func TestTheLogTellsWhyACalleeIsNotReached(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := rpctest.Certificate(t, t.TempDir())
	other, _, _ := rpctest.Certificate(t, t.TempDir())
	handle := func(context.Context, probe.Call) error { return nil }
	_, s := rpctest.Serve(t, rpctest.NewAuthority(t), rpcserver.Config{
		TLS: rpcserver.TLS{CertFile: certFile, KeyFile: keyFile, ClientCAFile: certFile},
	}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) { probe.Register(r, "ProbeService", handle) })
	for why, files := range map[string]rpcclient.TLS{
		"server preface": {},
		// Why a callee refuses, it tells its own log: by TLS 1.3 the connection may be over before the caller has read of it.
		"is not reached":              {CAFile: certFile},
		"signed by unknown authority": {CAFile: other, CertFile: certFile, KeyFile: keyFile},
		"to match probe":              {CAFile: certFile, CertFile: certFile, KeyFile: keyFile, ServerName: "probe"},
	} {
		var said bytes.Buffer
		cc, err := rpcclient.Dial("passthrough:///"+s.Addr(), rpcclient.Config{TLS: files, Log: slog.New(slog.NewTextHandler(&said, nil))})
		require.NoError(t, err)
		for range 2 {
			_, err = probe.Invoke(t.Context(), cc, "Greet", `{}`)
			require.Equal(t, codes.Unavailable, status.Code(err))
		}
		require.NoError(t, cc.Close())
		require.Contains(t, said.String(), why)
		require.Contains(t, said.String(), "target=passthrough:///"+s.Addr())
		require.Equal(t, 1, strings.Count(said.String(), "\n"), "now and then")
	}
}
