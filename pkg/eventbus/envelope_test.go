package eventbus_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

func TestTheEnvelopeIsCloudEventsInExactLowerCase(t *testing.T) {
	t.Parallel()
	ws, thread := uuid.New(), uuid.New()
	payload := posted(ws, thread, 12)
	ctx := eventbus.WithCause(t.Context(), "cause", "correlation with space")
	msg, err := eventbus.Encode(ctx, host, "threads", happened, "workspaces/w/members/Zoë 100%", payload)
	require.NoError(t, err)

	require.Equal(t, uuid.Version(7), msg.ID.Version())
	require.Equal(t, "evt."+ws.String()+".threads.message.posted", msg.Subject)
	require.Equal(t, ws, msg.Workspace)
	require.Equal(t, payload.GetThread(), msg.Aggregate)
	require.EqualValues(t, 12, msg.Version)
	require.Equal(t, map[string]string{
		"ce-id": msg.ID.String(), "Nats-Msg-Id": msg.ID.String(),
		"ce-source":          "//meridian.example/workspaces/" + ws.String() + "/threads",
		"ce-type":            "meridian.threads.v1.MessagePosted",
		"ce-subject":         payload.GetMessage().GetName(),
		"ce-time":            "2026-03-01T09:30:00.123456789Z",
		"ce-specversion":     "1.0",
		"ce-datacontenttype": "application/protobuf",
		"ce-dataschema":      "type.googleapis.com/meridian.threads.v1.MessagePosted",
		"ce-workspace":       ws.String(),
		"ce-partitionkey":    payload.GetThread(),
		"ce-sequence":        "00000000000000000012",
		"ce-actor":           "workspaces/w/members/Zo%C3%AB%20100%25",
		"ce-causationid":     "cause",
		"ce-correlationid":   "correlation%20with%20space",
	}, msg.Headers)

	meta, decoded, err := eventbus.Decode(asNATS(msg).Header, msg.Subject, msg.Payload)
	require.NoError(t, err)
	require.True(t, proto.Equal(payload, decoded))
	require.Equal(t, eventbus.Meta{
		ID: msg.ID, Time: happened, Workspace: ws, Source: "//meridian.example/workspaces/" + ws.String() + "/threads",
		Type: "meridian.threads.v1.MessagePosted", Subject: payload.GetMessage().GetName(), Aggregate: payload.GetThread(),
		Version: 12, Actor: "workspaces/w/members/Zoë 100%", Causation: "cause", Correlation: "correlation with space",
		Space: payload.GetSpace(), Audience: eventbus.AudienceSpace,
	}, meta)
}

func TestTheTraceTravelsInLowerCase(t *testing.T) {
	t.Parallel()
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: 1})
	msg := encode(trace.ContextWithSpanContext(t.Context(), span), t, posted(uuid.New(), uuid.New(), 1))
	require.Equal(t, "00-"+span.TraceID().String()+"-"+span.SpanID().String()+"-01", msg.Headers["traceparent"])
	require.NotContains(t, msg.Headers, "Traceparent")
	require.Equal(t, span.TraceID().String(), msg.Headers["ce-correlationid"], "a request's events share its trace")
}

func TestWithoutACauseAnEventCorrelatesWithItself(t *testing.T) {
	t.Parallel()
	msg := encode(t.Context(), t, posted(uuid.New(), uuid.New(), 1))
	require.Equal(t, msg.ID.String(), msg.Headers["ce-correlationid"])
	require.NotContains(t, msg.Headers, "ce-causationid")
}

func TestWhatIsForOnePersonOrForServicesIsOwn(t *testing.T) {
	t.Parallel()
	for _, d := range eventbus.Describe() {
		subject := eventbus.Subject(d, "*")
		require.Equal(t, subject, d.Filter())
		private := d.Audience == eventbus.AudiencePerson || d.Audience == eventbus.AudienceServices
		require.Equal(t, private, strings.HasPrefix(subject, "own.*."), d.Type)
		require.Equal(t, !private, d.Public() && strings.HasPrefix(subject, "evt.*."), d.Type)
	}
	d, ok := eventbus.Lookup("meridian.directory.v1.TokenRevoked")
	require.True(t, ok)
	require.Equal(t, "own.w.directory.token.revoked", eventbus.Subject(d, "w"))
	require.Equal(t, directoryv1.TokenRevokedSubject("w"), eventbus.Subject(d, "w"))
}

func TestTheGeneratedSubjectsAreTheDescriptors(t *testing.T) {
	t.Parallel()
	all := slices.Concat(availabilityv1.PublishedEvents(), directoryv1.PublishedEvents(), notificationsv1.PublishedEvents(),
		tasksv1.PublishedEvents(), threadsv1.PublishedEvents())
	require.Len(t, eventbus.Describe(), len(all))
	for _, event := range all {
		d, ok := eventbus.Lookup(string(event.ProtoReflect().Descriptor().FullName()))
		require.True(t, ok)
		require.IsType(t, event, d.New())
	}
	d, _ := eventbus.Lookup(threadsv1.MessagePostedType)
	require.Equal(t, threadsv1.MessagePostedSubject("*"), d.Filter())
	_, ok := eventbus.Lookup("meridian.threads.v1.Message")
	require.False(t, ok, "a resource is no event")
	_, ok = eventbus.Lookup("meridian.threads.v9.Nothing")
	require.False(t, ok)
}

func TestEncodeRefusesWhatDoesNotHoldTogether(t *testing.T) {
	t.Parallel()
	ws, thread := uuid.New(), uuid.New()
	for name, c := range map[string]struct {
		payload proto.Message
		service string
	}{
		"no event":          {&threadsv1.Message{}, "threads"},
		"another's event":   {posted(ws, thread, 1), "directory"},
		"no subject":        {&threadsv1.MessagePosted{}, "threads"},
		"no version":        {posted(ws, thread, 0), "threads"},
		"another workspace": {change(posted(ws, thread, 1), func(e *threadsv1.MessagePosted) { e.Space = "workspaces/" + uuid.NewString() + "/spaces/x" }), "threads"},
		"no space":          {change(posted(ws, thread, 1), func(e *threadsv1.MessagePosted) { e.Space = "" }), "threads"},
		"no aggregate":      {change(posted(ws, thread, 1), func(e *threadsv1.MessagePosted) { e.Thread = "" }), "threads"},
	} {
		_, err := eventbus.Encode(t.Context(), host, c.service, happened, "services/threads", c.payload)
		require.Error(t, err, name)
		require.Equal(t, fault.Internal, fault.From(err).Kind, name)
	}
}

func change[T any](value T, by func(T)) T {
	by(value)
	return value
}

func TestDecodeRefusesWhatDoesNotKeepTheContract(t *testing.T) {
	t.Parallel()
	ws, other := uuid.New(), uuid.New()
	good := encode(t.Context(), t, posted(ws, uuid.New(), 3))
	for name, spoil := range map[string]func(m *nats.Msg){
		"another workspace's subject": func(m *nats.Msg) { m.Subject = strings.Replace(m.Subject, ws.String(), other.String(), 1) },
		"another ce-workspace":        func(m *nats.Msg) { m.Header["ce-workspace"] = []string{other.String()} },
		"both": func(m *nats.Msg) {
			m.Subject = strings.Replace(m.Subject, ws.String(), other.String(), 1)
			m.Header["ce-workspace"] = []string{other.String()}
		},
		"another verb's subject": func(m *nats.Msg) { m.Subject = strings.Replace(m.Subject, "posted", "edited", 1) },
		"own subject":            func(m *nats.Msg) { m.Subject = strings.Replace(m.Subject, "evt.", "own.", 1) },
		"unknown later type": func(m *nats.Msg) {
			m.Header["ce-type"] = []string{"meridian.threads.v2.MessagePosted"}
			m.Header["ce-dataschema"] = []string{"type.googleapis.com/meridian.threads.v2.MessagePosted"}
		},
		"another service's source": func(m *nats.Msg) { m.Header["ce-source"] = []string{"//h/workspaces/" + ws.String() + "/directory"} },
		"another version":          func(m *nats.Msg) { m.Header["ce-sequence"] = []string{"00000000000000000004"} },
		"short sequence":           func(m *nats.Msg) { m.Header["ce-sequence"] = []string{"3"} },
		"another subject":          func(m *nats.Msg) { m.Header["ce-subject"] = []string{"workspaces/" + ws.String()} },
		"another aggregate":        func(m *nats.Msg) { m.Header["ce-partitionkey"] = []string{"workspaces/" + ws.String()} },
		"another id":               func(m *nats.Msg) { m.Header["Nats-Msg-Id"] = []string{other.String()} },
		"upper-case id":            func(m *nats.Msg) { m.Header["ce-id"] = []string{strings.ToUpper(good.ID.String())} },
		"a time of its own":        func(m *nats.Msg) { m.Header["ce-time"] = []string{"yesterday"} },
		"JSON":                     func(m *nats.Msg) { m.Header["ce-datacontenttype"] = []string{"application/json"} },
		"CloudEvents 2":            func(m *nats.Msg) { m.Header["ce-specversion"] = []string{"2.0"} },
		"no payload's form":        func(m *nats.Msg) { m.Data = []byte{0xff, 0xff} },
		"no payload":               func(m *nats.Msg) { m.Data = nil },
		"header twice":             func(m *nats.Msg) { m.Header["ce-actor"] = []string{"a", "b"} },
		"header in two cases":      func(m *nats.Msg) { m.Header["Ce-Actor"] = []string{"a"} },
		"broken escape":            func(m *nats.Msg) { m.Header["ce-actor"] = []string{"a%4"} },
		"no escape":                func(m *nats.Msg) { m.Header["ce-actor"] = []string{"a%zz"} },
		"escaped invalid UTF-8":    func(m *nats.Msg) { m.Header["ce-actor"] = []string{"%ff"} },
		"raw invalid UTF-8":        func(m *nats.Msg) { m.Header["ce-actor"] = []string{"\xff"} },
	} {
		m := asNATS(good)
		spoil(m)
		_, _, err := eventbus.Decode(m.Header, m.Subject, m.Data)
		require.Equal(t, eventbus.ReasonEventInvalid, fault.From(err).Reason, name)
	}
	for header := range good.Headers {
		if header == "Nats-Msg-Id" {
			continue
		}
		m := asNATS(good)
		delete(m.Header, header)
		_, _, err := eventbus.Decode(m.Header, m.Subject, m.Data)
		require.Error(t, err, "without %s", header)
	}
}

func TestDecodeReadsHeaderNamesInAnyCase(t *testing.T) {
	t.Parallel()
	m := asNATS(encode(t.Context(), t, posted(uuid.New(), uuid.New(), 3)))
	canonical := nats.Header{}
	for name, values := range m.Header {
		canonical[strings.ToUpper(name)] = values
	}
	_, _, err := eventbus.Decode(canonical, m.Subject, m.Data)
	require.NoError(t, err)
}

// A later release adds fields; an older consumer reads what it knows and loses nothing.
func TestDecodeKeepsFieldsOfALaterVersion(t *testing.T) {
	t.Parallel()
	msg := encode(t.Context(), t, posted(uuid.New(), uuid.New(), 3))
	later := append(append([]byte{}, msg.Payload...), 0xfa, 0x3e, 0x02, 'h', 'i') // field 1007: "hi"
	_, payload, err := eventbus.Decode(asNATS(msg).Header, msg.Subject, later)
	require.NoError(t, err)
	require.NotEmpty(t, payload.ProtoReflect().GetUnknown())
}

func TestAnyHeaderValueComesBackAsItWas(t *testing.T) {
	t.Parallel()
	printable := regexp.MustCompile(`^[\x21-\x7e]*$`)
	rapid.Check(t, func(rt *rapid.T) {
		actor := rapid.String().Filter(func(s string) bool { return s != "" }).Draw(rt, "actor")
		msg, err := eventbus.Encode(t.Context(), host, "threads", happened, actor, posted(uuid.New(), uuid.New(), 1))
		require.NoError(rt, err)
		require.Regexp(rt, printable, msg.Headers["ce-actor"])
		meta, _, err := eventbus.Decode(asNATS(msg).Header, msg.Subject, msg.Payload)
		require.NoError(rt, err)
		require.Equal(rt, strings.ToValidUTF8(actor, "\uFFFD"), meta.Actor)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add("a%20b", "evt.x.threads.message.posted", []byte("x"))
	f.Fuzz(func(t *testing.T, value, subject string, data []byte) {
		header := nats.Header{}
		for _, name := range []string{"ce-id", "ce-type", "ce-workspace", "ce-sequence", "ce-time"} {
			header[name] = []string{value}
		}
		_, _, err := eventbus.Decode(header, subject, data)
		require.Error(t, err)
	})
}

func TestJSONIsTheCloudEventsFormat(t *testing.T) {
	t.Parallel()
	payload := posted(uuid.New(), uuid.New(), 12)
	msg := encode(t.Context(), t, payload)
	meta, decoded, err := eventbus.Decode(asNATS(msg).Header, msg.Subject, msg.Payload)
	require.NoError(t, err)
	text, err := eventbus.JSON(meta, decoded)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(text, &got))
	data, ok := got["data"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, "12", data["threadVersion"], "proto3's own JSON mapping")
	delete(got, "data")
	require.Equal(t, map[string]any{
		"specversion": "1.0", "id": msg.ID.String(), "source": meta.Source, "type": meta.Type, "subject": meta.Subject,
		"time": happened.Format(time.RFC3339Nano), "datacontenttype": "application/json",
		"dataschema": "type.googleapis.com/" + meta.Type, "workspace": meta.Workspace.String(),
		"partitionkey": meta.Aggregate, "sequence": "00000000000000000012", "actor": meta.Actor,
		"correlationid": meta.Correlation,
	}, got)
}

// docs/events.md is generated from the plugin's own list of headers; it and what Encode writes are the same.
func TestTheDocumentedHeadersAreTheWrittenOnes(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	state, err := trace.ParseTraceState("vendor=value")
	require.NoError(t, err)
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceState: state,
	})
	ctx := eventbus.WithCause(trace.ContextWithSpanContext(t.Context(), span), "cause", "correlation")
	var documented, written []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z-]+)` \\| .* \\| `.*` \\|$").FindAllStringSubmatch(string(docs), -1) {
		documented = append(documented, row[1])
	}
	for name := range encode(ctx, t, posted(uuid.New(), uuid.New(), 1)).Headers {
		written = append(written, name)
	}
	require.ElementsMatch(t, written, documented)
}
