package eventbus

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

// pingWait bounds the question whether the database is there.
const pingWait = 2 * time.Second

// process handles one event to one of its ends: acknowledged, given back for another attempt, or in the dead
// letters. While a dependency is down it keeps the event. ctx ends the handler, stopping ends the waiting.
func (r *Router) process(ctx, stopping context.Context, next item) {
	for attempt := 0; ; attempt++ {
		err := r.settle(ctx, next)
		if err == nil {
			return
		}
		r.outage.shut()
		r.cfg.Log.WarnContext(ctx, "consumer waits for a dependency",
			"consumer", r.cfg.Durable, "subject", next.msg.Subject, "attempt", attempt+1, "error", err)
		r.metrics.outage(ctx)
		waited := clock.Sleep(stopping, r.cfg.OutageDelays[min(attempt, len(r.cfg.OutageDelays)-1)])
		r.outage.open()
		if waited != nil {
			r.nak(next)
			return
		}
	}
}

// settle runs the handler once and does with the event what its answer asks for. It returns an error only when a
// dependency is down.
func (r *Router) settle(ctx context.Context, next item) error {
	err := r.handle(ctx, next.msg, next.at.Sequence.Stream)
	if err == nil {
		r.metrics.handled(ctx, 1, "ok")
		r.forgetFaults(ctx, next)
		// A lost acknowledgement brings the event again, and the inbox stops it.
		r.ack(next)
		return nil
	}
	if isNewer(err) && r.leave(ctx, next, err) {
		return nil
	}
	if r.isOutage(ctx, err) {
		return err
	}
	if !final(err) {
		given, failed := r.retry(ctx, next, err)
		if given || failed != nil {
			return failed
		}
	}
	return r.bury(ctx, next, err)
}

// retry gives the event back for another attempt, unless it has failed too often. Faults are counted and not
// deliveries: an event also comes again when a replica stopped or died, and that is not its fault. It returns an
// error only when the database is down.
func (r *Router) retry(ctx context.Context, next item, reason error) (given bool, err error) {
	faults, err := r.letters.countFault(ctx, r.cfg.Durable, next)
	if err != nil {
		return true, r.later(ctx, next, err)
	}
	if faults > len(r.cfg.Delays) {
		return false, nil
	}
	delay := r.cfg.Delays[faults-1]
	r.cfg.Log.WarnContext(ctx, "consumer tries an event again", "consumer", r.cfg.Durable,
		"subject", next.msg.Subject, "faults", faults, "delay", delay, "error", reason)
	r.metrics.handled(ctx, 1, "retry")
	r.nakAfter(next, delay)
	return true, nil
}

// forgetFaults ends the count of an event that succeeded after all. One that came for the first time has none.
func (r *Router) forgetFaults(ctx context.Context, next item) {
	if next.at.NumDelivered <= 1 {
		return
	}
	if err := r.letters.forgetFaults(ctx, r.cfg.Durable, next); err != nil {
		// The row stays and counts for nothing: the event does not come again.
		r.cfg.Log.WarnContext(ctx, "consumer cannot forget an event's faults", "consumer", r.cfg.Durable,
			"subject", next.msg.Subject, "error", err)
	}
}

// bury does what must be done for a lost event, writes the dead letter and then ends the message. In that order: a
// crash between makes all of it happen again, and the row is written once.
func (r *Router) bury(ctx context.Context, next item, reason error) error {
	if r.cfg.Buried != nil {
		if err := r.cfg.Buried(ctx, workspaceOf(next.msg.Subject)); err != nil {
			// Not an outage, whatever it is: the other events do not wait for it.
			r.again(ctx, next, err)
			return nil
		}
	}
	if err := r.letters.write(ctx, r.cfg.Durable, next, reason); err != nil {
		return r.later(ctx, next, err)
	}
	r.cfg.Log.ErrorContext(ctx, "consumer gave an event up to the dead letters", "consumer", r.cfg.Durable,
		"subject", next.msg.Subject, "deliveries", next.at.NumDelivered, "error", reason)
	r.metrics.handled(ctx, 1, "dead")
	r.term(next, fault.From(reason).Reason)
	return nil
}

// later returns err when the database is down; else what it kept for the event failed, and the event comes again.
func (r *Router) later(ctx context.Context, next item, err error) error {
	if r.isOutage(ctx, err) {
		return err
	}
	r.again(ctx, next, err)
	return nil
}

// again gives back an event that can be neither handled nor given up, to come again slowly: it must not be lost.
func (r *Router) again(ctx context.Context, next item, err error) {
	r.cfg.Log.ErrorContext(ctx, "consumer can neither handle an event nor give it up",
		"consumer", r.cfg.Durable, "subject", next.msg.Subject, "error", err)
	r.nakAfter(next, r.lastDelay())
}

func (r *Router) lastDelay() time.Duration {
	if len(r.cfg.Delays) == 0 {
		return time.Minute
	}
	return r.cfg.Delays[len(r.cfg.Delays)-1]
}

// final says that another attempt cannot help: the event does not keep the contract, or is not allowed.
func final(err error) bool {
	kind := fault.From(err).Kind
	return kind == fault.Invalid || kind == fault.Denied
}

// isOutage tells a dependency that is down from a fault of the event. An error that could be either is decided by
// asking the database whether it is there.
func (r *Router) isOutage(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		// The database answered, if only that it is going away. A statement that ran into its timeout is the
		// event's own fault, or one slow event would hold the consumer for ever.
		return isGoing(answer.Code)
	}
	if fault.From(err).Kind == fault.Unavailable || unreachable(err) {
		return true
	}
	if final(err) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	return r.cfg.DB.Ping(ctx) != nil
}

// isGoing tells the codes of a database that cannot serve: connection exceptions, shut down, crashed or not yet up,
// too many connections, turned into a standby.
func isGoing(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") || code == "53300" || code == "25006"
}

// unreachable says that the error is of a connection and not of what was asked over it.
func unreachable(err error) bool {
	var connect *pgconn.ConnectError
	var network *net.OpError
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrNoResponders)
}
