package eventbus

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Replicas of two versions share a consumer while one is replaced by the other. What only the newer one can handle is left to
// it: the older one gives the event back at once, and does not take from the consumer what the newer one asks for.

const (
	// newerAgain is after how long an event that was given back for a newer version comes again, to whichever replica asks.
	newerAgain = time.Second
	// newerWithin is how old an event may be that waits for a newer version. From then on it is a fault as any other: where no
	// newer replica runs (it was taken back), the events must not fill what the consumer may have on its way.
	newerWithin = 15 * time.Minute
)

// ReasonEventNewer is the fault's reason for an event that this version cannot handle and the next one can.
const ReasonEventNewer = "EVENT_NEWER"

// Newer is what a handler returns for an event that says what this version does not know, such as a state. The event is left
// to a replica of a newer version: it comes again every second, counts as no fault and has no effect here. Where that does not
// come within a quarter of an hour, it is retried as other faults are and then a dead letter, which a newer version can
// re-drive.
func Newer(format string, args ...any) error {
	return fault.New(fault.Precondition, ReasonEventNewer, format, args...)
}

// Known is Newer for a field whose value this version has no word for. A handler asks it of every field whose value decides
// what it does.
func Known(field string, value protoreflect.Enum) error {
	if value.Descriptor().Values().ByNumber(value.Number()) == nil {
		return Newer("%s is %d, which this version does not know", field, value.Number())
	}
	return nil
}

// isNewer tells Newer from other errors.
func isNewer(err error) bool { return err != nil && fault.From(err).Reason == ReasonEventNewer }

// handles says by a message's headers whether its type has a handler here. One without a type is no event of any version.
func (r *Router) handles(it string) bool {
	_, known := r.handlers[it]
	return known || it == ""
}

// leave gives an event back for a newer version, or says that it has waited long enough.
func (r *Router) leave(ctx context.Context, next item, why error) bool {
	if r.cfg.Machine.Now().Sub(next.at.Timestamp) > newerWithin {
		return false
	}
	r.cfg.Log.WarnContext(ctx, "consumer leaves an event to a newer version", "consumer", r.cfg.Durable,
		"subject", next.msg.Subject, "error", why)
	r.metrics.handled(ctx, 1, "newer")
	r.nakAfter(next, newerAgain)
	return true
}

// widened are the subjects of the registered handlers and those that the consumer reads already: for a newer version, which
// would miss for good what passes while they are taken away. So none is ever taken away here; a version that no longer needs a
// type keeps a handler which does nothing.
func (r *Router) widened(there jetstream.ConsumerConfig) []string {
	all := slices.Concat(r.filters(), there.FilterSubjects)
	if there.FilterSubject != "" {
		all = append(all, there.FilterSubject)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
