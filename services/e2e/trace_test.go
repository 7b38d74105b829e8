package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/meridianhq/meridian/pkg/boot"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// spans is an exporter that keeps what it is given. Only what a client asked to be sampled comes here.
type spans struct {
	mu   sync.Mutex
	kept []sdktrace.ReadOnlySpan
}

func (s *spans) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, spans...)
	return nil
}

func (s *spans) Shutdown(context.Context) error { return nil }

// of returns the ended spans of a trace by their span ids.
func (s *spans) of(t *testing.T, id trace.TraceID) map[trace.SpanID]sdktrace.ReadOnlySpan {
	t.Helper()
	provider, ok := otel.GetTracerProvider().(interface{ ForceFlush(context.Context) error })
	require.True(t, ok)
	require.NoError(t, provider.ForceFlush(t.Context()))
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[trace.SpanID]sdktrace.ReadOnlySpan{}
	for _, span := range s.kept {
		if span.SpanContext().TraceID() == id {
			found[span.SpanContext().SpanID()] = span
		}
	}
	return found
}

// TestOneTraceRunsFromTheRequestToTheEffect sets telemetry up as the binaries do, with an exporter in memory, posts a
// message over HTTP within a client's trace and finds the whole way in it: the gateway, the service, its statements,
// the event's header, the relay, the consumer and the statement that makes the message found. It sets OpenTelemetry's globals and
// the environment, so it runs before the stories that run side by side.
func TestOneTraceRunsFromTheRequestToTheEffect(t *testing.T) {
	exported := &spans{}
	autoexport.RegisterSpanExporter("story", func(context.Context) (sdktrace.SpanExporter, error) { return exported, nil })
	t.Setenv("OTEL_TRACES_EXPORTER", "story")
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
	_, err := boot.Telemetry(t.Context(), "stories", slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	h := newHouse(t)
	space := h.space(t, directoryv1.Space_OPEN)
	book := h.ledger(t, h.workspace)
	// traced sends a request in a client's trace, and returns its events when the word in it can be found.
	traced := func(path, body, word string) (id trace.TraceID, client trace.SpanID, happened []entry) {
		_, _ = rand.Read(id[:])
		_, _ = rand.Read(client[:])
		a := sendWith(t, http.MethodPost, h.http()+"/v1/"+path, h.owner.token, []byte(body), "Traceparent", fmt.Sprintf("00-%s-%s-01", id, client))
		require.Equal(t, http.StatusOK, a.code, "%s", a.body)
		require.Contains(t, a.header.Get("Traceresponse"), id.String())
		h.searchEventually(t, h.owner, word, 1)
		happened = book.new(t)
		for _, e := range happened {
			require.Len(t, e.header["traceparent"], 1, "in lower case, once")
			require.Contains(t, e.header["traceparent"][0], id.String())
			require.Equal(t, id.String(), e.Correlation, "what came of one request has the trace in common")
		}
		return id, client, happened
	}

	_, _, begun := traced(h.workspace+"/threads", `{"space":"`+space+`","title":"Geosmin"}`, "geosmin")
	require.Equal(t, []string{"meridian.threads.v1.ReadStateChanged", "meridian.threads.v1.ThreadCreated"}, types(begun), "the thread, and that its creator follows")
	require.Equal(t, begun[0].ID.String(), begun[1].Causation)

	id, client, happened := traced(begun[0].Subject+"/messages", `{"body":"the word is petrichor"}`, "petrichor")
	require.Equal(t, []string{"meridian.threads.v1.MessagePosted"}, types(happened))
	parent := happened[0].header["traceparent"]

	var tree map[trace.SpanID]sdktrace.ReadOnlySpan
	require.Eventually(t, func() bool {
		tree = exported.of(t, id)
		// The threads service itself follows it, and notifications, which has nothing to do here.
		return len(consumers(tree, "process meridian.threads.v1.MessagePosted")) == 2
	}, 10*time.Second, 20*time.Millisecond, "the consumers' spans")

	gateway, ok := find(tree, trace.SpanKindServer, "")
	require.True(t, ok, outline(tree))
	require.Equal(t, client, gateway.Parent().SpanID(), "the client's span is the parent of the gateway's")
	service, ok := find(tree, trace.SpanKindServer, "meridian.threads.v1.MessageService/CreateMessage")
	require.True(t, ok, outline(tree))
	requireUnder(t, tree, service, gateway)
	requireStatement(t, tree, service)
	written, err := hex.DecodeString(strings.Split(parent[0], "-")[2])
	require.NoError(t, err)
	wrote, ok := tree[trace.SpanID(written)]
	require.True(t, ok, "the event names a span of the trace:\n%s", outline(tree))
	requireUnder(t, tree, wrote, service)
	relayed, ok := find(tree, trace.SpanKindProducer, "publish meridian.threads.v1.MessagePosted")
	require.True(t, ok, outline(tree))
	require.Equal(t, wrote.SpanContext().SpanID(), relayed.Parent().SpanID(), "the relay publishes what was written")
	effects := 0
	for _, consumer := range consumers(tree, "process meridian.threads.v1.MessagePosted") {
		requireUnder(t, tree, consumer, service)
		if hasStatement(tree, consumer) {
			effects++
		}
	}
	require.Equal(t, 1, effects, outline(tree))
}

// consumers are the spans of all who handled an event.
func consumers(tree map[trace.SpanID]sdktrace.ReadOnlySpan, name string) []sdktrace.ReadOnlySpan {
	var found []sdktrace.ReadOnlySpan
	for _, span := range tree {
		if span.SpanKind() == trace.SpanKindConsumer && span.Name() == name {
			found = append(found, span)
		}
	}
	return found
}

// find returns a span by its kind and its name; without a name, the one whose parent is elsewhere.
func find(tree map[trace.SpanID]sdktrace.ReadOnlySpan, kind trace.SpanKind, name string) (sdktrace.ReadOnlySpan, bool) {
	for _, span := range tree {
		_, inside := tree[span.Parent().SpanID()]
		if span.SpanKind() == kind && (span.Name() == name || name == "" && !inside) {
			return span, true
		}
	}
	return nil, false
}

// requireUnder checks that one span is the other or comes of it.
func requireUnder(t *testing.T, tree map[trace.SpanID]sdktrace.ReadOnlySpan, span, above sdktrace.ReadOnlySpan) {
	t.Helper()
	at, ok := span, true
	for ok && at.SpanContext().SpanID() != above.SpanContext().SpanID() {
		at, ok = tree[at.Parent().SpanID()]
	}
	require.True(t, ok, "%s is not under %s:\n%s", span.Name(), above.Name(), outline(tree))
}

// requireStatement checks that a span led to a statement of the database.
func requireStatement(t *testing.T, tree map[trace.SpanID]sdktrace.ReadOnlySpan, above sdktrace.ReadOnlySpan) {
	t.Helper()
	require.True(t, hasStatement(tree, above), "no statement under %s:\n%s", above.Name(), outline(tree))
}

func hasStatement(tree map[trace.SpanID]sdktrace.ReadOnlySpan, above sdktrace.ReadOnlySpan) bool {
	for _, span := range tree {
		for _, attribute := range span.Attributes() {
			if strings.HasPrefix(string(attribute.Key), "db.") && span.Parent().SpanID() == above.SpanContext().SpanID() {
				return true
			}
		}
	}
	return false
}

// outline shows a trace for a failure.
func outline(tree map[trace.SpanID]sdktrace.ReadOnlySpan) string {
	var text strings.Builder
	for id, span := range tree {
		fmt.Fprintf(&text, "%s < %s %v %s\n", id, span.Parent().SpanID(), span.SpanKind(), span.Name())
	}
	return text.String()
}
