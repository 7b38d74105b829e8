// Package web is the gateway's HTTP server: what stands around every handler.
//
// It promises that a slow or broken client holds a connection only for a bounded time, that a panic ends one
// request, that the client's address is the one that the trusted proxies saw, that traces go through, and that a
// stop lets requests end.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/rs/cors"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	drainTimeout  = 25 * time.Second
	corsMaxAge    = 600
)

// Config is what a server is set to.
type Config struct {
	// Addr is the TCP address to listen on; port 0 takes a free one.
	Addr string
	// Origins are the web origins that may call, `*` for any; none: no CORS.
	Origins []string
	// Proxies are the networks whose X-Forwarded-For is believed.
	Proxies edge.Proxies
	// TLS is the server's certificate, the same as gRPC's; without, HTTP is in clear text.
	TLS     rpcserver.TLS
	Log     *slog.Logger
	Machine clock.Clock
	// TracerProvider gets the traces; OpenTelemetry's global one when nil.
	TracerProvider trace.TracerProvider
}

// Server is one HTTP server, for HTTP/1.1 and HTTP/2, with TLS or in clear text.
type Server struct {
	cfg  Config
	http *http.Server

	mu       sync.Mutex
	listener net.Listener
}

// New makes a server that does not listen yet. Answers of the handler are compressed but for streams of events.
func New(cfg Config, handler http.Handler) *Server {
	s := &Server{cfg: cfg}
	s.http = &http.Server{
		Handler:           s.around(handler),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		Protocols:         new(http.Protocols),
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// around puts everything around a handler, the outermost last.
func (s *Server) around(handler http.Handler) http.Handler {
	compressed := gzhttp.GzipHandler(handler)
	handler = exceptStreams(compressed, handler)
	if len(s.cfg.Origins) > 0 {
		handler = cors.New(cors.Options{
			AllowedOrigins: s.cfg.Origins,
			AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete},
			AllowedHeaders: []string{
				"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "Grpc-Timeout",
				"Traceparent", "Tracestate",
			},
			ExposedHeaders: []string{"ETag", "Retry-After", "Traceresponse"},
			MaxAge:         corsMaxAge,
		}).Handler(handler)
	}
	handler = s.note(traceResponse(handler))
	options := []otelhttp.Option{otelhttp.WithPropagators(propagation.TraceContext{})}
	if s.cfg.TracerProvider != nil {
		options = append(options, otelhttp.WithTracerProvider(s.cfg.TracerProvider))
	} else {
		options = append(options, otelhttp.WithTracerProvider(otel.GetTracerProvider()))
	}
	return s.fromClient(otelhttp.NewHandler(handler, "http", options...))
}

// Start listens and serves.
func (s *Server) Start(ctx context.Context) error {
	certificate, err := s.cfg.TLS.Server(s.cfg.Log, s.cfg.Machine, "h2", "http/1.1")
	if err != nil {
		return fmt.Errorf("HTTP: %w", err)
	}
	serve := s.http.Serve
	if certificate != nil {
		s.http.TLSConfig = certificate
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on the HTTP address: %w", err)
	}
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	go func() {
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.ErrorContext(ctx, "HTTP is no longer served", slog.Any("error", err))
		}
	}()
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

// Stop takes no new requests and waits for those under way for 25 seconds, or until the context ends; then it cuts
// them. Streams must be ended beforehand.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("requests were cut: %w", err), s.http.Close())
	}
	return nil
}
