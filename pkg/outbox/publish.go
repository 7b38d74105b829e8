package outbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	streamName = "EVENTS"
	ackLimit   = 5 * time.Second // for a wave to be acknowledged
	hurryLimit = time.Second     // the same once the relay is to stop
	askLimit   = 2 * time.Second
)

// publisher sends rows to the stream.
type publisher struct {
	js      jetstream.JetStream
	machine clock.Clock
}

// newPublisher makes a JetStream context of the relay's own: with a limit to what may be on its way, and to how long
// one is waited for, so that a lost acknowledgement does not hold its place for good.
func newPublisher(nc *nats.Conn, machine clock.Clock) (*publisher, error) {
	js, err := jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(2*batchRows), jetstream.WithPublishAsyncTimeout(ackLimit))
	if err != nil {
		return nil, err
	}
	return &publisher{js: js, machine: machine}, nil
}

// waves cuts the rows, which are in id order, so that each wave holds at most one event of an aggregate: the first of
// each aggregate, then the second, and so on.
func waves(rows []row) [][]row {
	var cut [][]row
	place := make(map[string]int, len(rows))
	for _, r := range rows {
		n := place[r.Aggregate]
		place[r.Aggregate] = n + 1
		if n == len(cut) {
			cut = append(cut, nil)
		}
		cut[n] = append(cut[n], r)
	}
	return cut
}

// failure is why a row was not acknowledged.
type failure struct {
	row row
	err error
}

// send publishes a wave and waits until each row is acknowledged, refused or given up.
func (p *publisher) send(ctx context.Context, wave []row) (acked []int64, failed []failure) {
	futures := make([]jetstream.PubAckFuture, len(wave))
	errs := make([]error, len(wave))
	spans := make(map[int]trace.Span) // few rows are of a trace that is kept
	for i, r := range wave {
		if _, span := traced(r); span != nil {
			spans[i] = span
		}
		if !loses(r) {
			futures[i], errs[i] = p.start(r)
		}
	}
	limit := time.NewTimer(ackLimit)
	defer limit.Stop()
	done := ctx.Done()
	for i, future := range futures {
		if future == nil {
			continue
		}
		for waiting := true; waiting; {
			waiting = false
			select {
			case <-future.Ok():
			case errs[i] = <-future.Err():
			case <-limit.C:
				errs[i] = context.DeadlineExceeded
				limit.Reset(0) // those after it get no more time, only a look
			case <-done:
				limit.Reset(hurryLimit)
				done, waiting = nil, true
			}
		}
	}
	for i, span := range spans {
		if errs[i] != nil {
			span.SetStatus(codes.Error, "not acknowledged")
		}
		span.End()
	}
	for i, r := range wave {
		if errs[i] != nil {
			failed = append(failed, failure{row: r, err: errs[i]})
			continue
		}
		acked = append(acked, r.id)
	}
	slices.Sort(acked)
	return acked, failed
}

// traced starts the relay's span in the trace of what wrote the row; nil where that trace is not kept. What the row says
// goes on as it is: for consumers an event comes of what wrote it, however often it was relayed.
func traced(r row) (context.Context, trace.Span) {
	carrier := propagation.MapCarrier{} // a HeaderCarrier would ask for names in another case
	for _, name := range (propagation.TraceContext{}).Fields() {
		if values := r.header[name]; len(values) > 0 {
			carrier[name] = values[0]
		}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), carrier)
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, nil
	}
	return otel.Tracer("github.com/meridianhq/meridian/pkg/outbox").Start(ctx, "publish "+strings.Join(r.header["ce-type"], ""), //nolint:spancheck // who sends ends it
		trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(
			attribute.String("messaging.system", "nats"),
			attribute.String("messaging.operation.type", "send"),
			attribute.String("messaging.destination.name", r.Subject),
			attribute.String("messaging.message.id", r.ID.String()),
		))
}

var errHeaders = errors.New("outbox: the headers are no JSON object of strings")

// start puts a row on its way. Retries are the relay's alone: the client's own would let a later event of the
// aggregate pass.
func (p *publisher) start(r row) (jetstream.PubAckFuture, error) {
	if r.header == nil {
		return nil, errHeaders
	}
	msg := &nats.Msg{Subject: r.Subject, Data: r.Payload, Header: r.header}
	return p.js.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0),
		jetstream.WithExpectStream(streamName), jetstream.WithMsgID(r.ID.String()))
}

// ownFault tells whether the row itself cannot be published, rather than the broker being away. Where nothing
// answered for the row's subject, that is so when the stream is there: then it does not take the subject.
func (p *publisher) ownFault(ctx context.Context, err error) bool {
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, errHeaders), errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadSubject),
		errors.Is(err, nats.ErrBadHeaderMsg), errors.Is(err, nats.ErrHeadersNotSupported):
		return true
	case errors.As(err, &refused):
		const wrongStream = 10060 // another stream takes the subject: a matter of the installation
		return refused.Code >= 400 && refused.Code < 500 && refused.ErrorCode != wrongStream
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
		defer cancel()
		_, err := p.js.Stream(ctx, streamName)
		return err == nil
	}
	return false
}
