package live

import (
	"context"
	"time"

	"github.com/meridianhq/meridian/pkg/fault"
)

const (
	// renewBefore is how long before its end a session is renewed.
	renewBefore = 30 * time.Second
	// renewRetry is the pause between attempts while the directory is away.
	renewRetry = 5 * time.Second
	// askTimeout bounds one question to the directory.
	askTimeout = 2 * time.Second
	// askPause is how long an answer about a member and a space is not asked for again.
	askPause = time.Second
	// maxAsked is how many questions of one workspace are remembered.
	maxAsked = 16 << 10
)

// renew signs in anew. A session that cannot be renewed, because its access token was presented itself, is only
// looked at: it ends with the token.
func (w *watcher) renew(ctx context.Context) error {
	fresh, err := w.hub.cfg.Sessions.Renew(ctx, w.signedIn)
	now := w.hub.cfg.Machine.Now()
	switch {
	case err == nil && now.Before(fresh.Caller.Expires):
		w.signedIn = fresh
		return nil
	case err == nil:
		return fault.New(fault.Unauthenticated, fault.ReasonTokenExpired, "the token has expired")
	case fault.Is(err, fault.Unauthenticated), !now.Before(w.signedIn.Caller.Expires):
		return fault.From(err)
	default:
		return nil // the directory is away and the token still good: tried again
	}
}

// untilRenewal is how long the session needs no look.
func (w *watcher) untilRenewal() time.Duration {
	left := w.signedIn.Caller.Expires.Sub(w.hub.cfg.Machine.Now())
	switch {
	case !w.renewable || left <= 0:
		return left
	case left <= renewBefore:
		return min(renewRetry, left)
	default:
		return left - renewBefore
	}
}

// ask gets the directory's word on the member and a space into the rights. It does not ask, and returns false, when
// the same was asked a moment ago, or when too much is asked about spaces that are known.
func (w *watcher) ask(ctx context.Context, space string) (bool, error) {
	now := w.hub.cfg.Machine.Now()
	q := question{w.member, space}
	if !w.topic.asking(q, now) {
		return false, nil
	}
	if !w.hub.asks.AllowN(now, 1) && w.topic.rights.knows(space) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	rows, err := w.hub.cfg.Directory.Resolve(ctx, "workspaces/"+w.filter.workspace.String(), w.member, space)
	if err != nil {
		w.topic.unasked(q)
		return false, err
	}
	w.topic.rights.applyRows(rows)
	return true, nil
}

// end tells the watcher to end its stream, for the first reason given.
func (w *watcher) end(reason *fault.Error) {
	w.mu.Lock()
	if w.reason == nil {
		w.reason = reason
	}
	w.mu.Unlock()
	w.queue.take()
	w.cancel()
}

// because is why the stream ended: what end was told, which shows as all kinds of errors where the stream was.
func (w *watcher) because(err error) error {
	if reason := w.ended(); reason != nil {
		return reason
	}
	return err
}

func (w *watcher) ended() *fault.Error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reason
}

// heartbeat shows the client that the stream is alive and how far it is.
func (w *watcher) heartbeat(ctx context.Context) error {
	w.lastSent = w.hub.cfg.Machine.Now()
	return w.send(ctx, update{token: w.at(w.place)})
}

// beat sends a heartbeat when nothing was sent for long enough.
func (w *watcher) beat(ctx context.Context) error {
	if w.untilBeat() > 0 {
		return nil
	}
	return w.heartbeat(ctx)
}

func (w *watcher) untilBeat() time.Duration {
	return w.hub.cfg.Heartbeat - w.hub.cfg.Machine.Now().Sub(w.lastSent)
}

// at is the token to go on behind a sequence.
func (w *watcher) at(sequence uint64) string {
	return w.hub.signer.sign(place{sequence: sequence, created: w.life.created, filter: w.hash})
}

// withToken adds to what ended the stream where to go on.
func (w *watcher) withToken(err error) error {
	if !w.since.IsZero() { // nothing was read yet: the same call again is as good
		return err
	}
	return fault.From(err).With("resume_token", w.at(w.place))
}
