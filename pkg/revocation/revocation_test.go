package revocation_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/revocation"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

type bundle struct {
	broker *natstest.Server
	js     jetstream.JetStream
	caller auth.Caller
}

func setup(t *testing.T) *bundle {
	t.Helper()
	broker := natstest.New(t)
	return &bundle{
		broker: broker, js: broker.JS(t),
		caller: auth.Caller{Workspace: uuid.New(), Member: uuid.New(), Session: uuid.New(), MemberVersion: 3},
	}
}

// feed runs a feed as one replica has it, until the test ends, and waits until it has caught up.
func (b *bundle) feed(t *testing.T) *auth.Revocations {
	t.Helper()
	revocations := auth.NewRevocations(clock.Machine())
	feed := revocation.New(revocation.Config{
		JS: b.broker.JS(t), Revocations: revocations, Log: slog.New(slog.DiscardHandler), Machine: clock.Machine(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- feed.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	require.NoError(t, feed.Settle(t.Context()))
	return revocations
}

func (b *bundle) member(version int64) *directoryv1.Member {
	return &directoryv1.Member{Name: b.caller.Principal(), Version: version}
}

func (b *bundle) token() *directoryv1.ApiToken {
	session := b.caller.Session.String()
	return &directoryv1.ApiToken{Name: b.caller.Principal() + "/apiTokens/" + session, Uid: session, Version: 2}
}

func (b *bundle) publish(t *testing.T, event proto.Message) {
	t.Helper()
	msg, err := eventbus.Encode(t.Context(), "test", "directory", time.Unix(0, 0), b.caller.Principal(), event)
	require.NoError(t, err)
	out := &nats.Msg{Subject: msg.Subject, Data: msg.Payload, Header: nats.Header{}}
	for name, value := range msg.Headers {
		out.Header[name] = []string{value}
	}
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := b.js.PublishMsg(ctx, out)
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
}

func requireSoon(t *testing.T, r *auth.Revocations, c auth.Caller) {
	t.Helper()
	require.Eventually(t, func() bool { return r.Revoked(c) }, 20*time.Second, time.Millisecond)
}

func TestEveryReplicaHears(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replicas := []*auth.Revocations{b.feed(t), b.feed(t)}
	for _, r := range replicas {
		require.False(t, r.Revoked(b.caller))
	}
	b.publish(t, &directoryv1.TokenRevoked{ApiToken: b.token()})
	for _, r := range replicas {
		requireSoon(t, r, b.caller)
		other := b.caller
		other.Session = uuid.New()
		require.False(t, r.Revoked(other))
	}
}

func TestWhatRevokesAMembersTokens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		event   func(m *directoryv1.Member) proto.Message
		revoked bool
	}{
		"deactivated": {func(m *directoryv1.Member) proto.Message {
			return &directoryv1.MemberDeactivated{Member: m}
		}, true},
		"another role": {func(m *directoryv1.Member) proto.Message {
			return &directoryv1.MemberUpdated{Member: m, ChangedFields: &fieldmaskpb.FieldMask{Paths: []string{"handle", "role"}}}
		}, true},
		"another name": {func(m *directoryv1.Member) proto.Message {
			return &directoryv1.MemberUpdated{Member: m, ChangedFields: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			r := b.feed(t)
			b.publish(t, tt.event(b.member(4)))
			// The feed reads in order, so when it has the last event it has had the one in question.
			last := uuid.New()
			b.publish(t, &directoryv1.TokenRevoked{ApiToken: &directoryv1.ApiToken{
				Name: b.caller.Principal() + "/apiTokens/" + last.String(), Uid: last.String(), Version: 2,
			}})
			requireSoon(t, r, auth.Caller{Session: last})
			require.Equal(t, tt.revoked, r.Revoked(b.caller))
			made := b.caller
			made.MemberVersion = 4
			require.False(t, r.Revoked(made), "a token made after the change is good")
		})
	}
}

func TestARestartForgetsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.publish(t, &directoryv1.MemberDeactivated{Member: b.member(9)})
	r := b.feed(t)
	require.True(t, r.Revoked(b.caller), "known as soon as the feed has settled")
}

func TestTheFeedOutlivesTheBroker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.feed(t)
	b.broker.Restart(t)
	b.publish(t, &directoryv1.TokenRevoked{ApiToken: b.token()})
	requireSoon(t, r, b.caller)

	b.broker.Stop(t)
	b.broker.Start(t)
	b.publish(t, &directoryv1.MemberDeactivated{Member: b.member(9)})
	requireSoon(t, r, auth.Caller{Workspace: b.caller.Workspace, Member: b.caller.Member, MemberVersion: 8})
}

func TestSettle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.broker.Stop(t)
	feed := revocation.New(revocation.Config{
		JS: b.js, Revocations: auth.NewRevocations(clock.Machine()), Log: slog.New(slog.DiscardHandler), Machine: clock.Machine(),
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, feed.Settle(gone), context.Canceled)
	require.NoError(t, feed.Settle(t.Context()), "without a broker a service serves all the same")
}

// A message that does not keep the contract is passed over, and those after it are read.
func TestGarbageIsPassedOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.feed(t)
	_, err := b.js.Publish(t.Context(), "own."+b.caller.Workspace.String()+".directory.token.revoked", []byte("garbage"))
	require.NoError(t, err)
	b.publish(t, &directoryv1.TokenRevoked{ApiToken: b.token()})
	requireSoon(t, r, b.caller)
}
