package eventbus

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
)

// received is an event that was read from a message.
type received struct {
	meta    Meta
	payload proto.Message
	msg     *nats.Msg
}

func receive(msg *nats.Msg, sequence uint64) (received, error) {
	meta, payload, err := Decode(msg.Header, msg.Subject, msg.Data)
	meta.Stream = sequence
	return received{meta: meta, payload: payload, msg: msg}, err
}

// together handles events of one kind in one call of their handler, and acknowledges them when it has succeeded. Where
// anything stands against that, it says that each must be handled alone and has done nothing.
func (r *Router) together(ctx context.Context, batch []item) bool {
	events, seen := make([]received, len(batch)), make(map[uuid.UUID]bool, len(batch))
	for i, it := range batch {
		event, err := receive(it.msg, it.at.Sequence.Stream)
		if err != nil || seen[event.meta.ID] {
			return false
		}
		events[i], seen[event.meta.ID] = event, true
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Patience)
	defer cancel()
	err := r.run(ctx, events)
	r.metrics.together(ctx, len(batch), err == nil)
	if err != nil {
		r.cfg.Log.WarnContext(ctx, "consumer handles events one by one that failed together", "consumer", r.cfg.Durable,
			"type", events[0].meta.Type, "events", len(batch), "error", err)
		return false
	}
	r.metrics.handled(ctx, len(batch), "ok")
	for _, it := range batch {
		r.ack(it)
	}
	return true
}

// handle reads a message and runs its handler for it alone.
func (r *Router) handle(ctx context.Context, msg *nats.Msg, sequence uint64) error {
	if kind := msg.Header.Get(headerType); !r.handles(kind) {
		return Newer("consumer %s has no handler for %s", r.cfg.Durable, kind)
	}
	event, err := receive(msg, sequence)
	if err != nil {
		return err
	}
	return r.run(ctx, []received{event})
}

// run runs the handler of events of one type, in spans that continue the traces of what caused them. What the handler
// does itself is in the trace of the first that is sampled.
func (r *Router) run(ctx context.Context, events []received) (err error) {
	known, ok := r.handlers[events[0].meta.Type]
	if !ok {
		return refuse("consumer %s has no handler for %s", r.cfg.Durable, events[0].meta.Type)
	}
	keys, spans := make([]inbox.Key, len(events)), make([]trace.Span, len(events))
	own, seen := make([]context.Context, 0, len(events)), 0
	for i := range events {
		meta := &events[i].meta
		traced, span := r.startSpan(ctx, events[i])
		own, spans[i] = append(own, traced), span
		if meta.span = spans[i].SpanContext(); meta.span.IsSampled() && !events[seen].meta.span.IsSampled() {
			seen = i
		}
		keys[i] = inbox.Key{Consumer: r.cfg.Durable, EventID: meta.ID}
	}
	under := own[seen]
	if len(events) == 1 {
		under = WithCause(under, events[0].meta.ID.String(), events[0].meta.Correlation)
	}
	defer func() {
		if broken := recover(); broken != nil {
			r.cfg.Log.ErrorContext(under, "handler panicked", "consumer", r.cfg.Durable, "type", events[0].meta.Type,
				"panic", fmt.Sprint(broken), "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, fault.ReasonInternal, "handler of %s panicked", events[0].meta.Type)
		}
		for _, span := range spans {
			if err != nil {
				span.SetStatus(codes.Error, fault.From(err).Reason)
			}
			span.End()
		}
	}()
	return known.run(inbox.NewContext(under, keys...), events)
}

//nolint:spancheck // run ends it
func (r *Router) startSpan(ctx context.Context, event received) (context.Context, trace.Span) {
	return tracer().Start(extractTrace(ctx, event.msg.Header), "process "+event.meta.Type,
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			attribute.String("messaging.system", "nats"),
			attribute.String("messaging.operation.type", "process"),
			attribute.String("messaging.destination.name", event.msg.Subject),
			attribute.String("messaging.consumer.group.name", r.cfg.Durable),
			attribute.String("messaging.message.id", event.meta.ID.String()),
		))
}
