package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// integrator is a client of the broker with a durable of its own.
type integrator struct {
	conn         *nats.Conn
	consumer     jetstream.Consumer
	subscription *directoryv1.EventSubscription
	inbox        string
	refused      chan error
	closed       chan struct{}
}

// integrate makes an EventSubscription and connects with it.
func (w *world) integrate(t *testing.T, p principal, filters ...string) *integrator {
	t.Helper()
	made, err := directoryv1.NewEventSubscriptionServiceClient(w.conn).CreateEventSubscription(as(t.Context(), p.token), &directoryv1.CreateEventSubscriptionRequest{
		Parent: w.workspace, EventSubscription: &directoryv1.EventSubscription{DisplayName: "A story", Filters: filters},
	})
	require.NoError(t, err)
	i := &integrator{
		subscription: made.GetEventSubscription(), inbox: made.GetInboxPrefix(),
		refused: make(chan error, 256), closed: make(chan struct{}),
	}
	i.conn, err = nats.Connect(made.GetNatsUrl(), nats.UserInfo(i.subscription.GetUid(), p.token), nats.CustomInboxPrefix(i.inbox),
		nats.Timeout(10*time.Second), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(i.closed) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { i.refused <- err }))
	require.NoError(t, err)
	t.Cleanup(i.conn.Close)
	js, err := jetstream.NewWithAPIPrefix(i.conn, made.GetApiPrefix())
	require.NoError(t, err)
	i.consumer, err = js.Consumer(t.Context(), eventbus.Stream, i.subscription.GetConsumer())
	require.NoError(t, err)
	return i
}

// read takes n events, acknowledges them, and makes sure that no further one waits.
func (i *integrator) read(t *testing.T, n int) []entry {
	t.Helper()
	var found []entry
	for len(found) < n {
		batch, err := i.consumer.Fetch(n-len(found), jetstream.FetchMaxWait(10*time.Second))
		require.NoError(t, err)
		before := len(found)
		for msg := range batch.Messages() {
			found = append(found, readEntry(t, msg))
			require.NoError(t, msg.Ack())
		}
		require.NoError(t, batch.Error())
		require.Greater(t, len(found), before, "no more came after %v", lines(found))
	}
	info, err := i.consumer.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.NumPending)
	return found
}

// TestNoIntegratorReachesBeyondTheirDurable tries, over the running stack, what the broker's edge must not let happen.
func TestNoIntegratorReachesBeyondTheirDurable(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	other := newWorld(t, w.conn, s.newWorkspace(t), w.owner.token)
	e := &borders{
		stack: s, w: w, other: other, mine: w.integrate(t, w.principal(t, "admin")),
		theirs: other.integrate(t, other.owner), beside: w.integrate(t, w.owner),
		workspace: strings.TrimPrefix(w.workspace, "workspaces/"), stranger: strings.TrimPrefix(other.workspace, "workspaces/"),
	}
	t.Run("who may connect", e.requireOnlyAdmins)
	t.Run("filters", e.requireFiltersWithin)
	t.Run("forging by reply subject", e.requireNoForgery)
	t.Run("everything else", e.requireNothingElse)
}

// borders are an integrator's durable, another of the same workspace, and one of another workspace.
type borders struct {
	stack                *running
	w, other             *world
	mine, beside, theirs *integrator
	workspace, stranger  string
}

// requireOnlyAdmins tries everybody's token, and none, at one subscription.
func (e *borders) requireOnlyAdmins(t *testing.T) {
	url := e.stack.NATSURL()
	for _, p := range append([]principal{e.other.owner}, e.w.principals...) {
		conn, err := nats.Connect(url, nats.UserInfo(e.mine.subscription.GetUid(), p.token), nats.CustomInboxPrefix(e.mine.inbox), nats.Timeout(10*time.Second))
		if p.member != "" && strings.HasPrefix(p.member, e.w.workspace) && p.role >= optionsv1.Access_ADMIN {
			require.NoError(t, err, p.name)
			conn.Close()
			continue
		}
		require.ErrorIs(t, err, nats.ErrAuthorization, p.name)
	}
	for _, scopes := range [][]string{{"threads.read"}, {"events.read"}} {
		narrow := e.w.narrowToken(t, scopes...)
		_, err := nats.Connect(url, nats.UserInfo(e.mine.subscription.GetUid(), narrow), nats.Timeout(10*time.Second))
		require.ErrorIs(t, err, nats.ErrAuthorization, "an owner's token with only %v", scopes)
		_, err = directoryv1.NewEventSubscriptionServiceClient(e.w.conn).ListEventSubscriptions(as(t.Context(), narrow), &directoryv1.ListEventSubscriptionsRequest{Parent: e.w.workspace})
		require.Equal(t, codes.PermissionDenied, status.Code(err))
	}
	_, err := nats.Connect(url, nats.Timeout(10*time.Second))
	require.ErrorIs(t, err, nats.ErrAuthorization, "nobody is let in without credentials, also on loopback")
}

// requireFiltersWithin tries filters that would leave the workspace's public events.
func (e *borders) requireFiltersWithin(t *testing.T) {
	for _, filter := range []string{
		"own.>", "evt." + e.stranger + ".>", "evt.>", "*.*.*.*", e.stranger + ".>", "threads..posted", "threads.message.posted.x y",
	} {
		_, err := directoryv1.NewEventSubscriptionServiceClient(e.w.conn).CreateEventSubscription(as(t.Context(), e.w.owner.token), &directoryv1.CreateEventSubscriptionRequest{
			Parent: e.w.workspace, EventSubscription: &directoryv1.EventSubscription{DisplayName: "Beyond", Filters: []string{filter}},
		})
		require.Equal(t, codes.InvalidArgument, status.Code(err), filter)
		requireRefusal(t, err, "FIELD_INVALID", "event_subscription.filters", filter)
	}
	listed, err := directoryv1.NewEventSubscriptionServiceClient(e.w.conn).ListEventSubscriptions(as(t.Context(), e.w.owner.token), &directoryv1.ListEventSubscriptionsRequest{Parent: e.w.workspace})
	require.NoError(t, err)
	require.Len(t, listed.GetEventSubscriptions(), 2, "the two that stand, and none of those above")
	js := e.stack.ledger(t, e.w.workspace).js
	for _, subscription := range listed.GetEventSubscriptions() {
		consumer, err := js.Consumer(t.Context(), eventbus.Stream, subscription.GetConsumer())
		require.NoError(t, err)
		config := consumer.CachedInfo().Config
		for _, subject := range append(config.FilterSubjects, config.FilterSubject) {
			require.True(t, subject == "" || strings.HasPrefix(subject, "evt."+e.workspace+"."), subject)
		}
	}
}

// requireNoForgery names what must not be published to as the reply of what may be asked.
func (e *borders) requireNoForgery(t *testing.T) {
	book, theirBook := e.stack.ledger(t, e.w.workspace), e.stack.ledger(t, e.other.workspace)
	e.w.newMessage(t, e.w.owner, e.w.thread)
	require.Contains(t, types(book.new(t)), "meridian.threads.v1.MessagePosted")
	for _, reply := range []string{
		"evt." + e.workspace + ".threads.message.posted", "evt." + e.stranger + ".threads.message.posted",
		"own." + e.workspace + ".directory.token.revoked", "$JS.API.STREAM.PURGE.EVENTS", e.theirs.inbox + ".x",
	} {
		for _, subject := range []string{
			"EV.API.CONSUMER.MSG.NEXT.EVENTS." + e.mine.subscription.GetConsumer(), "EV.API.CONSUMER.INFO.EVENTS." + e.mine.subscription.GetConsumer(),
		} {
			require.NoError(t, e.mine.conn.PublishRequest(subject, reply, []byte(`{"batch":1,"no_wait":true}`)))
		}
	}
	require.NoError(t, e.mine.conn.Flush())
	_, err := e.mine.consumer.Info(t.Context()) // behind them on the same connection
	require.NoError(t, err)
	require.Empty(t, lines(book.new(t)))
	require.Empty(t, lines(theirBook.new(t)))
}

// requireNothingElse tries what belongs to others, to the platform and to the server.
func (e *borders) requireNothingElse(t *testing.T) {
	drain(e.mine.refused)
	for _, subject := range []string{
		"evt." + e.workspace + ".threads.message.posted", "evt." + e.stranger + ".threads.message.posted", "own." + e.workspace + ".directory.token.revoked",
		"EV.API.CONSUMER.MSG.NEXT.EVENTS." + e.theirs.subscription.GetConsumer(), "EV.API.CONSUMER.INFO.EVENTS." + e.theirs.subscription.GetConsumer(),
		"EV.API.CONSUMER.MSG.NEXT.EVENTS." + e.beside.subscription.GetConsumer(), "EV.API.CONSUMER.MSG.NEXT.EVENTS.threads",
		"EV.API.CONSUMER.CREATE.EVENTS.x.evt.>", "EV.API.CONSUMER.DELETE.EVENTS." + e.mine.subscription.GetConsumer(), "EV.API.STREAM.INFO.EVENTS",
		"EV.API.DIRECT.GET.EVENTS", "$JS.API.DIRECT.GET.EVENTS", "$JS.API.STREAM.PURGE.EVENTS", "$SYS.REQ.SERVER.PING.CONNZ", "wake.outbox.threads",
	} {
		require.NoError(t, e.mine.conn.Publish(subject, nil))
		require.NoError(t, e.mine.conn.Flush())
		require.ErrorIs(t, nextError(t, e.mine.refused), nats.ErrPermissionViolation, "publish to %s", subject)
	}
	for _, subject := range []string{">", "evt." + e.workspace + ".>", "own.>", "evt." + e.stranger + ".>", e.theirs.inbox + ".>", "$JS.>", "$SYS.>"} {
		_, err := e.mine.conn.SubscribeSync(subject)
		require.NoError(t, err)
		require.NoError(t, e.mine.conn.Flush())
		require.ErrorIs(t, nextError(t, e.mine.refused), nats.ErrPermissionViolation, "subscribe to %s", subject)
	}
}

func drain(errs chan error) {
	for len(errs) > 0 {
		<-errs
	}
}

func nextError(t *testing.T, errs chan error) error {
	t.Helper()
	select {
	case err := <-errs:
		return err
	case <-time.After(10 * time.Second):
		return nil
	}
}

// narrowToken is a token of the owner with only these scopes.
func (w *world) narrowToken(t *testing.T, scopes ...string) string {
	t.Helper()
	made, err := directoryv1.NewTokenServiceClient(w.conn).CreateApiToken(as(t.Context(), w.owner.token), &directoryv1.CreateApiTokenRequest{
		Parent: w.owner.member, ApiToken: &directoryv1.ApiToken{DisplayName: "Narrow " + uuid.NewString()[:8], Scopes: scopes},
	})
	require.NoError(t, err)
	return made.GetSecret()
}
