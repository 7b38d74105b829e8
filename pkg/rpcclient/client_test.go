package rpcclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

// callee is a server of the probe, and what reached it.
type callee struct {
	authority *rpctest.Authority
	server    *rpcserver.Server
	addr      string
	workspace uuid.UUID

	mu     sync.Mutex
	calls  int
	handle probe.Handler
}

func newCallee(t *testing.T) *callee {
	t.Helper()
	c := &callee{authority: rpctest.NewAuthority(t, "threads"), workspace: uuid.Must(uuid.NewV7())}
	_, server := rpctest.Serve(t, c.authority, rpcserver.Config{}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		probe.Register(r, "ProbeService", func(ctx context.Context, call probe.Call) error {
			c.mu.Lock()
			c.calls++
			h := c.handle
			c.mu.Unlock()
			if h == nil {
				return nil
			}
			return h(ctx, call)
		})
	})
	c.server, c.addr = server, server.Addr()
	return c
}

func (c *callee) on(h probe.Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handle, c.calls = h, 0
}

func (c *callee) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// fails makes the first n calls fail with the error.
func (c *callee) fails(n int, err error) {
	c.on(func(context.Context, probe.Call) error {
		if c.count() <= n {
			return err
		}
		return nil
	})
}

func (c *callee) dial(t *testing.T, cfg rpcclient.Config) *grpc.ClientConn {
	t.Helper()
	cc, err := rpcclient.Dial("passthrough:///"+c.addr, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cc.Close()) })
	return cc
}

// member is a context as a use case has it: the caller's token in it.
func (c *callee) member(t *testing.T) context.Context {
	t.Helper()
	return auth.WithToken(t.Context(), c.authority.Token(t, rpctest.Member(c.workspace, auth.Owner)))
}

func (c *callee) create(requestID string) string {
	return fmt.Sprintf(`{"parent":"workspaces/%s","thing":{},"requestId":%q}`, c.workspace, requestID)
}

func unavailable() error { return fault.New(fault.Unavailable, fault.ReasonUnavailable, "down") }

func TestCallsAreMadeAsTheCallerElseAsTheService(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	var principal string
	c.on(func(ctx context.Context, _ probe.Call) error {
		caller, err := auth.Require(ctx)
		principal = caller.Principal()
		return err
	})
	cc := c.dial(t, rpcclient.Config{Identity: c.authority.Identity(t, "threads")})
	create := func(ctx context.Context) error {
		_, err := probe.Invoke(ctx, cc, "CreateThing", c.create(""))
		return err
	}
	me := rpctest.Member(c.workspace, auth.Member)
	mine := auth.WithToken(t.Context(), c.authority.Token(t, me))

	require.NoError(t, create(mine))
	require.Equal(t, me.Principal(), principal)
	require.NoError(t, create(t.Context()))
	require.Equal(t, "services/threads", principal)
	require.NoError(t, create(rpcclient.AsService(mine)))
	require.Equal(t, "services/threads", principal)
	other := rpctest.Member(c.workspace, auth.Member)
	require.NoError(t, create(c.authority.As(t, mine, other)), "a token that is set already stays")
	require.Equal(t, other.Principal(), principal)
	cc = c.dial(t, rpcclient.Config{})
	rpctest.Failed(t, create(t.Context()), codes.Unauthenticated, fault.ReasonUnauthenticated)
}

func TestTheIdentitysTokenIsKeptForHalfItsLife(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	machine := clock.NewManual(clock.Machine().Now())
	var tokens []string
	c.on(func(ctx context.Context, _ probe.Call) error {
		token, _ := auth.TokenFrom(ctx)
		tokens = append(tokens, token)
		return nil
	})
	cc := c.dial(t, rpcclient.Config{Identity: c.authority.Identity(t, "threads"), Machine: machine})
	for _, step := range []time.Duration{0, 3 * time.Second, 28 * time.Second} {
		machine.Advance(step)
		_, err := probe.Invoke(t.Context(), cc, "CreateThing", c.create(""))
		if step < 20*time.Second { // the last one is of the future for the callee's clock
			require.NoError(t, err)
		}
	}
	require.GreaterOrEqual(t, len(tokens), 2)
	require.Equal(t, tokens[0], tokens[1])
	if len(tokens) == 3 {
		require.NotEqual(t, tokens[0], tokens[2])
	}
}

func TestAnUnusableIdentityFailsTheCall(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{Identity: auth.Identity{Name: "threads"}})
	_, err := probe.Invoke(t.Context(), cc, "CountThings", `{}`)
	require.Error(t, err)
	_, err = probe.Watch(t.Context(), cc, "WatchThings", `{}`)
	require.Error(t, err)
	require.Zero(t, c.count())
}

func TestReadsAreRepeatedWhileTheCalleeIsUnavailable(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{})
	c.fails(2, unavailable())
	_, err := probe.Invoke(c.member(t), cc, "CountThings", `{}`)
	require.NoError(t, err)
	require.Equal(t, 3, c.count())

	c.fails(100, unavailable())
	_, err = probe.Invoke(c.member(t), cc, "CountThings", `{}`)
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	require.Equal(t, 4, c.count(), "four times at most")
}

func TestWritesAreRepeatedOnlyWithARequestID(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{})
	c.fails(1, unavailable())
	_, err := probe.Invoke(c.member(t), cc, "CreateThing", c.create(""))
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	require.Equal(t, 1, c.count())

	c.fails(1, unavailable())
	_, err = probe.Invoke(c.member(t), cc, "CreateThing", c.create(uuid.NewString()))
	require.NoError(t, err)
	require.Equal(t, 2, c.count())
}

func TestOtherFailuresAreNotRepeated(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{})
	for _, failure := range []error{
		fault.New(fault.Aborted, fault.ReasonEtagStale, "x"), fault.New(fault.Exhausted, fault.ReasonRateLimited, "x"),
		errors.New("broken"), context.DeadlineExceeded,
	} {
		c.fails(1, failure)
		_, err := probe.Invoke(c.member(t), cc, "CountThings", `{}`)
		require.Error(t, err)
		require.Equal(t, 1, c.count())
	}
}

func TestUnknownMethodsAreNotRepeated(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{})
	for _, method := range []string{"/nowhere.Service/Method", "/" + probe.Package + ".Thing/title"} {
		err := cc.Invoke(c.member(t), method, probe.Message("Thing", ""), probe.Message("Thing", ""))
		require.Equal(t, codes.Unimplemented, status.Code(err))
	}
}

func TestARetryHeedsTheCalleesDelayAndTheDeadline(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{})
	c.fails(100, fault.New(fault.Unavailable, fault.ReasonUnavailable, "down").WithRetryAfter(time.Hour))
	ctx, cancel := context.WithTimeout(c.member(t), 30*time.Second)
	defer cancel()
	_, err := probe.Invoke(ctx, cc, "CountThings", `{}`)
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	require.Equal(t, 1, c.count(), "there is no time to wait that long")

	ctx, cancel = context.WithCancel(c.member(t))
	c.on(func(context.Context, probe.Call) error {
		cancel()
		return fault.New(fault.Unavailable, fault.ReasonUnavailable, "down").WithRetryAfter(time.Hour)
	})
	_, err = probe.Invoke(ctx, cc, "CountThings", `{}`)
	require.Error(t, err)
}

func TestRetriesStopWhenTooManyFail(t *testing.T) {
	t.Parallel()
	addr := closedPort(t)
	cc, err := rpcclient.Dial("passthrough:///"+addr, rpcclient.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cc.Close()) })
	// 100 tokens; below 50 nothing is repeated. Calls side by side spend them without waiting for each other.
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() { _, _ = probe.Invoke(t.Context(), cc, "Greet", `{}`) })
	}
	all.Wait()
	began := clock.Machine().Now()
	_, err = probe.Invoke(t.Context(), cc, "Greet", `{}`)
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Less(t, clock.Machine().Now().Sub(began), 90*time.Millisecond, "no pause, so no retry")
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestEachHopTakesItsShareOffTheDeadline(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{})
	var left time.Duration
	c.on(func(ctx context.Context, _ probe.Call) error {
		at, _ := ctx.Deadline()
		left = at.Sub(clock.Machine().Now())
		return nil
	})
	ctx, cancel := context.WithTimeout(c.member(t), time.Minute)
	defer cancel()
	_, err := probe.Invoke(ctx, cc, "CountThings", `{}`)
	require.NoError(t, err)
	require.Less(t, left, time.Minute-50*time.Millisecond)

	short, cancel := context.WithTimeout(c.member(t), 60*time.Millisecond)
	defer cancel()
	c.on(nil)
	_, err = probe.Invoke(short, cc, "CountThings", `{}`)
	rpctest.Failed(t, err, codes.DeadlineExceeded, fault.ReasonDeadlineTooShort)
	_, err = probe.Watch(short, cc, "WatchThings", `{}`)
	rpctest.Failed(t, err, codes.DeadlineExceeded, fault.ReasonDeadlineTooShort)
	require.Zero(t, c.count())
}

func TestStreamsCarryTheTokenToo(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	cc := c.dial(t, rpcclient.Config{})
	c.on(func(_ context.Context, call probe.Call) error { return call.Send(`{"title":"one"}`) })
	ctx, cancel := context.WithTimeout(c.member(t), time.Minute)
	defer cancel()
	next, err := probe.Watch(ctx, cc, "WatchThings", `{"parent":"workspaces/`+c.workspace.String()+`"}`)
	require.NoError(t, err)
	got, err := next()
	require.NoError(t, err)
	require.JSONEq(t, `{"title":"one"}`, got)
}

func TestOneTraceGoesThrough(t *testing.T) {
	t.Parallel()
	c := newCallee(t)
	provider := sdktrace.NewTracerProvider()
	cc := c.dial(t, rpcclient.Config{TracerProvider: provider})
	var header string
	c.on(func(ctx context.Context, _ probe.Call) error {
		md, _ := metadata.FromIncomingContext(ctx)
		header = fmt.Sprint(md.Get("traceparent"))
		return nil
	})
	ctx, span := provider.Tracer("").Start(c.member(t), "outer")
	defer span.End()
	_, err := probe.Invoke(ctx, cc, "CountThings", `{}`)
	require.NoError(t, err)
	require.True(t, trace.SpanContextFromContext(ctx).IsValid())
	require.NotContains(t, header, "00000000000000000000000000000000")
}

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
