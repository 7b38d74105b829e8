package eventbus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	// askFor is how long one request for events stands at the broker, between the half and the whole and a half of it, and so
	// about how long a lost broker goes unnoticed. The broker serves who asked first: were all replicas to ask in step, an event
	// that one of them gives back for another would come to the same one again and again.
	askFor = time.Second
	// askGrace is how much later than that the broker's word must be here.
	askGrace = time.Second
	// leaveWithin bounds the wait for what is on its way when the router stops.
	leaveWithin = time.Second
	// brokerDelayMax bounds the wait between attempts while the broker is away.
	brokerDelayMax = 5 * time.Second
)

// pullAll has the broker send as many events as there is room for, until ctx is done.
func (r *Router) pullAll(ctx context.Context, crew *crew) {
	var failures int
	for ctx.Err() == nil {
		asked, err := r.pull(ctx, crew)
		if ctx.Err() != nil {
			return
		}
		if asked {
			failures = 0
		}
		failures++
		r.cfg.Log.WarnContext(ctx, "consumer cannot reach the broker",
			"consumer", r.cfg.Durable, "failures", failures, "error", err)
		if clock.Sleep(ctx, min(100*time.Millisecond<<min(failures-1, 10), brokerDelayMax)) != nil {
			return
		}
	}
}

// pull makes the consumer and asks for its events, over one subscription, until something fails or ctx is done. It asks
// for no more than there is room for and takes up what comes at once, so that everything that is here is kept in hand by
// keepAlive; nats.go's own iterators have a buffer before that. asked says that the broker has answered a request.
//
// When it ends the subscription is drained: the broker has not sent, or has back, what did not come by then, and what did
// come is taken up, so that nothing lies unacknowledged until AckWait has passed.
func (r *Router) pull(ctx context.Context, crew *crew) (asked bool, err error) {
	if err := r.ensure(ctx); err != nil {
		return false, err
	}
	arrived := make(chan *nats.Msg, 2*r.cfg.Held) // the room for events, and more than enough for the broker's words
	sub, err := r.conn.ChanSubscribe(r.conn.NewInbox(), arrived)
	if err != nil {
		return false, fmt.Errorf("subscribe: %w", err)
	}
	gone := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(gone) })
	defer func() {
		r.drain(ctx, sub, gone)
		for len(arrived) > 0 {
			if msg := <-arrived; msg.Reply != "" {
				crew.take(msg)
			}
		}
	}()
	for {
		if err := r.outage.wait(ctx); err != nil {
			return asked, err
		}
		room, err := r.held.room(ctx)
		if err != nil {
			return asked, err
		}
		if err := r.ask(ctx, sub.Subject, room, arrived, crew); err != nil {
			return asked, err
		}
		asked = true
	}
}

// request is what JetStream is asked by.
type request struct {
	Batch   int           `json:"batch"`
	Expires time.Duration `json:"expires"`
}

// ask asks for so many events and takes up what comes until all have come or the request is over.
func (r *Router) ask(ctx context.Context, inbox string, room int, arrived <-chan *nats.Msg, crew *crew) error {
	stands := askFor/2 + rand.N(askFor) //nolint:gosec // no secret hangs on the spread
	text, err := json.Marshal(request{Batch: room, Expires: stands})
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if err := r.conn.PublishRequest(jetstream.DefaultAPIPrefix+"CONSUMER.MSG.NEXT."+Stream+"."+r.cfg.Durable, inbox, text); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	late := time.NewTimer(stands + askGrace)
	defer late.Stop()
	for room > 0 {
		select {
		case msg := <-arrived:
			if msg.Reply == "" {
				return wordOf(msg)
			}
			crew.take(msg)
			room--
		case <-late.C:
			return errSilent
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

var errSilent = errors.New("the broker does not answer")

// wordOf is what the broker says of a request in the place of an event: nil where it is over in time.
func wordOf(msg *nats.Msg) error {
	const expired = "408"
	if msg.Header.Get("Status") == expired {
		return nil
	}
	return fmt.Errorf("the broker refuses: %s %s", msg.Header.Get("Status"), msg.Header.Get("Description"))
}

// drain ends a subscription and waits until all that was sent to it is here.
func (r *Router) drain(ctx context.Context, sub *nats.Subscription, gone <-chan struct{}) {
	if !r.conn.IsConnected() || sub.Drain() != nil {
		_ = sub.Unsubscribe()
		return
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
	defer cancel()
	select {
	case <-gone:
	case <-limit.Done():
	}
}
