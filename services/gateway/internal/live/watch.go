package live

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// update is an event, or a sign of life where there is none, with the token to go on behind it.
type update struct {
	event *event
	token string
}

// watcher is one stream to one client.
type watcher struct {
	hub       *Hub
	life      *life
	topic     *topic
	filter    filter
	hash      [filterSize]byte
	sender    *sender
	member    string
	session   uuid.UUID
	renewable bool
	queue     *queue

	// Only the watcher's own goroutine uses these.
	signedIn edge.Session
	place    uint64
	since    time.Time
	lastSent time.Time
	readable map[string]judgement

	cancel context.CancelFunc

	mu     sync.Mutex
	reason *fault.Error
}

// judgement is what was worked out about a space, good until the rights change.
type judgement struct {
	at    uint64
	reads bool
}

// watch streams to send what the session may have of the events that the request asks for, until the context or
// the stream ends. send is called from one goroutine, which is not the caller's, and may block as long as the client
// does not read: then the stream ends after SendTimeout, and within sendGrace for what else ends it, while the call of
// send is still under way. The caller must see to it that this call then returns. The error is never nil; from the first
// update on it carries the token to go on from as `resume_token`.
func (h *Hub) watch(ctx context.Context, session edge.Session, request *gatewayv1.WatchEventsRequest, send func(update) error) error {
	w, from, err := h.newWatcher(session, request)
	if err != nil {
		return err
	}
	ctx, w.cancel = context.WithCancel(ctx)
	defer w.cancel()
	if err := h.streams.acquire(w.member); err != nil {
		return err
	}
	defer h.streams.release(w.member)
	if w.life, err = h.current(ctx); err != nil {
		return err
	}
	if w.topic, err = w.life.enter(ctx, w.filter.workspace); err != nil {
		return err
	}
	defer w.life.leave(w.topic)
	w.sender = newSender(send)
	defer w.sender.close()
	w.topic.add(w)
	defer w.topic.remove(w)
	if over := w.life.ended(); over != nil {
		return over // it ended the watchers that were there before this one
	}
	if err := w.begin(ctx, from); err != nil {
		return w.because(err)
	}
	return w.withToken(w.because(w.run(ctx)))
}

// newWatcher checks what needs no broker: the request against the caller, and the token's signature and filter.
func (h *Hub) newWatcher(session edge.Session, request *gatewayv1.WatchEventsRequest) (*watcher, *place, error) {
	f, err := authorize(session.Caller, request)
	if err != nil {
		return nil, nil, err
	}
	w := &watcher{
		hub: h, filter: f, hash: f.hash(), queue: newQueue(),
		member: session.Caller.Principal(), session: session.Caller.Session, renewable: session.Renewable(),
		signedIn: session, readable: make(map[string]judgement),
	}
	if request.GetResumeToken() == "" {
		if request.GetSince() != nil {
			w.since = request.GetSince().AsTime()
		}
		return w, nil, nil
	}
	from, err := h.signer.read(request.GetResumeToken())
	if err == nil && from.filter != w.hash {
		err = invalidToken("must be used with the arguments that it was given for")
	}
	return w, &from, err
}

// begin settles where to begin, and asks about the session once more, now that a revocation cannot pass unseen.
func (w *watcher) begin(ctx context.Context, from *place) error {
	w.place = w.life.position.Load()
	if from != nil {
		if err := w.resume(ctx, *from); err != nil {
			return err
		}
	}
	if err := w.renew(ctx); err != nil {
		return err
	}
	if w.topic.rights.active(w.member) {
		return nil
	}
	if _, err := w.ask(ctx, ""); err != nil {
		return closed("the directory could not be asked about the member").Wrap(err)
	}
	if !w.topic.rights.active(w.member) {
		return fault.New(fault.Unauthenticated, fault.ReasonTokenRevoked, "the member is not active")
	}
	return nil
}

// resume checks a token against the stream as it is.
func (w *watcher) resume(ctx context.Context, from place) error {
	state, err := w.hub.reader.state(ctx)
	switch {
	case err != nil:
		return closed("the stream of events cannot be reached at the moment").Wrap(err)
	case !state.created.Equal(w.life.created):
		return closed("the stream of events was replaced a moment ago")
	case !from.created.Equal(state.created), from.sequence+1 < state.first:
		earliest := place{created: state.created, filter: w.hash}
		if state.first > 0 {
			earliest.sequence = state.first - 1
		}
		return fault.New(fault.OutOfRange, fault.ReasonResumeTokenTooOld,
			"resume_token: events since then are no longer kept").
			WithField("resume_token", "must be a token from within the time that events are kept").
			With("earliest_resume_token", w.hub.signer.sign(earliest))
	case from.sequence > state.last:
		return invalidToken("must not lie beyond the end of the stream")
	}
	w.place = from.sequence
	return nil
}

// run delivers: first the past, then live.
func (w *watcher) run(ctx context.Context) error {
	w.lastSent = w.hub.cfg.Machine.Now()
	placed := w.since.IsZero() // else there is no place to go on from before the past was read
	if placed {
		if err := w.heartbeat(ctx); err != nil {
			return err
		}
	}
	if err := w.catchUp(ctx); err != nil {
		return err
	}
	if !placed {
		if err := w.heartbeat(ctx); err != nil {
			return err
		}
	}
	beat, expiry := time.NewTimer(w.untilBeat()), time.NewTimer(w.untilRenewal())
	defer beat.Stop()
	defer expiry.Stop()
	for {
		if err := w.drain(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return closed("the stream ended here; go on from the token")
		case <-w.queue.ready:
		case <-beat.C:
			if err := w.beat(ctx); err != nil {
				return err
			}
			beat.Reset(w.untilBeat())
		case <-expiry.C:
			if err := w.renew(ctx); err != nil {
				return err
			}
			expiry.Reset(w.untilRenewal())
		}
	}
}

// drain delivers all that waits. Everything up to the position read beforehand is in the queue by then, so the
// place moves there also when nothing was for this watcher.
func (w *watcher) drain(ctx context.Context) error {
	reached := w.life.position.Load()
	for _, e := range w.queue.take() {
		if err := w.deliver(ctx, e); err != nil {
			return err
		}
	}
	if reason := w.ended(); reason != nil {
		return reason
	}
	w.place = max(w.place, reached)
	return nil
}

// deliver sends the event if it was asked for and may be read now.
func (w *watcher) deliver(ctx context.Context, e *event) error {
	if reason := w.ended(); reason != nil {
		return reason
	}
	if e.sequence <= w.place {
		return nil // had before the stream was resumed
	}
	if w.filter.matches(e.meta) {
		may, err := w.may(ctx, e.meta)
		if err != nil {
			return err
		}
		if may {
			if err := w.send(ctx, update{event: e, token: w.at(e.sequence)}); err != nil {
				return err
			}
			w.lastSent = w.hub.cfg.Machine.Now()
		}
	}
	w.place = e.sequence
	return nil
}

// may says whether the member may have the event. What the rights at hand refuse is asked of the directory before
// it is left out, because its own events may be on their way yet.
func (w *watcher) may(ctx context.Context, meta eventbus.Meta) (bool, error) {
	if meta.Audience != eventbus.AudienceSpace {
		return w.topic.rights.receives(w.member, meta), nil
	}
	if w.reads(meta.Space) {
		return true, nil
	}
	answered, err := w.ask(ctx, meta.Space)
	if err != nil && !w.topic.rights.knows(meta.Space) {
		return false, closed("the directory could not be asked about a new space; go on from the token").Wrap(err)
	}
	return answered && w.reads(meta.Space), nil
}

// reads says whether the member may read the space by the rights at hand, and remembers it until they change.
func (w *watcher) reads(space string) bool {
	version := w.topic.rights.version()
	known, ok := w.readable[space]
	if !ok || known.at != version {
		known = judgement{at: version, reads: w.topic.rights.reads(w.member, space)}
		w.readable[space] = known
	}
	return known.reads
}
