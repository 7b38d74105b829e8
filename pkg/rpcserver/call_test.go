package rpcserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

// logbook is a log that a test can read.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (l *logbook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines returns what was logged, each line parsed.
func (l *logbook) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for dec := json.NewDecoder(bytes.NewBufferString(l.text())); dec.More(); {
		line := make(map[string]any)
		require.NoError(t, dec.Decode(&line))
		lines = append(lines, line)
	}
	return lines
}

func TestEveryCallIsOneLineWithoutItsBody(t *testing.T) {
	t.Parallel()
	log := &logbook{}
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{Log: log.logger()})
	c := rpctest.Member(b.workspace, auth.Guest)
	ctx := b.authority.As(t, t.Context(), c)
	require.NoError(t, b.invoke(ctx, "CountThings", `{"filter":"private words"}`))
	require.NoError(t, b.invoke(t.Context(), "Greet", `{"text":"private words"}`))
	rpctest.Failed(t, b.invoke(t.Context(), "CountThings", `{"filter":"private words"}`), codes.Unauthenticated,
		fault.ReasonUnauthenticated)

	lines := log.lines(t)
	require.Len(t, lines, 3)
	for _, line := range lines {
		require.Equal(t, "call", line["msg"])
		require.Equal(t, "INFO", line["level"])
		require.NotZero(t, line["duration"])
	}
	require.Equal(t, probe.Method("CountThings"), lines[0]["method"])
	require.Equal(t, "OK", lines[0]["code"])
	require.Equal(t, c.Principal(), lines[0]["principal"])
	require.NotContains(t, lines[1], "principal")
	require.NotContains(t, lines[0], "reason")
	require.Equal(t, "Unauthenticated", lines[2]["code"])
	require.Equal(t, fault.ReasonUnauthenticated, lines[2]["reason"])
	require.NotContains(t, log.text(), "private words")
	require.NotContains(t, log.text(), "Bearer")
}

func TestOurOwnFaultsAreLoggedWhole(t *testing.T) {
	t.Parallel()
	log := &logbook{}
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{Log: log.logger()})
	broken := errors.New("relation thread does not exist")
	b.on(func(context.Context, probe.Call) error { return broken })
	rpctest.Failed(t, b.invoke(b.as(t, auth.Guest), "CountThings", `{}`), codes.Internal, fault.ReasonInternal)
	b.on(func(context.Context, probe.Call) error {
		return fault.New(fault.Unavailable, fault.ReasonUnavailable, "down").Wrap(broken)
	})
	rpctest.Failed(t, b.invoke(b.as(t, auth.Guest), "CountThings", `{}`), codes.Unavailable, fault.ReasonUnavailable)
	lines := log.lines(t)
	require.Equal(t, "ERROR", lines[0]["level"])
	require.Equal(t, broken.Error(), lines[0]["error"])
	require.Equal(t, "WARN", lines[1]["level"])
	require.Contains(t, lines[1]["error"], broken.Error())
}

func TestAPanicIsAnInternalErrorWithItsStackInTheLog(t *testing.T) {
	t.Parallel()
	log := &logbook{}
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{Log: log.logger()})
	b.on(func(context.Context, probe.Call) error { panic("oh no") })
	s := rpctest.Failed(t, b.invoke(b.as(t, auth.Guest), "CountThings", `{}`), codes.Internal, fault.ReasonInternal)
	require.NotContains(t, s.String(), "oh no")
	next, err := probe.Watch(b.as(t, auth.Guest), b.cc, "WatchThings", field("parent", "workspaces/"+b.workspace.String()))
	require.NoError(t, err)
	_, err = next()
	rpctest.Failed(t, err, codes.Internal, fault.ReasonInternal)
	for _, line := range log.lines(t) {
		require.Equal(t, "panic: oh no", line["error"])
		require.Contains(t, line["stack"], "call_test.go")
	}
	b.on(nil)
	require.NoError(t, b.invoke(b.as(t, auth.Guest), "CountThings", `{}`), "the server lives on")
}

func TestTheTraceGoesThroughAndHealthLeavesNone(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{TracerProvider: provider})
	var seen trace.SpanContext
	b.on(func(ctx context.Context, _ probe.Call) error {
		seen = trace.SpanContextFromContext(ctx)
		return errors.New("broken")
	})
	s := rpctest.Failed(t, b.invoke(b.as(t, auth.Guest), "CountThings", `{}`), codes.Internal, fault.ReasonInternal)
	require.True(t, seen.IsValid())
	require.Contains(t, s.Message(), seen.TraceID().String())
	_, err := healthpb.NewHealthClient(b.cc).Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.NoError(t, b.server.Stop(t.Context()))
	require.Len(t, spans.Ended(), 1)
	require.Equal(t, "meridian.probe.v1.ProbeService/CountThings", spans.Ended()[0].Name())
}
