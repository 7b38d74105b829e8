// Package rpcserver is the gRPC server that every service runs.
//
// It promises that a call reaches a handler only when everything that can be decided without a look into the
// database has been decided in its favour, always in the same order: telemetry, recovery, log, authentication,
// access, deadline, validation, idempotency, overload; and that every error leaves as a google.rpc.Status with an
// ErrorInfo, never with the text of a driver in it. Who may call a method is read from its access option: a method without a
// sound one keeps the server from starting.
package rpcserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/overload"
)

// DefaultDrainTimeout is how long calls under way may take to end when the server stops.
const DefaultDrainTimeout = 25 * time.Second

// Config is what a server is set to. The zero value of every field but Service and Addr is usable.
type Config struct {
	// Service is the service's name, such as `threads`. The domain of its ErrorInfos is `<service>.meridian`.
	Service string
	// Addr is the TCP address to listen on; port 0 takes a free one.
	Addr string
	// Reflection offers the descriptors to tools such as grpcurl.
	Reflection bool
	// TLS, when its files are set, is required of every client.
	TLS TLS
	// Limits bound the unary calls in work and waiting. What is more is refused; streams are not counted.
	Limits overload.Limits
	Options
}

// Options are the settings that differ between services by their nature, not by where they run.
type Options struct {
	// DefaultDeadline is given to unary calls that come without one. 0 gives none; the gateway gives 10 s.
	DefaultDeadline time.Duration
	// MaxReceive is the largest request in bytes; 0 means 4 MiB.
	MaxReceive int
	// DrainTimeout is how long calls under way may take to end in Stop; 0 means 25 s.
	DrainTimeout time.Duration
	// Unknown handles methods that are not registered, such as those a gateway passes through. It gets telemetry,
	// recovery, the log line and the rendering of faults, and must check everything else by itself.
	Unknown grpc.StreamHandler
	// GRPC are further options of the server underneath.
	GRPC []grpc.ServerOption
}

// Verifier tells who a bearer token speaks for. It fails with an Unauthenticated fault.
type Verifier interface {
	Verify(ctx context.Context, token string) (auth.Caller, error)
}

// Deps are what a server needs from outside.
type Deps struct {
	// Verifier checks tokens. Required.
	Verifier Verifier
	// Log gets one line a call. Its handler is expected to add the trace id from the context. Required.
	Log *slog.Logger
	// Machine is machine time; clock.Machine when nil.
	Machine clock.Clock
	// TracerProvider and MeterProvider get the telemetry; OpenTelemetry's global ones when nil.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// Server is one gRPC server. It is a grpc.ServiceRegistrar: register everything before Start.
type Server struct {
	cfg      Config
	deps     Deps
	services []registration
	methods  map[string]*method
	health   *health.Server
	gate     *overload.Gate

	draining context.Context //nolint:containedctx // it is the server's own life, not a call's
	drain    context.CancelCauseFunc

	mu       sync.Mutex
	grpc     *grpc.Server
	listener net.Listener
	letGo    func() // of the metrics
	served   chan error
}

// registration is a service that was registered before the server underneath exists.
type registration struct {
	desc *grpc.ServiceDesc
	impl any
}

// New makes a server that does not listen yet.
func New(cfg Config, deps Deps) *Server {
	if deps.Machine == nil {
		deps.Machine = clock.Machine()
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = DefaultDrainTimeout
	}
	if deps.MeterProvider == nil {
		deps.MeterProvider = otel.GetMeterProvider()
	}
	s := &Server{
		cfg: cfg, deps: deps, health: health.NewServer(), gate: overload.New(cfg.Limits), served: make(chan error, 1),
	}
	s.draining, s.drain = context.WithCancelCause(context.Background())
	return s
}

// RegisterService keeps a service to be served from Start on. Calling it after Start is a mistake in the program
// and panics.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grpc != nil {
		panic("rpcserver: " + desc.ServiceName + " is registered after Start")
	}
	s.services = append(s.services, registration{desc, impl})
}

// Start checks every method's declaration, listens and serves. It fails, naming the method, when a registered
// method has no access option or an unsound one.
func (s *Server) Start(ctx context.Context) error {
	methods, err := compile(s.services)
	if err != nil {
		return err
	}
	creds, err := s.credentials()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on the gRPC address: %w", err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.methods, s.listener, s.letGo = methods, l, s.gate.Observe(s.deps.MeterProvider, s.cfg.Service, "")
	s.grpc = grpc.NewServer(s.settings(creds)...)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	for _, r := range s.services {
		s.grpc.RegisterService(r.desc, r.impl)
		s.health.SetServingStatus(r.desc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	}
	if s.cfg.Reflection {
		reflection.Register(s.grpc)
	}
	go func(server *grpc.Server) { s.served <- server.Serve(l) }(s.grpc)
	return nil
}

// Addr returns the address it listens on, with the port that was taken; before Start, the one it was given.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return s.cfg.Addr
	}
	return s.listener.Addr().String()
}

// Wait blocks until serving fails, whose error it returns, or until Stop or the end of ctx, when it returns nil.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.served:
		if errors.Is(err, grpc.ErrServerStopped) {
			return nil
		}
		return err
	}
}

// errDraining is the cause for which streams end when the server stops.
var errDraining = errors.New("the server is draining")

// errCut is returned when calls had to be cut to stop in time.
var errCut = errors.New("calls were still under way at the end of the drain and were cut")

// cutGrace is what handlers get to notice that they were cut.
const cutGrace = time.Second

// Stop reports NOT_SERVING, takes no new calls, ends streams with UNAVAILABLE, and waits for unary calls until the
// drain timeout or the end of ctx; what is left is cut and reported as an error.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	server, letGo := s.grpc, s.letGo
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	defer letGo()
	s.health.Shutdown()
	s.drain(errDraining)
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DrainTimeout)
	defer cancel()
	if finished(ctx, server.GracefulStop) {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutGrace)
	defer cancel()
	finished(last, server.Stop)
	return errCut
}

// finished says whether f returned before the end of ctx.
func finished(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
