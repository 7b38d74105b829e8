package eventbus

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/postgres"
)

// RouterConfig says what a router consumes as, and with what. Durable, JS, DB and Log are required.
type RouterConfig struct {
	// Durable names the consumer on the stream; all replicas of a service share it. It is also the inbox's
	// consumer.
	Durable string
	// JS is the broker.
	JS jetstream.JetStream
	// DB is the service's database as its owner, for the dead letters.
	DB *postgres.DB
	// Log receives retries, dead letters and outages.
	Log *slog.Logger
	// StartSequence is the first stream sequence a consumer made anew reads. Zero: everything in the stream.
	// It means nothing to a consumer that is there already.
	StartSequence uint64
	// Machine is the machine's clock. Nil: clock.Machine().
	Machine clock.Clock
	// Workers is how many events, or batches of them, are handled at once. Events of one aggregate are handled one
	// after the other within a replica. Zero: 16.
	Workers int
	// Held is how many events a replica holds at most, in hand or waiting for a worker. Zero: 512.
	Held int
	// AckWait is after how long without a sign of life the broker gives an event to another replica. Zero: 30 s.
	AckWait time.Duration
	// Patience is how long events that are handled together may take; when it is over each is handled alone. Others of
	// their type wait for them a twentieth of it. Zero: 5 s.
	Patience time.Duration
	// Delays are the waits before each further attempt after an event's own fault, however often it was delivered
	// for other reasons; when they are used up it goes to the dead letters. Nil: six, from 1 s to 10 min.
	Delays []time.Duration
	// Buried, where it is set, is called before an event goes to the dead letters, with the workspace that its
	// subject names (zero where it names none): what must not go on without the event is mended here. It may be
	// called more than once for an event. While it fails the event is not given up, but tried again after the last
	// of Delays, and counts as unfinished.
	Buried func(ctx context.Context, workspace uuid.UUID) error
	// OutageDelays are the waits between attempts while a dependency is down; the last repeats. Nil: 100 ms to 5 s.
	OutageDelays []time.Duration
}

// Event is an event as its handler gets it.
type Event[T proto.Message] struct {
	Meta
	// Payload is the message. Handlers may keep it but not change it.
	Payload T
}

// Router consumes events with one durable consumer and hands each to the handler of its type. Handlers are
// registered with On before Run. It may be run once.
type Router struct {
	cfg      RouterConfig
	conn     *nats.Conn
	handlers map[string]handler
	broken   error
	letters  *letterbox
	held     *held
	outage   *gate
	metrics  *metrics
	running  chan struct{}
}

// handler is what a type of event is handled by.
type handler struct {
	event Descriptor
	// many says that run takes events of one workspace together; else it takes one.
	many bool
	run  func(ctx context.Context, events []received) error
}

// NewRouter makes a router with no handlers.
func NewRouter(cfg RouterConfig) *Router {
	if cfg.Machine == nil {
		cfg.Machine = clock.Machine()
	}
	cfg.Workers, cfg.Held = orDefault(cfg.Workers, 16), orDefault(cfg.Held, 512)
	cfg.AckWait, cfg.Patience = orDefault(cfg.AckWait, 30*time.Second), orDefault(cfg.Patience, 5*time.Second)
	if cfg.Delays == nil {
		cfg.Delays = []time.Duration{
			time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
		}
	}
	if cfg.OutageDelays == nil {
		cfg.OutageDelays = []time.Duration{
			100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
		}
	}
	r := &Router{
		cfg: cfg, handlers: map[string]handler{}, held: newHeld(cfg.Held), outage: newGate(),
		letters: &letterbox{db: cfg.DB, machine: cfg.Machine}, running: make(chan struct{}, 1),
	}
	if cfg.JS != nil {
		r.conn = cfg.JS.Conn()
	}
	return r
}

// On registers the handler of a type of event. The context it gets carries the inbox key, the event as the cause
// of what it publishes, and the trace. What it returns decides: nil acknowledges; an Unavailable fault, or any
// error while the database is away, holds the event and the consumer until it succeeds; an Invalid or Denied
// fault goes to the dead letters at once; Newer leaves it to a newer version; anything else is retried by the router's
// delays first. A mistake
// (two handlers for a type, no event) makes Run fail.
func On[T proto.Message](r *Router, h func(ctx context.Context, event Event[T]) error) {
	register(r, false, func(ctx context.Context, events []Event[T]) error { return h(ctx, events[0]) })
}

// OnMany registers a handler of a type of event that takes together what has arrived together: events of one workspace,
// each once, in the order of the stream; a lone event comes alone, at once. Its effect is that of handling them one
// after the other, all in one transaction or none of it: where it returns an error, and where the process dies, they
// come again, each alone, and what On says holds for each. So what would be another outcome for one event of a batch
// (a refusal, a failing constraint) is simply the batch's error.
//
// The context carries the inbox keys of all events, for inbox.ClaimMany, and none of them as the cause: what follows
// from an event is published under event.Because(ctx). The handler calls no other service and locks rows in the order
// that is theirs, because the effects of many events stand in one transaction.
func OnMany[T proto.Message](r *Router, h func(ctx context.Context, events []Event[T]) error) {
	register(r, true, h)
}

func register[T proto.Message](r *Router, many bool, h func(ctx context.Context, events []Event[T]) error) {
	var zero T
	message := zero.ProtoReflect().Type()
	d, err := describe(message)
	if err != nil {
		r.broken = fmt.Errorf("eventbus: consumer %s: %s: %w", r.cfg.Durable, message.Descriptor().FullName(), err)
		return
	}
	if _, twice := r.handlers[string(d.Type)]; twice {
		r.broken = fmt.Errorf("eventbus: consumer %s has two handlers for %s", r.cfg.Durable, d.Type)
		return
	}
	r.handlers[string(d.Type)] = handler{event: d, many: many, run: func(ctx context.Context, all []received) error {
		events := make([]Event[T], len(all))
		for i, one := range all {
			typed, ok := one.payload.(T)
			if !ok {
				return refuse("event %s is no %s", one.meta.ID, d.Type)
			}
			events[i] = Event[T]{Meta: one.meta, Payload: typed}
		}
		return h(ctx, events)
	}}
}

// Durable is the consumer's name.
func (r *Router) Durable() string { return r.cfg.Durable }

// filters are exactly the subjects of the registered handlers.
func (r *Router) filters() []string {
	subjects := make([]string, 0, len(r.handlers))
	for _, h := range r.handlers {
		subjects = append(subjects, h.event.Filter())
	}
	slices.Sort(subjects)
	return subjects
}

// Run consumes until ctx is done. It then finishes what its workers have in hand (at most 10 s), gives the rest
// back to the broker, and returns nil. While the broker is away it tries again; it returns an error only for a
// mistake in its registration.
func (r *Router) Run(ctx context.Context) error {
	select {
	case r.running <- struct{}{}:
	default:
		return fmt.Errorf("eventbus: consumer %s runs already", r.cfg.Durable)
	}
	if r.broken != nil {
		return r.broken
	}
	if len(r.handlers) == 0 {
		return fmt.Errorf("eventbus: consumer %s has no handlers", r.cfg.Durable)
	}
	r.metrics = newMetrics(r)
	defer r.metrics.close()
	crew := newCrew(ctx, r)
	r.pullAll(ctx, crew)
	crew.finish()
	return nil
}

// StartAt sets RouterConfig.StartSequence for a router whose start is known only after it was made. Call it before
// Run.
func (r *Router) StartAt(sequence uint64) { r.cfg.StartSequence = sequence }
