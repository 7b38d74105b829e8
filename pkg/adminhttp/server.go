// Package adminhttp is the port that operators and Kubernetes look at: is the process alive, is it ready, its
// metrics, its profiles.
//
// It promises that /livez says only that the process answers, never that a dependency does; that /readyz asks every
// named check at once, within two seconds, and tells which failed and why; and that none of it is reachable on the
// service's own ports. It has no authentication: bind it to an address that only operators reach.
package adminhttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
)

// Server is one admin port. Make it with New.
type Server struct {
	addr string
	mux  *http.ServeMux
	http *http.Server

	mu       sync.Mutex
	checks   []check
	draining bool
	listener net.Listener
	served   chan error
}

// New makes the server for an address such as `127.0.0.1:9091`; port 0 takes a free one. /metrics shows the
// process's default Prometheus registry.
func New(addr string) *Server {
	s := &Server{addr: addr, mux: http.NewServeMux(), served: make(chan error, 1)}
	s.mux.HandleFunc("GET /livez", alive)
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.DefaultGatherer, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
	}))
	s.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	s.mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	s.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	s.mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	s.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	s.http = &http.Server{Handler: s.mux, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	return s
}

// Handle mounts one more handler, by a pattern of http.ServeMux. Call it before Start.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Handler returns all that the server serves, to be mounted elsewhere.
func (s *Server) Handler() http.Handler { return s.mux }

// Start listens and serves.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen on the admin address: %w", err)
	}
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	go func() { s.served <- s.http.Serve(l) }()
	return nil
}

// Addr returns the address it listens on, with the port that was taken; before Start, the one it was given.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return s.addr
	}
	return s.listener.Addr().String()
}

// Stop stops listening and waits for the requests under way until ctx ends, then cuts them.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}

// Wait blocks until serving fails, whose error it returns, or until Stop or the end of ctx, when it returns nil.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.served:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}
}

func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}
