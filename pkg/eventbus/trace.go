package eventbus

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The W3C trace context, in the lower case that OpenTelemetry's own header carrier would change.
const (
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
)

// carrier carries the trace context in headers.
type carrier map[string]string

// Get reads a header by its lower-case name.
func (c carrier) Get(key string) string { return c[strings.ToLower(key)] }

// Set writes a header in lower case.
func (c carrier) Set(key, value string) { c[strings.ToLower(key)] = value }

// Keys lists the headers.
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}

// injectTrace writes the trace of ctx. Only the trace context travels, no baggage: events leave the house.
func injectTrace(ctx context.Context, headers map[string]string) {
	propagation.TraceContext{}.Inject(ctx, carrier(headers))
}

// extractTrace puts the trace of a message into ctx.
func extractTrace(ctx context.Context, h nats.Header) context.Context {
	found := carrier{}
	for name, values := range h {
		lower := strings.ToLower(name)
		if (lower == headerTraceParent || lower == headerTraceState) && len(values) == 1 {
			found[lower] = values[0]
		}
	}
	return propagation.TraceContext{}.Extract(ctx, found)
}

func traceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

func tracer() trace.Tracer { return otel.Tracer("github.com/meridianhq/meridian/pkg/eventbus") }

type causeKey struct{}

type cause struct{ causation, correlation string }

// WithCause says what events made in ctx follow from: the id of an event (empty: a request) and the correlation
// id that everything from one request shares. The router sets it for handlers; a server may for its requests.
func WithCause(ctx context.Context, causation, correlation string) context.Context {
	return context.WithValue(ctx, causeKey{}, cause{causation: causation, correlation: correlation})
}

// Cause is what WithCause said; empty where nothing did.
func Cause(ctx context.Context) (causation, correlation string) {
	c, _ := ctx.Value(causeKey{}).(cause)
	return c.causation, c.correlation
}
