package eventbus

import (
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/meridianhq/meridian/pkg/clock"
)

// item is one event on its way through a worker.
type item struct {
	msg *nats.Msg
	at  *nats.MsgMetadata
	// aggregate is whose events keep their order; kind is with which others it is handled.
	aggregate string
	kind      kind
}

// kind says which events may be handled together: those of one type in one workspace, as their headers say. The zero
// kind is handled alone.
type kind struct{ eventType, workspace string }

// queue is what waits for a worker.
//
// The events of an aggregate stand in its lane and leave it in their order; while some are in hand nobody takes the
// next. The lanes whose first events are of one kind stand in a line. A worker takes the first event of a lane that is
// handled alone, or from all lanes of a line what stands first and is of its kind. That line then rests until the batch is
// done, and after one that was not full until pace has passed since it was taken: what comes meanwhile is the next batch.
// So an event that comes alone waits for nobody, and a crowd shares its transactions however fast these are. No lane waits
// for the pace that has events of another kind behind the first ones, for these would wait again and again. A batch that
// takes longer than patience is passed: the line goes on without it, and only the aggregates that are in it wait.
type queue struct {
	most           int // events in a batch
	pace, patience time.Duration
	after          func(d time.Duration, do func()) // does it later

	mu     sync.Mutex
	come   *sync.Cond // something is due, or the queue is closed and empty
	lanes  map[string]*lane
	lines  map[kind]*line
	due    []*line // lines that a worker may take from, each once
	closed bool
}

// lane holds the events of one aggregate that nobody has in hand. It is there as long as any waits or is in hand.
type lane struct {
	items []item
	of    *line // where it stands; nil while something of it is in hand
}

// line holds the lanes whose first event is of one kind and may be handled.
type line struct {
	kind  kind
	lanes []*lane
	due   bool // it is in queue.due
	rests bool // nothing is taken from it, for the sake of its last batch
	taken int  // batches so far
	paced bool // that batch is done, and it rests for the pace alone
	mixed bool // a lane of it has events of another kind behind the first ones
}

// batch is what a worker has in hand.
type batch struct {
	items []item
	of    *line
	turn  int // how many were taken from the line when it was
	at    time.Time
}

func newQueue(most int, pace, patience time.Duration) *queue {
	q := &queue{
		most: most, pace: pace, patience: patience, lanes: map[string]*lane{}, lines: map[kind]*line{},
		after: func(d time.Duration, do func()) { time.AfterFunc(d, do) },
	}
	q.come = sync.NewCond(&q.mu)
	return q
}

// put adds an event behind those of its aggregate.
func (q *queue) put(it item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l, there := q.lanes[it.aggregate]
	if !there {
		l = &lane{}
		q.lanes[it.aggregate] = l
	}
	l.items = append(l.items, it)
	if !there {
		q.enter(l)
	}
	if l.of != nil && it.kind != l.of.kind {
		q.hurry(l.of)
	}
}

// hurry has a line not rest for the pace.
func (q *queue) hurry(l *line) {
	l.mixed = true
	if l.paced {
		l.rests, l.paced = false, false
		q.settle(l)
	}
}

// take waits for events to handle, in the order of the stream. None means that the queue was closed and is empty.
// done must be called with them.
func (q *queue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.due) == 0 {
		if q.closed && len(q.lanes) == 0 {
			return batch{}
		}
		q.come.Wait()
	}
	l := q.due[0]
	q.due = q.due[1:]
	l.due = false
	l.taken++
	b := batch{of: l, turn: l.taken, at: clock.Machine().Now()}
	most := q.most
	if l.kind == (kind{}) {
		most = 1
	} else {
		l.rests, l.paced, l.mixed = true, false, false
		q.later(q.patience, b)
	}
	for len(l.lanes) > 0 && len(b.items) < most {
		first := l.lanes[0]
		l.lanes, first.of = l.lanes[1:], nil
		for len(first.items) > 0 && first.items[0].kind == l.kind && len(b.items) < most {
			b.items = append(b.items, first.items[0])
			first.items = first.items[1:]
		}
	}
	q.settle(l)
	slices.SortFunc(b.items, func(a, b item) int { return int(a.at.Sequence.Stream) - int(b.at.Sequence.Stream) })
	return b
}

// later ends the rest of the batch's line then.
func (q *queue) later(d time.Duration, b batch) {
	q.after(d, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.endRest(b)
	})
}

// endRest has a line taken from again, if it is for this batch's sake that it rests.
func (q *queue) endRest(b batch) {
	if b.of.rests && b.of.taken == b.turn {
		b.of.rests, b.of.paced = false, false
		q.settle(b.of)
	}
}

// done ends the handling of what take gave. Where it is to be handled again, each event alone, it returns to the head
// of its lane.
func (q *queue) done(b batch, again bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.rest(b, again)
	inHand := map[string][]item{}
	for _, it := range b.items {
		handled := it
		if it.kind = (kind{}); again {
			inHand[handled.aggregate] = append(inHand[handled.aggregate], it)
		} else {
			inHand[handled.aggregate] = nil
		}
	}
	for aggregate, back := range inHand {
		l := q.lanes[aggregate]
		l.items = append(back, l.items...)
		if len(l.items) == 0 {
			delete(q.lanes, aggregate)
			continue
		}
		q.enter(l)
	}
	if q.closed && len(q.lanes) == 0 {
		q.come.Broadcast()
	}
}

// rest has the line of a batch that is done rest for the pace, where it should.
func (q *queue) rest(b batch, again bool) {
	if !b.of.rests || b.of.taken != b.turn {
		return
	}
	left := q.pace - clock.Machine().Now().Sub(b.at)
	if left <= 0 || len(b.items) >= q.most || again || q.closed || b.of.mixed {
		q.endRest(b)
		return
	}
	b.of.paced = true
	q.later(left, b)
}

// close says that nothing more is put. What waits is still given out.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.come.Broadcast()
}

// enter puts a lane, of which nothing is in hand, into the line of its first event.
func (q *queue) enter(l *lane) {
	k := l.items[0].kind
	of, there := q.lines[k]
	if !there {
		of = &line{kind: k}
		q.lines[k] = of
	}
	of.lanes, l.of = append(of.lanes, l), of
	if slices.ContainsFunc(l.items, func(it item) bool { return it.kind != k }) {
		q.hurry(of)
	}
	q.settle(of)
}

// settle has a line taken from where it can be, and forgets it where nothing is left of it.
func (q *queue) settle(l *line) {
	switch {
	case l.rests || l.due:
	case len(l.lanes) == 0:
		delete(q.lines, l.kind)
	default:
		l.due = true
		q.due = append(q.due, l)
		q.come.Signal()
	}
}
