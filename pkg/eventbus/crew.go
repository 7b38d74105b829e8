package eventbus

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	// stopGrace is how long handlers may go on after the router was told to stop.
	stopGrace = 10 * time.Second
	// mostTogether is how many events are handled in one batch at most.
	mostTogether = 128
	// pace is how long after a batch that was not full the next one of its kind is taken at the soonest.
	pace = 50 * time.Millisecond
	// passedAfter is the part of Patience after which those of its kind no longer wait for a batch.
	passedAfter = 20
)

// crew is a router's workers.
type crew struct {
	router *Router
	queue  *queue
	// stopping ends the taking of further events from the queue; the handlers' own context ends later.
	stopping context.Context //nolint:containedctx // The crew's life is one Run, and this is its end.
	endWork  context.CancelFunc
	workers  sync.WaitGroup
	keeper   sync.WaitGroup
	stopKeep context.CancelFunc
}

func newCrew(ctx context.Context, r *Router) *crew {
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	keep, stopKeep := context.WithCancel(context.WithoutCancel(ctx))
	c := &crew{router: r, queue: newQueue(mostTogether, pace, r.cfg.Patience/passedAfter), stopping: ctx, endWork: endWork, stopKeep: stopKeep}
	for range r.cfg.Workers {
		c.workers.Go(func() { c.serve(work) })
	}
	c.keeper.Go(func() { _ = clock.Every(keep, r.cfg.AckWait/3, c.keepAlive) })
	return c
}

// take holds a message and has it wait for a worker.
func (c *crew) take(msg *nats.Msg) {
	at, err := msg.Metadata()
	if err != nil {
		// Not from the stream: there is nothing to acknowledge.
		c.router.cfg.Log.Error("consumer got a message without metadata", "consumer", c.router.cfg.Durable, "error", err)
		return
	}
	if !c.router.held.add(at.Sequence.Stream, msg) {
		return
	}
	it := item{msg: msg, at: at, aggregate: msg.Header.Get(headerPartitionKey)}
	// One that came before may be the one that had its batch fail: it fails nobody a second time.
	if at.NumDelivered == 1 && c.router.handlers[msg.Header.Get(headerType)].many {
		it.kind = kind{eventType: msg.Header.Get(headerType), workspace: msg.Header.Get(headerWorkspace)}
	}
	c.queue.put(it)
}

// serve handles what waits until the router stops; what is left then goes back.
func (c *crew) serve(ctx context.Context) {
	for {
		taken := c.queue.take()
		batch := taken.items
		if len(batch) == 0 {
			return
		}
		again := false
		switch {
		case c.stopping.Err() != nil:
			for _, it := range batch {
				c.router.nak(it)
			}
		case len(batch) == 1:
			c.router.process(ctx, c.stopping, batch[0])
		default:
			again = !c.router.together(ctx, batch)
		}
		if !again {
			c.router.held.remove(batch)
		}
		c.queue.done(taken, again)
	}
}

// finish waits for the workers, and ends their handlers' context after the grace.
func (c *crew) finish() {
	c.queue.close()
	grace := time.AfterFunc(stopGrace, c.endWork)
	c.workers.Wait()
	grace.Stop()
	c.endWork()
	c.stopKeep()
	c.keeper.Wait()
}

// keepAlive tells the broker that everything held is still in hand.
func (c *crew) keepAlive(context.Context) {
	for _, msg := range c.router.held.all() {
		// Without it the event comes again, which the inbox and the held list bear.
		_ = c.router.conn.Publish(msg.Reply, []byte("+WPI"))
	}
}
