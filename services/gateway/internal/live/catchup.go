package live

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// catchUp reads the past up to where the live events begin, and joins them there. As long as too much comes
// meanwhile it reads on.
func (w *watcher) catchUp(ctx context.Context) error {
	if w.since.IsZero() && w.topic.join(w, w.place) {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	// The workspace's share first: who waits for it keeps nobody else from the process's.
	if err := take(waiting, w.topic.catchUps); err != nil {
		return err
	}
	defer func() { <-w.topic.catchUps }()
	if err := take(waiting, w.hub.catchUps); err != nil {
		return err
	}
	defer func() { <-w.hub.catchUps }()
	for {
		if err := w.readTo(ctx, w.life.position.Load()); err != nil {
			return err
		}
		if w.topic.join(w, w.place) {
			return nil
		}
	}
}

// take takes one of the places for reading the past.
func take(ctx context.Context, places chan<- struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return closed("too many streams read the past at the moment")
	}
}

// readTo delivers what the broker keeps of the workspace up to a position that has been dealt out live: not beyond,
// for a right that was taken away there is not known yet.
func (w *watcher) readTo(ctx context.Context, target uint64) error {
	if w.since.IsZero() && w.place >= target {
		return nil
	}
	past := reading{subjects: w.filter.subjects(), after: w.place, since: w.since}
	past.opened = func(pending uint64) error {
		if pending == 0 {
			return errDone
		}
		return nil
	}
	past.handle = func(msg jetstream.Msg, at *jetstream.MsgMetadata) error {
		if at.Sequence.Stream > target {
			return errDone
		}
		if !w.since.IsZero() {
			w.place, w.since = at.Sequence.Stream-1, time.Time{}
		}
		if e := w.life.decoded(ctx, msg, at.Sequence.Stream); e != nil {
			if err := w.pastEvent(ctx, e); err != nil {
				return err
			}
		}
		if at.NumPending == 0 {
			return errDone
		}
		return nil
	}
	err := w.hub.reader.read(ctx, past)
	switch {
	case errors.Is(err, errDone):
		if !w.since.IsZero() { // nothing since then
			w.place, w.since = target, time.Time{}
		}
		w.place = max(w.place, target)
		return nil
	case errors.Is(err, errBroken):
		return closed("the stream of events cannot be reached at the moment; go on from the token").Wrap(err)
	default:
		return err
	}
}

// pastEvent delivers one event of the past, with the care that run takes of live ones.
func (w *watcher) pastEvent(ctx context.Context, e *event) error {
	if w.untilRenewal() <= 0 {
		if err := w.renew(ctx); err != nil {
			return err
		}
	}
	if err := w.deliver(ctx, e); err != nil {
		return err
	}
	return w.beat(ctx)
}
