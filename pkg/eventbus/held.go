package eventbus

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// held is what a replica has taken from the broker and not finished, bounded, by stream sequence. An event the
// broker gives a second time while it is held is recognised here.
type held struct {
	limit int

	mu    sync.Mutex
	msgs  map[uint64]*nats.Msg
	freed chan struct{}
}

func newHeld(limit int) *held {
	return &held{limit: limit, msgs: map[uint64]*nats.Msg{}, freed: make(chan struct{}, 1)}
}

// room waits until a quarter is free and says how much is: asking for single events would cost a round trip each.
func (h *held) room(ctx context.Context) (int, error) {
	least := max(h.limit/4, 1)
	for {
		if free := h.limit - h.size(); free >= least {
			return free, nil
		}
		select {
		case <-h.freed:
		case <-ctx.Done():
			return 0, fmt.Errorf("eventbus: stopped: %w", ctx.Err())
		}
	}
}

// add keeps a message, or says that it is held already.
func (h *held) add(sequence uint64, msg *nats.Msg) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, twice := h.msgs[sequence]; twice {
		return false
	}
	h.msgs[sequence] = msg
	return true
}

// remove lets go of what is finished or given back. What came again since then stays.
func (h *held) remove(finished []item) {
	h.mu.Lock()
	for _, it := range finished {
		if h.msgs[it.at.Sequence.Stream] == it.msg {
			delete(h.msgs, it.at.Sequence.Stream)
		}
	}
	h.mu.Unlock()
	select {
	case h.freed <- struct{}{}:
	default:
	}
}

func (h *held) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.msgs)
}

func (h *held) all() []*nats.Msg {
	h.mu.Lock()
	defer h.mu.Unlock()
	msgs := make([]*nats.Msg, 0, len(h.msgs))
	for _, msg := range h.msgs {
		msgs = append(msgs, msg)
	}
	return msgs
}

// gate is shut while any worker waits for a dependency that is down.
type gate struct {
	mu     sync.Mutex
	down   int
	opened chan struct{}
}

func newGate() *gate { return &gate{opened: make(chan struct{})} }

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down++
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down--
	if g.down == 0 {
		close(g.opened)
		g.opened = make(chan struct{})
	}
}

// wait returns when the gate is open.
func (g *gate) wait(ctx context.Context) error {
	for {
		g.mu.Lock()
		down, opened := g.down, g.opened
		g.mu.Unlock()
		if down == 0 {
			return nil
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return fmt.Errorf("eventbus: stopped: %w", ctx.Err())
		}
	}
}
