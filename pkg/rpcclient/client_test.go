package rpcclient_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
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
