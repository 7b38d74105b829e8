package eventbus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/resname"
)

// The envelope's headers, in the exact case they are written in: NATS keeps the case of header names.
const (
	headerID              = "ce-id"
	headerSource          = "ce-source"
	headerSpecVersion     = "ce-specversion"
	headerType            = "ce-type"
	headerSubject         = "ce-subject"
	headerTime            = "ce-time"
	headerDataContentType = "ce-datacontenttype"
	headerDataSchema      = "ce-dataschema"
	headerWorkspace       = "ce-workspace"
	headerPartitionKey    = "ce-partitionkey"
	headerSequence        = "ce-sequence"
	headerActor           = "ce-actor"
	headerCausation       = "ce-causationid"
	headerCorrelation     = "ce-correlationid"
	headerMsgID           = "Nats-Msg-Id"
)

const (
	specVersion     = "1.0"
	contentProtobuf = "application/protobuf"
	schemaPrefix    = "type.googleapis.com/"
	// sequenceDigits pads ce-sequence, so that it orders as text.
	sequenceDigits = 20
)

// Meta is an event's envelope.
type Meta struct {
	// ID is the event's identity: ce-id, Nats-Msg-Id and the outbox row's id.
	ID uuid.UUID
	// Time is when it happened, by the domain's clock.
	Time time.Time
	// Workspace is the tenant.
	Workspace uuid.UUID
	// Source is `//<host>/workspaces/<workspace>/<service>`.
	Source string
	// Type is the payload's full name, such as `meridian.threads.v1.MessagePosted`.
	Type string
	// Subject is the resource name the event is about.
	Subject string
	// Aggregate is the resource name whose events keep their order.
	Aggregate string
	// Version is the aggregate's version after the change.
	Version int64
	// Actor is the resource name of who did it: a member, or `services/<name>`.
	Actor string
	// Causation is the id of the event that caused this one; empty when a request did.
	Causation string
	// Correlation is common to everything that followed from one request.
	Correlation string
	// Space is the resource name of the space the event is in, for AudienceSpace, and for AudiencePerson where it tells of
	// one.
	Space string
	// Person is the resource name of the member the event is for, for AudiencePerson.
	Person string
	// Audience says who may receive it.
	Audience Audience
	// Stream is the event's sequence in the stream when it was received from there, else zero.
	Stream uint64

	span trace.SpanContext // of its handling
}

// Because returns ctx with the event as the cause of what is published under it, in the event's trace. The router has
// done so for handlers of one event.
func (m *Meta) Because(ctx context.Context) context.Context {
	return WithCause(trace.ContextWithSpanContext(ctx, m.span), m.ID.String(), m.Correlation)
}

// Encode makes the outbox's message of an event that happened at the given domain time. Everything but host,
// service, time and actor comes from the payload's event option and from ctx (causation, correlation, trace).
// The service must be the one that owns the event's proto package. Errors are faults of the program: Internal.
func Encode(
	ctx context.Context, host, service string, at time.Time, actor string, payload proto.Message,
) (outbox.Message, error) {
	name := payload.ProtoReflect().Descriptor().FullName()
	d, err := describe(payload.ProtoReflect().Type())
	if err != nil {
		return outbox.Message{}, fmt.Errorf("eventbus: encode %s: %w", name, err)
	}
	if d.Service != service {
		return outbox.Message{}, fmt.Errorf("eventbus: %s may not publish %s", service, name)
	}
	meta, err := newMeta(ctx, d, payload)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("eventbus: encode %s: %w", name, err)
	}
	meta.Time, meta.Actor = at, actor
	meta.Source = sourceOf(host, meta.Workspace, service)
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(payload)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("eventbus: encode %s: %w", name, err)
	}
	headers := meta.headers()
	injectTrace(ctx, headers)
	return outbox.Message{
		ID: meta.ID, Workspace: meta.Workspace, Aggregate: meta.Aggregate, Version: meta.Version,
		Subject: Subject(d, meta.Workspace.String()), Headers: headers, Payload: data,
	}, nil
}

// newMeta fills what the payload and the context say.
func newMeta(ctx context.Context, d Descriptor, payload proto.Message) (Meta, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Meta{}, fmt.Errorf("make id: %w", err)
	}
	meta := Meta{ID: id}
	if err := meta.fromPayload(d, payload); err != nil {
		return Meta{}, err
	}
	meta.Causation, meta.Correlation = Cause(ctx)
	if meta.Correlation == "" {
		meta.Correlation = traceID(ctx)
	}
	if meta.Correlation == "" {
		meta.Correlation = id.String()
	}
	return meta, nil
}

// fromPayload reads what the option's paths name, and refuses a payload that lacks it or mixes workspaces.
func (m *Meta) fromPayload(d Descriptor, payload proto.Message) error {
	m.Type, m.Audience = string(d.Type), d.Audience
	m.Subject, m.Aggregate, m.Version = d.subject.text(payload), d.aggregate.text(payload), d.version.number(payload)
	m.Space, m.Person = d.space.text(payload), d.person.text(payload)
	workspace, err := resname.Workspace("subject", m.Subject)
	if err != nil {
		return fmt.Errorf("its subject %q is no resource name in a workspace", m.Subject)
	}
	m.Workspace = workspace
	others := map[string]string{"aggregate": m.Aggregate}
	if d.Audience == AudienceSpace {
		others["space"] = m.Space
	}
	if d.Audience == AudiencePerson {
		others["person"] = m.Person
	}
	for what, name := range others {
		if other, err := resname.Workspace(what, name); err != nil || other != workspace {
			return fmt.Errorf("its %s %q is no resource name in the workspace of %q", what, name, m.Subject)
		}
	}
	if m.Version <= 0 {
		return fmt.Errorf("its version %d is not positive", m.Version)
	}
	return nil
}

// headers writes the envelope by the NATS binding of CloudEvents 1.0, binary mode.
func (m *Meta) headers() map[string]string {
	headers := map[string]string{
		headerID:              m.ID.String(),
		headerMsgID:           m.ID.String(),
		headerSource:          m.Source,
		headerSpecVersion:     specVersion,
		headerType:            m.Type,
		headerSubject:         m.Subject,
		headerTime:            m.Time.UTC().Format(time.RFC3339Nano),
		headerDataContentType: contentProtobuf,
		headerDataSchema:      schemaPrefix + m.Type,
		headerWorkspace:       m.Workspace.String(),
		headerPartitionKey:    m.Aggregate,
		headerSequence:        fmt.Sprintf("%0*d", sequenceDigits, m.Version),
		headerActor:           m.Actor,
		headerCorrelation:     m.Correlation,
	}
	if m.Causation != "" {
		headers[headerCausation] = m.Causation
	}
	for name, value := range headers {
		headers[name] = escape(value)
	}
	return headers
}

func sourceOf(host string, workspace uuid.UUID, service string) string {
	return "//" + host + "/workspaces/" + workspace.String() + "/" + service
}

// refuse is the fault of a message that does not keep the contract. It goes to the dead letters at once.
func refuse(format string, args ...any) error {
	return fault.New(fault.Invalid, ReasonEventInvalid, format, args...)
}

// ReasonEventInvalid is the fault's reason for a message that does not keep the contract of docs/events.md.
const ReasonEventInvalid = "EVENT_INVALID"

const hexDigits = "0123456789ABCDEF"

// escape percent-encodes a header's value as the CloudEvents NATS binding asks: space, double quote, percent sign
// and everything outside U+0021 to U+007E.
func escape(value string) string {
	if !strings.ContainsFunc(value, func(r rune) bool { return r > 0x7f || !isPlain(byte(r)) }) {
		return value
	}
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if isPlain(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&0xf])
	}
	return b.String()
}

func isPlain(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
