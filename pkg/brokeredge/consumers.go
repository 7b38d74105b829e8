package brokeredge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/fault"
)

const (
	// ackWait is how long an integrator may take for an event before it comes again.
	ackWait = 30 * time.Second
	// maxAckPending bounds what an integrator has not acknowledged.
	maxAckPending = 1000
	// maxWaiting bounds its pull requests on the server.
	maxWaiting = 16
	// maxFilters bounds a consumer's filters.
	maxFilters = 64
	// errCodeFilterNotSubset is the broker's refusal of a filter beyond the stream's subjects.
	errCodeFilterNotSubset jetstream.ErrorCode = 10093
)

// ReasonConsumerLimit is the reason of the refusal of one more consumer than the stream may have, which is the operator's
// to raise.
const ReasonConsumerLimit = "CONSUMER_LIMIT"

// Consumer describes an integrator's durable.
type Consumer struct {
	Subscription, Workspace uuid.UUID
	// Filters are subjects, each within the workspace's `evt.<workspace>.`. At least one; they may not overlap.
	Filters []string
	// StartTime and StartSequence say where it begins, at most one of them; neither: with what comes next.
	StartTime     time.Time
	StartSequence uint64
}

// Consumers makes, lists and deletes integrators' durables.
type Consumers struct{ js jetstream.JetStream }

// NewConsumers works on a connection of the account PLATFORM.
func NewConsumers(js jetstream.JetStream) *Consumers { return &Consumers{js: js} }

// Ensure makes the durable, or leaves it as it is when it is there. The broker's refusal of filters is an
// Invalid fault, of one consumer more than the stream may have an Exhausted one; a broker that is away is Unavailable.
func (c *Consumers) Ensure(ctx context.Context, wanted Consumer) error {
	if err := wanted.check(); err != nil {
		return err
	}
	name := ConsumerName(wanted.Subscription)
	_, err := c.js.Consumer(ctx, stream, name)
	if err == nil {
		return nil
	}
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return away(err)
	}
	config := jetstream.ConsumerConfig{
		Durable: name, FilterSubjects: wanted.Filters, Description: "Event subscription of " + wanted.Workspace.String(),
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1, MaxAckPending: maxAckPending,
		MaxWaiting: maxWaiting, DeliverPolicy: jetstream.DeliverNewPolicy,
		Metadata: map[string]string{"workspace": wanted.Workspace.String()},
	}
	switch {
	case wanted.StartSequence > 0:
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, wanted.StartSequence
	case !wanted.StartTime.IsZero():
		start := wanted.StartTime
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &start
	}
	_, err = c.js.CreateConsumer(ctx, stream, config)
	return refusal(err)
}

// Delete removes the durable; one that is not there is no error.
func (c *Consumers) Delete(ctx context.Context, subscription uuid.UUID) error {
	err := c.js.DeleteConsumer(ctx, stream, ConsumerName(subscription))
	if err == nil || errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	return away(err)
}

// List names the subscriptions that have a durable.
func (c *Consumers) List(ctx context.Context) ([]uuid.UUID, error) {
	events, err := c.js.Stream(ctx, stream)
	if err != nil {
		return nil, away(err)
	}
	var found []uuid.UUID
	lister := events.ConsumerNames(ctx)
	for name := range lister.Name() {
		id, isOurs := strings.CutPrefix(name, consumerPrefix)
		if subscription, err := uuid.Parse(id); isOurs && err == nil {
			found = append(found, subscription)
		}
	}
	if err := lister.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, away(err)
	}
	return found, nil
}

// check is the last wall: whatever the rule above it said, no filter leaves the workspace.
func (w Consumer) check() error {
	if len(w.Filters) == 0 || len(w.Filters) > maxFilters {
		return fault.InvalidField("filters", fmt.Sprintf("must be 1 to %d subjects", maxFilters))
	}
	inside := "evt." + w.Workspace.String() + "."
	for _, filter := range w.Filters {
		if rest, ok := strings.CutPrefix(filter, inside); !ok || rest == "" || strings.ContainsAny(filter, " \t\r\n") {
			return fault.InvalidField("filters", "must be subjects within the workspace")
		}
	}
	if w.StartSequence > 0 && !w.StartTime.IsZero() {
		return fault.InvalidField("start_sequence", "must not be given beside a start time")
	}
	return nil
}

// refusal says what a broker's refusal to make a consumer means. One that is not known is nobody's fault but ours.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*jetstream.APIError](err)
	if !ok || answer.Code >= 500 {
		return away(err)
	}
	switch answer.ErrorCode {
	case jetstream.JSErrCodeMaximumConsumersLimit:
		return fault.New(fault.Exhausted, ReasonConsumerLimit, "the event broker has as many consumers as it may").Wrap(err)
	case jetstream.JSErrCodeOverlappingFilterSubjects, jetstream.JSErrCodeConsumerEmptyFilter,
		jetstream.JSErrCodeDuplicateFilterSubjects, errCodeFilterNotSubset:
		return fault.InvalidField("filters", "the broker refuses them: "+answer.Description).Wrap(err)
	default:
		return fmt.Errorf("brokeredge: the broker refuses the consumer: %w", err)
	}
}

func away(err error) error {
	return fault.New(fault.Unavailable, fault.ReasonUnavailable, "the event broker cannot be reached; try again").Wrap(err)
}
