// Package revocation feeds auth.Revocations from the event stream: tokens that were revoked, members who were
// deactivated or given another role.
//
// Every replica of every service reads the news by itself, from eleven minutes back, which is longer than any access
// token lives: so a restart forgets nothing, and news that comes twice changes nothing. While the broker is away the
// feed tries again; what was revoked meanwhile is refused, at the latest, when the access token's ten minutes are
// over.
package revocation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// Config is what a feed needs. Every field is required.
type Config struct {
	// JS is the broker.
	JS jetstream.JetStream
	// Revocations is what is fed.
	Revocations *auth.Revocations
	// Log receives outages and what cannot be read.
	Log *slog.Logger
	// Machine is the machine's clock.
	Machine clock.Clock
}

const (
	// createTimeout bounds the making of a consumer.
	createTimeout = 5 * time.Second
	// nextWait bounds the wait for one event, after which the broker is asked whether it is still there.
	nextWait = 5 * time.Second
	// pullExpiry is how long one request for events stands; a quarter of it without a sign of the broker breaks it.
	pullExpiry = 10 * time.Second
	// settlePatience is how long a start waits for the feed.
	settlePatience = 2 * time.Second
	// retryMin and retryMax bound the wait between attempts while the broker is away.
	retryMin = 50 * time.Millisecond
	retryMax = 2 * time.Second
)

// Feed reads the news. It may be run once.
type Feed struct {
	cfg    Config
	caught chan struct{}
	once   sync.Once
}

// New makes a feed. Nothing runs before Run.
func New(cfg Config) *Feed {
	return &Feed{cfg: cfg, caught: make(chan struct{})}
}

// Settle waits until the feed has caught up, but for two seconds at most: a broker that is away must not keep a
// service from serving. It is what a service waits for before it takes calls, so that a restart forgets nothing. It
// returns ctx's error when ctx ends first.
func (f *Feed) Settle(ctx context.Context) error {
	patience := time.NewTimer(settlePatience)
	defer patience.Stop()
	select {
	case <-f.caught:
		return nil
	case <-patience.C:
		f.cfg.Log.WarnContext(ctx, "revocations are not known yet: the event stream cannot be read")
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run feeds until ctx ends, over whatever outages of the broker, and returns nil.
func (f *Feed) Run(ctx context.Context) error {
	var failures int
	for ctx.Err() == nil {
		began, err := f.read(ctx)
		if err == nil { // ctx has ended
			continue
		}
		if began {
			failures = 0
		}
		f.cfg.Log.WarnContext(ctx, "revocations cannot be read", "failures", failures+1, "error", err)
		_ = clock.Sleep(ctx, min(retryMin<<min(failures, 10), retryMax)) // ctx is looked at above
		failures++
	}
	return nil
}

// read makes a consumer and reads from it until something breaks; began says that it read at all.
func (f *Feed) read(ctx context.Context) (began bool, err error) {
	messages, pending, err := f.subscribe(ctx)
	if err != nil {
		return false, err
	}
	defer messages.Stop()
	if pending == 0 {
		f.once.Do(func() { close(f.caught) })
	}
	for {
		next, cancel := context.WithTimeout(ctx, nextWait)
		msg, err := messages.Next(jetstream.NextContext(next))
		cancel()
		switch {
		case ctx.Err() != nil:
			return true, nil
		case errors.Is(err, context.DeadlineExceeded):
			continue
		case err != nil:
			return true, fmt.Errorf("revocation: read: %w", err)
		}
		at, err := msg.Metadata()
		if err != nil {
			return true, fmt.Errorf("revocation: read: %w", err)
		}
		if err := f.take(msg, at.Timestamp); err != nil {
			f.cfg.Log.ErrorContext(ctx, "revocation: an event cannot be read", "subject", msg.Subject(),
				"sequence", at.Sequence.Stream, "error", err)
		}
		if at.NumPending == 0 {
			f.once.Do(func() { close(f.caught) })
		}
	}
}

// subscribe makes an ordered consumer of this process alone, which the broker forgets by itself.
func (f *Feed) subscribe(ctx context.Context) (messages jetstream.MessagesContext, pending uint64, err error) {
	subjects, err := Filters()
	if err != nil {
		return nil, 0, err
	}
	from := f.cfg.Machine.Now().Add(-auth.RevocationLife)
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	consumer, err := f.cfg.JS.OrderedConsumer(ctx, eventbus.Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from,
		// The library's own retries hold the consumer for up to ten seconds and cannot be interrupted; ours can.
		MaxResetAttempts: 1,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("revocation: make a consumer: %w", err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("revocation: read the consumer: %w", err)
	}
	if messages, err = consumer.Messages(jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullExpiry/4)); err != nil {
		return nil, 0, fmt.Errorf("revocation: read: %w", err)
	}
	return messages, info.NumPending + info.Delivered.Consumer, nil
}

// Filters are the subjects of the events that Apply knows, in every workspace.
func Filters() ([]string, error) {
	var subjects []string
	for _, event := range []proto.Message{
		&directoryv1.TokenRevoked{}, &directoryv1.MemberUpdated{}, &directoryv1.MemberDeactivated{},
	} {
		name := string(event.ProtoReflect().Descriptor().FullName())
		d, ok := eventbus.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("revocation: %s is no event", name)
		}
		subjects = append(subjects, d.Filter())
	}
	return subjects, nil
}

var memberName = resname.MustPattern("workspaces/{workspace}/members/{member}")

// take remembers what an event revokes. at is when the broker took it, by the machine's clock, which is not before
// the revocation.
func (f *Feed) take(msg jetstream.Msg, at time.Time) error {
	_, payload, err := eventbus.Decode(msg.Headers(), msg.Subject(), msg.Data())
	if err != nil {
		return err
	}
	return Apply(f.cfg.Revocations, payload, at)
}

// Apply remembers what an event revokes, as of at; most revoke nothing. It may be told the same twice, and fails for
// an event whose names cannot be read.
func Apply(revocations *auth.Revocations, event proto.Message, at time.Time) error {
	if revoked, ok := event.(*directoryv1.TokenRevoked); ok {
		session, err := uuid.Parse(revoked.GetApiToken().GetUid())
		if err != nil {
			return fault.InvalidField("api_token.uid", "must be a UUID")
		}
		revocations.RevokeSession(session, at)
		return nil
	}
	m := Member(event)
	if m == nil {
		return nil
	}
	ids, err := memberName.ParseUUIDs("member.name", m.GetName())
	if err != nil {
		return err
	}
	revocations.RevokeMember(ids[0], ids[1], m.GetVersion(), at)
	return nil
}

// Member returns the member whose earlier access tokens an event revokes, nil for nobody's: another role or state
// takes them away.
func Member(event proto.Message) *directoryv1.Member {
	switch event := event.(type) {
	case *directoryv1.MemberDeactivated:
		return event.GetMember()
	case *directoryv1.MemberUpdated:
		changed := event.GetChangedFields().GetPaths()
		if slices.Contains(changed, "role") || slices.Contains(changed, "state") {
			return event.GetMember()
		}
	}
	return nil
}
