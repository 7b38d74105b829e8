package live

import (
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/revocation"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const (
	// recentEvents and recentBytes are how much of a workspace's newest events is kept for those who catch up, so
	// that they can join while events keep coming. It must fit into a queue.
	recentEvents = 512
	recentBytes  = 4 << 20
	// topicCatchUps is how many watchers of one workspace may read the past at the same time.
	topicCatchUps = 8
)

// topic is one workspace with watchers: its rights, its newest events and those who watch.
type topic struct {
	workspace uuid.UUID
	rights    *rights
	loaded    chan struct{}
	failure   error // of loading; read after loaded
	refs      int   // guarded by the life's mutex
	catchUps  chan struct{}

	mu sync.Mutex
	// recent are all the workspace's events after floor, oldest first.
	recent   []*event
	bytes    int
	floor    uint64
	watchers map[*watcher]bool // whether it gets events live
	asked    map[question]time.Time
}

// question is what the directory was asked: a member's right on a space.
type question struct{ member, space string }

func newTopic(workspace uuid.UUID, floor uint64) *topic {
	return &topic{
		workspace: workspace, rights: newRights(), loaded: make(chan struct{}), floor: floor,
		catchUps: make(chan struct{}, topicCatchUps),
		watchers: make(map[*watcher]bool), asked: make(map[question]time.Time),
	}
}

// publish takes the next event: first into the rights, then to those who watch.
func (t *topic) publish(e *event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rights.applyEvent(e.payload)
	t.keep(e)
	for w, live := range t.watchers {
		if live && !w.queue.put(e) {
			t.watchers[w] = false
			w.end(tooSlow())
		}
	}
	t.revoke(e)
}

// keep adds the event to the newest ones and drops the oldest beyond the bounds.
func (t *topic) keep(e *event) {
	t.recent = append(t.recent, e)
	t.bytes += e.size
	drop := 0
	for len(t.recent)-drop > recentEvents || (t.bytes > recentBytes && drop < len(t.recent)) {
		t.bytes -= t.recent[drop].size
		t.floor = t.recent[drop].sequence
		drop++
	}
	t.recent = slices.Delete(t.recent, 0, drop)
}

// revoke ends the streams whose token the event takes away.
func (t *topic) revoke(e *event) {
	var gone func(w *watcher) bool
	if event, ok := e.payload.(*directoryv1.TokenRevoked); ok {
		gone = func(w *watcher) bool { return w.session.String() == event.GetApiToken().GetUid() }
	} else if m := revocation.Member(e.payload); m != nil {
		// An API token is good in the new role as well; an access token was made for the old one.
		active := m.GetState() == directoryv1.Member_ACTIVE
		gone = func(w *watcher) bool { return w.member == m.GetName() && (!active || !w.renewable) }
	} else {
		return
	}
	for w := range t.watchers {
		if gone(w) {
			t.watchers[w] = false
			w.end(fault.New(fault.Unauthenticated, fault.ReasonTokenRevoked, "the token was revoked"))
		}
	}
}

// add makes the watcher known, so that a revocation finds it. It gets no events yet.
func (t *topic) add(w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watchers[w] = false
}

func (t *topic) remove(w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.watchers, w)
}

// join lets a watcher that has had everything up to a position go on live, in the same instant. It returns false
// where events after the position are no longer at hand.
func (t *topic) join(w *watcher, position uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if position < t.floor {
		return false
	}
	for _, e := range t.recent {
		if e.sequence > position && !w.queue.put(e) {
			w.queue.take()
			return false
		}
	}
	t.watchers[w] = true
	w.queue.wake()
	return true
}

// endAll ends every stream of the workspace.
func (t *topic) endAll(reason *fault.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for w := range t.watchers {
		t.watchers[w] = false
		w.end(reason)
	}
}

// asking notes that a question is asked now, or returns false where it was a moment ago.
func (t *topic) asking(q question, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.asked[q]; ok && now.Sub(last) < askPause {
		return false
	}
	if len(t.asked) >= maxAsked {
		clear(t.asked)
	}
	t.asked[q] = now
	return true
}

// unasked takes a question back that got no answer.
func (t *topic) unasked(q question) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.asked, q)
}
