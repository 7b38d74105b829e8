package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"github.com/felixge/httpsnoop"
	"go.opentelemetry.io/otel/trace"
)

// exceptStreams gives streams of events to the plain handler: compressed they would wait for more.
func exceptStreams(compressed, plain http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events:watch") {
			plain.ServeHTTP(w, r)
			return
		}
		compressed.ServeHTTP(w, r)
	})
}

// traceResponse tells the client under which trace its request is logged.
func traceResponse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if span := trace.SpanContextFromContext(r.Context()); span.IsValid() {
			w.Header().Set("Traceresponse", fmt.Sprintf("00-%s-%s-%s", span.TraceID(), span.SpanID(), span.TraceFlags()))
		}
		next.ServeHTTP(w, r)
	})
}

// note writes one line a request and catches panics. The query stays out of the log: it is the client's own text.
func (s *Server) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var panicked any
		var stack []byte
		seen := httpsnoop.CaptureMetricsFn(w, func(w http.ResponseWriter) {
			defer func() {
				if panicked = recover(); panicked != nil {
					stack = debug.Stack()
				}
			}()
			next.ServeHTTP(w, r)
		})
		level := slog.LevelInfo
		attrs := []slog.Attr{
			slog.String("method", r.Method), slog.String("path", r.URL.EscapedPath()), slog.Int("code", seen.Code),
			slog.Int64("bytes", seen.Written), slog.Duration("took", seen.Duration),
		}
		if seen.Code >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		if panicked != nil {
			level = slog.LevelError
			attrs = append(attrs, slog.Any("panic", panicked), slog.String("stack", string(stack)))
		}
		s.cfg.Log.LogAttrs(r.Context(), level, "HTTP request", attrs...)
		if panicked != nil {
			// The connection ends: whatever was written is not to be taken for an answer.
			panic(http.ErrAbortHandler)
		}
	})
}

// fromClient puts the client's address in the place of a trusted proxy's, and takes away what else claims to be it.
func (s *Server) fromClient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if end, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			client := s.cfg.Proxies.Client(end.Addr(), r.Header.Values("X-Forwarded-For"))
			if client != end.Addr() {
				r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
			}
		}
		r.Header.Del("X-Forwarded-For")
		next.ServeHTTP(w, r)
	})
}
