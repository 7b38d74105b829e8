package live

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/revocation"
)

// errReplaced ends a life: the stream is another one, or was put back to an earlier state.
var errReplaced = errors.New("the stream was replaced or put back")

// loadTimeout bounds loading the rights of one workspace.
const loadTimeout = 15 * time.Second

// life is the following of one stream, from when it was found to when it is replaced.
type life struct {
	created   time.Time
	reader    reader
	directory Directory
	revokes   func(subject string) bool
	revoked   *auth.Revocations
	log       *slog.Logger

	// position is the sequence up to which everything has been dealt out.
	position atomic.Uint64

	mu     sync.Mutex
	topics map[uuid.UUID]*topic
	over   *fault.Error
}

// follow deals out the stream until the context ends or the stream is replaced.
func (l *life) follow(ctx context.Context) error {
	return l.reader.follow(ctx, reading{
		subjects: []string{"evt.>", "own.>"},
		after:    l.position.Load(),
		opened:   func(uint64) error { return l.sameStream(ctx) },
		handle:   func(msg jetstream.Msg, at *jetstream.MsgMetadata) error { return l.deal(ctx, msg, at) },
	}, func(err error) {
		l.log.WarnContext(ctx, "live events: reading again", slog.Any("error", err))
	})
}

// sameStream makes sure that what was dealt out is still the beginning of the stream. Asked once a consumer stands: asked
// before, it could be made on a stream that was replaced in between, and nothing would ever tell.
func (l *life) sameStream(ctx context.Context) error {
	state, err := l.reader.state(ctx)
	switch {
	case err != nil:
		return errors.Join(errBroken, err)
	case !state.created.Equal(l.created) || state.last < l.position.Load():
		return errReplaced
	default:
		return nil
	}
}

// deal gives one message to the workspace's topic. Only one goroutine deals.
func (l *life) deal(ctx context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata) error {
	sequence := at.Sequence.Stream
	var e *event
	if l.revokes(msg.Subject()) {
		if e = l.decoded(ctx, msg, sequence); e != nil {
			l.revoke(ctx, e, at.Timestamp)
		}
	}
	l.mu.Lock()
	t := l.topics[workspaceOf(msg.Subject())]
	if t == nil {
		// Under the lock: a topic made after this begins behind this message.
		l.position.Store(sequence)
	}
	l.mu.Unlock()
	if t == nil {
		return nil
	}
	if e == nil {
		e = l.decoded(ctx, msg, sequence)
	}
	if e != nil {
		t.publish(e)
	}
	l.position.Store(sequence)
	return nil
}

// revoke tells the verifier which tokens are no longer good. The platform's own feed does too, but without this one a
// stream could begin behind a revocation that is not known yet.
func (l *life) revoke(ctx context.Context, e *event, at time.Time) {
	if err := revocation.Apply(l.revoked, e.payload, at); err != nil {
		l.log.ErrorContext(ctx, "live events: a revocation cannot be read", slog.Uint64("sequence", e.sequence),
			slog.Any("error", err))
	}
}

// decoded reads a message, or logs why it cannot be: a message that breaks the contract is nobody's event.
func (l *life) decoded(ctx context.Context, msg jetstream.Msg, sequence uint64) *event {
	e, err := decode(msg, sequence)
	if err != nil {
		l.log.ErrorContext(ctx, "live events: a message was left out", slog.Uint64("sequence", sequence),
			slog.String("subject", msg.Subject()), slog.Any("error", err))
		return nil
	}
	return e
}

// workspaceOf is the second token of a subject; zero where it is no UUID.
func workspaceOf(subject string) uuid.UUID {
	_, rest, _ := strings.Cut(subject, ".")
	token, _, _ := strings.Cut(rest, ".")
	id, err := uuid.Parse(token)
	if err != nil {
		return uuid.UUID{}
	}
	return id
}

// enter returns the workspace's topic with its rights loaded. Each enter takes one leave.
func (l *life) enter(ctx context.Context, workspace uuid.UUID) (*topic, error) {
	l.mu.Lock()
	if l.over != nil {
		l.mu.Unlock()
		return nil, l.over
	}
	t := l.topics[workspace]
	if t == nil {
		t = newTopic(workspace, l.position.Load())
		l.topics[workspace] = t
		go l.load(context.WithoutCancel(ctx), t)
	}
	t.refs++
	l.mu.Unlock()
	select {
	case <-t.loaded:
	case <-ctx.Done():
		l.leave(t)
		return nil, closed("the client went away")
	}
	if t.failure != nil {
		l.leave(t)
		return nil, t.failure
	}
	return t, nil
}

// load fills the topic's rights. The topic takes the stream's events meanwhile; both go by version.
func (l *life) load(ctx context.Context, t *topic) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	err := l.directory.Snapshot(ctx, "workspaces/"+t.workspace.String(), t.rights.applyRows)
	if err != nil {
		l.log.ErrorContext(ctx, "live events: the rights of a workspace could not be loaded", slog.Any("error", err))
		t.failure = closed("the directory could not be asked who may read what").Wrap(err)
		l.forget(t)
	}
	close(t.loaded)
}

// leave gives the topic back; the last one takes it away.
func (l *life) leave(t *topic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.refs--; t.refs == 0 && l.topics[t.workspace] == t {
		delete(l.topics, t.workspace)
	}
}

func (l *life) forget(t *topic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics[t.workspace] == t {
		delete(l.topics, t.workspace)
	}
}

// finish ends every stream, and every one that would still begin.
func (l *life) finish(reason *fault.Error) {
	l.mu.Lock()
	l.over = reason
	topics := make([]*topic, 0, len(l.topics))
	for _, t := range l.topics {
		topics = append(topics, t)
	}
	l.mu.Unlock()
	for _, t := range topics {
		t.endAll(reason)
	}
}

// ended is why the life is over, nil while it goes on.
func (l *life) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil {
		return nil
	}
	return l.over
}
