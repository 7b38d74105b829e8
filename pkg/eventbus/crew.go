package eventbus

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
)

// stopGrace is how long handlers may go on after the router was told to stop.
const stopGrace = 10 * time.Second

// crew is a router's workers. Each has a queue; events of one aggregate go to one queue.
type crew struct {
	router *Router
	queues []chan item
	seed   maphash.Seed
	// stopping ends the taking of further events from the queues; the handlers' own context ends later.
	stopping context.Context //nolint:containedctx // The crew's life is one Run, and this is its end.
	endWork  context.CancelFunc
	workers  sync.WaitGroup
	keeper   sync.WaitGroup
	stopKeep context.CancelFunc
}

// item is one event on its way through a worker.
type item struct {
	msg jetstream.Msg
	at  *jetstream.MsgMetadata
}

func newCrew(ctx context.Context, r *Router) *crew {
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	keep, stopKeep := context.WithCancel(context.WithoutCancel(ctx))
	c := &crew{
		router: r, seed: maphash.MakeSeed(), stopping: ctx, endWork: endWork, stopKeep: stopKeep,
		queues: make([]chan item, r.cfg.Workers),
	}
	for i := range c.queues {
		// As long as all that can be held, so that taking never waits for a slow worker.
		c.queues[i] = make(chan item, r.cfg.Held)
		c.workers.Go(func() { c.serve(work, c.queues[i]) })
	}
	c.keeper.Go(func() { _ = clock.Every(keep, r.cfg.AckWait/3, c.keepAlive) })
	return c
}

// take holds a message and puts it into its aggregate's queue.
func (c *crew) take(msg jetstream.Msg) {
	at, err := msg.Metadata()
	if err != nil {
		// Not from the stream: there is nothing to acknowledge.
		c.router.cfg.Log.Error("consumer got a message without metadata", "consumer", c.router.cfg.Durable, "error", err)
		return
	}
	if !c.router.held.add(at.Sequence.Stream, msg) {
		return
	}
	key := maphash.String(c.seed, headerOf(msg.Headers(), headerPartitionKey))
	c.queues[key%uint64(len(c.queues))] <- item{msg: msg, at: at}
}

// serve handles a queue's events one after the other until the router stops; what is left then goes back.
func (c *crew) serve(ctx context.Context, queue <-chan item) {
	for next := range queue {
		if c.stopping.Err() != nil {
			c.giveBack(next)
			continue
		}
		c.router.process(ctx, c.stopping, next)
		c.router.held.remove(next.at.Sequence.Stream)
	}
}

// finish waits for the workers, and ends their handlers' context after the grace.
func (c *crew) finish() {
	for _, queue := range c.queues {
		close(queue)
	}
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
		_ = msg.InProgress()
	}
}

func (c *crew) giveBack(next item) {
	_ = next.msg.Nak()
	c.router.held.remove(next.at.Sequence.Stream)
}

// headerOf reads a header written in the exact case, which is all a queue's choice needs.
func headerOf(h nats.Header, name string) string { return h.Get(name) }
