package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type probeConfig struct {
	Config
	Size int `env:"PROBE_SIZE" default:"3" help:"A setting of the service's own."`
}

// probeService notes that it was started and stopped, and fails when told to.
type probeService struct {
	started, stopped bool
	failure          error
}

func (s *probeService) Start(context.Context) error { s.started = true; return nil }

func (s *probeService) Stop(context.Context) error { s.stopped = true; return nil }

func (s *probeService) Wait(ctx context.Context) error {
	if s.failure == nil {
		<-ctx.Done()
	}
	return s.failure
}

// runProbe runs Main's inside with arguments until ctx ends. Not in parallel: it sets OpenTelemetry's globals.
func runProbe(ctx context.Context, s *probeService, args ...string) (cfg probeConfig, stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	err = run(ctx, "probe", "A probe.", args, &out, &errs,
		func(_ context.Context, c probeConfig, deps Deps) (*probeService, error) {
			cfg = c
			if deps.Log == nil {
				return nil, errors.New("something is missing")
			}
			return s, nil
		})
	return cfg, out.String(), errs.String(), err
}

func TestAVariableThatNothingReadsIsToldByItsName(t *testing.T) {
	t.Parallel()
	require.NoError(t, KnownVariables([]string{"HOME=/", "MERIDIAN_NATS_URL=x", "MERIDIAN_MAIL_URL=x", "MERIDIAN_TEST_ANYTHING=x", "MERIDIAN_NATS_STORE=x", "MERIDIAN_ADMIN=x"}))
	for _, wrong := range []string{"MERIDIAN_NATS_URLS", "MERIDIAN_URL", "MERIDIAN_"} {
		require.ErrorContains(t, KnownVariables([]string{"HOME=/", wrong + "=x"}), wrong+" is no setting")
	}
}

func TestMainStopsAtAnUnknownVariable(t *testing.T) {
	t.Setenv("MERIDIAN_DATABASE_URI", "postgres://x")
	s := &probeService{}
	_, _, _, err := runProbe(t.Context(), s)
	require.ErrorContains(t, err, "MERIDIAN_DATABASE_URI")
	require.False(t, s.started)
}

func TestMainWantsAnAddress(t *testing.T) {
	t.Setenv("MERIDIAN_GRPC_ADDR", "")
	s := &probeService{}
	_, _, _, err := runProbe(t.Context(), s)
	require.ErrorContains(t, err, "grpc-addr: must be given")
	require.False(t, s.started)
}

func TestSetupStartsNoService(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &probeService{}
	_, _, _, err := runProbe(ctx, s, "setup", "--nats-url=nats://127.0.0.1:1")
	require.ErrorContains(t, err, "the event stream")
	require.False(t, s.started)
}

func TestMainRunsAServiceUntilItIsTold(t *testing.T) {
	t.Setenv("MERIDIAN_NATS_URL", "nats://elsewhere:4222")
	t.Setenv("MERIDIAN_SERVICE_KEYS", "threads=AbC=;tasks=x+/=")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	t.Run("flags and variables", func(t *testing.T) {
		s := &probeService{}
		live, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		var cfg probeConfig
		go func() {
			var err error
			cfg, _, _, err = runProbe(live, s, "--grpc-addr=127.0.0.1:7", "--size=9")
			done <- err
		}()
		cancel()
		<-done
		require.Equal(t, "127.0.0.1:7", cfg.GRPCAddr)
		require.Equal(t, 9, cfg.Size)
		require.Equal(t, "nats://elsewhere:4222", cfg.NATSURL)
		require.Equal(t, "threads=AbC=;tasks=x+/=", cfg.ServiceKeys)
		require.Equal(t, "127.0.0.1:9091", cfg.AdminAddr)
		require.Equal(t, "meridian.localhost", cfg.EventHost)
	})
	t.Run("a failing service", func(t *testing.T) {
		s := &probeService{failure: errors.New("broken")}
		_, _, stderr, err := runProbe(t.Context(), s)
		require.ErrorIs(t, err, s.failure)
		require.True(t, s.started && s.stopped)
		require.Contains(t, stderr, `"msg":"stopped"`)
	})
	t.Run("every call has a trace id though nothing is exported", func(t *testing.T) {
		var span trace.SpanContext
		err := run(ctx, "probe", "A probe.", nil, io.Discard, io.Discard,
			func(ctx context.Context, _ probeConfig, _ Deps) (*probeService, error) {
				_, s := otel.Tracer("").Start(ctx, "x")
				defer s.End()
				span = s.SpanContext()
				return nil, errors.New("seen")
			})
		require.EqualError(t, err, "seen")
		require.True(t, span.IsValid())
		require.False(t, span.IsSampled())
	})
	t.Run("help", func(t *testing.T) {
		s := &probeService{}
		_, stdout, _, err := runProbe(ctx, s, "--help")
		require.NoError(t, err)
		require.Contains(t, stdout, "A probe.")
		require.Contains(t, stdout, "$MERIDIAN_DATABASE_OWNER_URL")
		require.Contains(t, stdout, "$PROBE_SIZE")
		require.False(t, s.started)
	})
	t.Run("wrong arguments", func(t *testing.T) {
		for _, arg := range []string{"--nonsense", "--log-level=loud", "--size=x"} {
			_, _, _, err := runProbe(ctx, &probeService{}, arg)
			require.Error(t, err, arg)
		}
	})
	t.Run("exporters are taken from the environment", func(t *testing.T) {
		for variable, value := range map[string]string{
			"OTEL_TRACES_EXPORTER": "nonsense", "OTEL_METRICS_EXPORTER": "nonsense",
		} {
			t.Setenv(variable, value)
			_, _, _, err := runProbe(ctx, &probeService{})
			require.ErrorContains(t, err, "telemetry: the exporter of")
			t.Setenv(variable, "none")
		}
		require.False(t, exports("TRACES"))
		t.Setenv("OTEL_TRACES_EXPORTER", "")
		require.False(t, exports("TRACES"))
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
		require.True(t, exports("TRACES"))
	})
}

func TestLogLinesCarryTheTraceTheyAreIn(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	log := NewLog(&buf, slog.LevelInfo).With(slog.String("service", "probe"))
	ctx, span := sdktrace.NewTracerProvider().Tracer("").Start(t.Context(), "x")
	defer span.End()
	log.InfoContext(ctx, "within", slog.Int("n", 1))
	log.WithGroup("g").InfoContext(t.Context(), "without")
	log.DebugContext(ctx, "too quiet")

	dec := json.NewDecoder(&buf)
	var line map[string]any
	require.NoError(t, dec.Decode(&line))
	sc := trace.SpanContextFromContext(ctx)
	require.Equal(t, sc.TraceID().String(), line["trace_id"])
	require.Equal(t, sc.SpanID().String(), line["span_id"])
	require.Equal(t, "probe", line["service"])
	line = nil
	require.NoError(t, dec.Decode(&line))
	require.NotContains(t, line, "trace_id")
	require.False(t, dec.More())
}
