package live

import "sync"

const (
	// queueEvents and queueBytes are how much may wait for one watcher.
	queueEvents = 1024
	queueBytes  = 8 << 20
)

// queue holds the events that wait for one watcher. Putting never blocks.
type queue struct {
	ready chan struct{}

	mu     sync.Mutex
	events []*event
	bytes  int
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// put appends an event, or returns false where there is no room.
func (q *queue) put(e *event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) >= queueEvents || (q.bytes+e.size > queueBytes && len(q.events) > 0) {
		return false
	}
	q.events = append(q.events, e)
	q.bytes += e.size
	q.wake()
	return true
}

// take returns all that waits.
func (q *queue) take() []*event {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := q.events
	q.events, q.bytes = nil, 0
	return events
}

// wake makes the watcher look.
func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
