package rest

import (
	"context"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/meridianhq/meridian/pkg/fault"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// WriteError answers with a status as JSON, under the HTTP code that is right for it.
func WriteError(w http.ResponseWriter, st *status.Status) {
	body, err := protojson.Marshal(st.Proto())
	if err != nil { // a detail of a type that is not linked in: better without than not at all
		body, _ = protojson.Marshal(status.New(st.Code(), st.Message()).Proto())
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Del("ETag")
	if st.Code() == codes.Unauthenticated {
		header.Set("WWW-Authenticate", `Bearer realm="meridian"`)
	}
	if delay := retryDelay(st); delay > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	}
	w.WriteHeader(httpCode(st))
	_, _ = w.Write(body) // the client is gone if this fails
}

// httpCode is the usual code of a gRPC status, more exact where the reason is known.
func httpCode(st *status.Status) int {
	switch reason(st) {
	case fault.ReasonTooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.ReasonResumeTokenTooOld:
		return http.StatusGone
	case gatewayv1.ErrorReason_ROUTE_METHOD_NOT_ALLOWED.String():
		return http.StatusMethodNotAllowed
	}
	return runtime.HTTPStatusFromCode(st.Code())
}

func reason(st *status.Status) string {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func retryDelay(st *status.Status) time.Duration {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// refuse answers with an error.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	WriteError(w, s.status(r.Context(), err))
}

// handleError is the multiplexer's error handler: for what a service answered, and for what the generated handlers
// could not make a request of.
func (s *server) handleError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter,
	r *http.Request, err error,
) {
	st, fromService := status.FromError(err)
	if c := callFrom(r.Context()); c != nil && fromService && len(st.Proto().GetDetails()) == 0 &&
		st.Code() == codes.InvalidArgument {
		err = malformed(c, st.Message())
	}
	s.refuse(w, r, err)
}

var (
	jsonPosition  = regexp.MustCompile(`^(?s:.*?)\(line (\d+):(\d+)\):\s*(.*)$`)
	parameterName = regexp.MustCompile(`parameter: ([a-z0-9_.]+)`)
	quotedName    = regexp.MustCompile(`"([A-Za-z0-9_.]+)"`)
)

// malformed is the refusal of a request that the generated handlers could not read. Their errors are text only, so
// the field is found through the position or the name in it.
func malformed(c *call, text string) error {
	text = strings.ReplaceAll(text, "\u00a0", " ")
	if m := jsonPosition.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		column, _ := strconv.Atoi(m[2])
		return fault.InvalidField(fieldAt(c.method, c.body, offsetOf(c.body, line, column)), rule(m[3]))
	}
	if m := parameterName.FindStringSubmatch(text); m != nil {
		return fault.InvalidField(m[1], rule(text))
	}
	if m := quotedName.FindStringSubmatch(text); m != nil {
		return fault.InvalidField(m[1], rule(text))
	}
	return fault.InvalidField("body", rule(text))
}

// rule cuts a text that may quote what the client sent.
func rule(text string) string {
	const most = 200
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// handleRouting is the multiplexer's handler of requests that no method has.
func (s *server) handleRouting(_ context.Context, mux *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter,
	r *http.Request, code int,
) {
	if probing(r.Context()) {
		return
	}
	var verbs []string
	if code == http.StatusMethodNotAllowed {
		verbs = allowed(mux, r)
	}
	switch {
	case len(verbs) > 0:
		w.Header().Set("Allow", strings.Join(verbs, ", "))
		s.refuse(w, r, notAllowed(r.URL.Path, r.Method))
	case code == http.StatusBadRequest:
		s.refuse(w, r, fault.InvalidField("path", "must be a path that begins with a slash"))
	default:
		path := strconv.QuoteToASCII(r.URL.Path)
		s.refuse(w, r, fault.New(fault.NotFound, gatewayv1.ErrorReason_ROUTE_NOT_FOUND.String(),
			"there is nothing at %s", path).With("path", path))
	}
}

// notAllowed is the refusal of an HTTP method that a path does not take.
func notAllowed(path, method string) error {
	path = strconv.QuoteToASCII(path)
	return edge.Unimplemented(gatewayv1.ErrorReason_ROUTE_METHOD_NOT_ALLOWED.String(),
		"the path "+path+" does not take "+method, map[string]string{"path": path, "method": method})
}

type probeKey struct{}

// probe notes whether a request would have found a method.
type probe struct{ found bool }

func probing(ctx context.Context) bool { return ctx.Value(probeKey{}) != nil }

// allowed asks the multiplexer which HTTP methods the path takes, without any being carried out.
func allowed(mux *runtime.ServeMux, r *http.Request) []string {
	var verbs []string
	for _, verb := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		p := &probe{}
		request := r.Clone(context.WithValue(r.Context(), probeKey{}, p))
		request.Method, request.Body = verb, http.NoBody
		mux.ServeHTTP(nil, request)
		if p.found {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}
