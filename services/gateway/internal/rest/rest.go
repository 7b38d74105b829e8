package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// defaultDeadline is what a call without `Grpc-Timeout` gets.
const defaultDeadline = 10 * time.Second

// Register binds the generated handlers of one service to a multiplexer.
type Register func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error

// Backend is the connection to a service and the handlers that call through it.
type Backend struct {
	Conn      *grpc.ClientConn
	Registers []Register
}

// Config is what the handler is made of.
type Config struct {
	Catalog  *edge.Catalog
	Gate     *edge.Gate
	Machine  clock.Clock
	Backends []Backend
	// Status renders an error as a status with an ErrorInfo.
	Status func(ctx context.Context, err error) *status.Status
	// Streams are handlers for streaming methods, by the gRPC path of the method. They get a context with the
	// caller's session.
	Streams map[string]http.Handler
}

type server struct {
	catalog *edge.Catalog
	gate    *edge.Gate
	machine clock.Clock
	status  func(ctx context.Context, err error) *status.Status
	streams map[string]http.Handler
}

// New makes the handler of all REST paths. Its context bounds nothing but the registration.
func New(ctx context.Context, cfg Config) (http.Handler, error) {
	s := &server{
		catalog: cfg.Catalog, gate: cfg.Gate, machine: cfg.Machine, status: cfg.Status, streams: cfg.Streams,
	}
	none := func(string) (string, bool) { return "", false }
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{Marshaler: &runtime.JSONPb{
			MarshalOptions: protojson.MarshalOptions{EmitDefaultValues: true},
		}}),
		runtime.WithIncomingHeaderMatcher(incoming),
		runtime.WithOutgoingHeaderMatcher(none),
		runtime.WithOutgoingTrailerMatcher(none),
		runtime.WithForwardResponseOption(etagHeader),
		runtime.WithForwardResponseOption(fileHeaders),
		runtime.WithErrorHandler(s.handleError),
		runtime.WithRoutingErrorHandler(s.handleRouting),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithMiddlewares(s.admit),
		runtime.WithWriteContentLength(),
	)
	for _, backend := range cfg.Backends {
		for _, register := range backend.Registers {
			if err := register(ctx, mux, backend.Conn); err != nil {
				return nil, fmt.Errorf("rest: register: %w", err)
			}
		}
	}
	return headed(mux), nil
}

type headKey struct{}

// headed has HEAD answered as GET (RFC 9110 9.3.2): what serves HTTP leaves out the content of an answer to it.
func headed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.Clone(context.WithValue(r.Context(), headKey{}, true))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// incoming lets the services know the client's program and the id of a write, and nothing else.
func incoming(header string) (string, bool) {
	switch header {
	case "User-Agent":
		return runtime.MetadataPrefix + "user-agent", true
	case "Idempotency-Key":
		return "idempotency-key", true
	default:
		return "", false
	}
}

// admit stands before every generated handler: it signs in, counts, and checks what the handler will read.
func (s *server) admit(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		pattern, _ := runtime.HTTPPattern(r.Context())
		method, ok := s.catalog.Route(r.Method, pattern.String())
		if pattern.Verb() == "" && strings.Contains(path.Base(r.URL.Path), ":") {
			ok = false // an unknown verb, not a part of the id
		}
		if p, probing := r.Context().Value(probeKey{}).(*probe); probing {
			p.found = ok
			return
		}
		if !ok {
			s.handleRouting(r.Context(), nil, nil, w, r, http.StatusNotFound)
			return
		}
		c := newCall(method, r)
		ctx, refusal := s.pass(w, r, c, params)
		if refusal != nil {
			s.refuse(w, r, refusal)
			return
		}
		if stream, ok := s.streams[method.FullName]; ok {
			if r.Context().Value(headKey{}) != nil { // it has no end, and nothing before it
				w.Header().Set("Allow", http.MethodGet)
				s.refuse(w, r, notAllowed(r.URL.Path, http.MethodHead))
				return
			}
			for key, value := range params {
				r.SetPathValue(key, value)
			}
			stream.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		ctx, cancel := context.WithTimeout(ctx, defaultDeadline)
		defer cancel()
		next(&conditional{ResponseWriter: w, seen: r.Header.Values("If-None-Match")}, r.WithContext(ctx), params)
	}
}

// pass returns the context to go on with, or why not.
func (s *server) pass(w http.ResponseWriter, r *http.Request, c *call, params map[string]string) (context.Context, error) {
	session, err := s.gate.Pass(r.Context(), edge.Request{
		Method: c.method, Authorization: r.Header.Values("Authorization"), Remote: remote(r),
	})
	if err != nil {
		return nil, err
	}
	for name, value := range params {
		if invalidUTF8([]byte(value)) >= 0 {
			return nil, fault.InvalidField(name, "must be valid UTF-8")
		}
	}
	if field, rule := checkQuery(c.method, c.query); field != "" {
		return nil, fault.InvalidField(field, rule)
	}
	body, refusal := s.readBody(w, r, c)
	if refusal != nil {
		return nil, refusal
	}
	c.body = body
	r.Body = newBody(body)
	r.Header.Del("Authorization")
	ctx := withCall(r.Context(), c)
	if session.Access != "" {
		ctx = edge.NewContext(ctx, session) // the connection takes the access token from there
	}
	return ctx, nil
}

func remote(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr()
}
