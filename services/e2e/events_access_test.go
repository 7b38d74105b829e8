package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// TestEveryoneReceivesExactlyTheEventsTheyMay lets every kind of event happen, in a private and in an open space, and
// compares what each principal is shown over SSE, WatchEvents and NATS with what the events' options promise them.
func TestEveryoneReceivesExactlyTheEventsTheyMay(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	open := w.inOpenSpace(t)
	book := s.ledger(t, w.workspace)

	type watching struct {
		principal
		sse  *stream
		grpc *grpcStream
	}
	var watchers []watching
	for _, p := range w.principals {
		if want := expectedWatch(p); want != codes.OK {
			requireNoWatch(t, s, w, p, want)
			continue
		}
		one := watching{principal: p, sse: watch(t, s.http(), w.workspace, p.token, ""), grpc: w.watch(t, p)}
		<-one.sse.began
		watchers = append(watchers, one)
	}
	durable := w.integrate(t, w.principal(t, "admin"))

	w.causeEverything(t, open)
	happened := book.new(t)
	requireEveryType(t, happened)
	for _, one := range watchers { // each ends with something that it must see, behind all that it must not
		_, err := directoryv1.NewMemberServiceClient(w.conn).UpdateMember(as(t.Context(), w.owner.token), &directoryv1.UpdateMemberRequest{
			Member: &directoryv1.Member{Name: one.member, DisplayName: random("Bye ")}, UpdateMask: mask("display_name"),
		})
		require.NoError(t, err)
	}
	happened = append(happened, book.new(t)...)

	may := newReaders(w, open, happened)
	for _, one := range watchers {
		want := may.filter(happened, one.principal)
		require.NotEmpty(t, want)
		for i := range want {
			require.Equal(t, lines(want)[i], one.sse.line(t), "%s over SSE, event %d", one.name, i)
			require.Equal(t, lines(want)[i], one.grpc.line(t), "%s over WatchEvents, event %d", one.name, i)
		}
	}
	var public []entry
	for _, e := range happened {
		if a := e.audience(); a == optionsv1.Event_WORKSPACE || a == optionsv1.Event_SPACE {
			require.True(t, strings.HasPrefix(e.subject, "evt."), e.subject)
			public = append(public, e)
			continue
		}
		require.True(t, strings.HasPrefix(e.subject, "own."), e.subject)
	}
	got := durable.read(t, len(public))
	require.Equal(t, lines(public), lines(got), "an ADMIN's durable sees every space, and nothing of own.>")
}

// readers knows which space is open, to say who may have what.
type readers struct {
	w    *world
	open map[string]bool
}

func newReaders(w, open *world, happened []entry) readers {
	r := readers{w: w, open: map[string]bool{open.space: true}}
	for _, e := range happened {
		if made, ok := e.payload.(*directoryv1.SpaceCreated); ok {
			r.open[made.GetSpace().GetName()] = made.GetSpace().GetVisibility() == directoryv1.Space_OPEN
		}
	}
	return r
}

// may is what the option's audience promises to a principal of the workspace.
func (r readers) may(p principal, e entry) bool {
	switch e.audience() {
	case optionsv1.Event_WORKSPACE:
		return p.role >= optionsv1.Access_MEMBER || e.Subject == p.member || strings.HasPrefix(e.Subject, p.member+"/")
	case optionsv1.Event_SPACE:
		if e.Space == r.w.space {
			return p.right >= optionsv1.Access_READER
		}
		return r.open[e.Space] && p.role >= optionsv1.Access_MEMBER
	case optionsv1.Event_PERSON:
		return e.Person == p.member
	default:
		return false
	}
}

func (r readers) filter(happened []entry, p principal) []entry {
	var allowed []entry
	for _, e := range happened {
		if r.may(p, e) {
			allowed = append(allowed, e)
		}
	}
	return allowed
}

// inOpenSpace is the same world around a space that is open.
func (w *world) inOpenSpace(t *testing.T) *world {
	t.Helper()
	open := *w
	open.space = w.newSpace(t, directoryv1.Space_OPEN)
	open.thread = open.newThread(t, open.space)
	open.message = open.newMessage(t, w.owner, open.thread)
	return &open
}

func (w *world) principal(t *testing.T, name string) principal {
	t.Helper()
	for _, p := range w.principals {
		if p.name == name {
			return p
		}
	}
	require.Fail(t, "there is no such principal", name)
	return principal{}
}

// causeEverything calls every method that writes, once in each world, and what no single call brings about.
func (w *world) causeEverything(t *testing.T, open *world) {
	t.Helper()
	builders := requests()
	for _, m := range methods() {
		option, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
		level, _ := m.Options().(*descriptorpb.MethodOptions)
		reads := level.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
		servicesOnly := option.GetRole() == optionsv1.Access_ROLE_UNSPECIFIED && !option.GetPublic()
		if reads || servicesOnly {
			continue
		}
		for _, in := range []*world{w, open} {
			require.NoError(t, invoke(t, in, m, w.owner, builders[string(m.Name())](t, in, w.owner)), m.Name())
		}
	}
	for _, in := range []*world{w, open} {
		messages := threadsv1.NewMessageServiceClient(w.conn)
		ctx := as(t.Context(), w.owner.token)
		_, err := messages.AddReaction(ctx, &threadsv1.AddReactionRequest{Name: in.message, Emoji: "🎉"})
		require.NoError(t, err)
		_, err = messages.RemoveReaction(ctx, &threadsv1.RemoveReactionRequest{Name: in.message, Emoji: "🎉"})
		require.NoError(t, err)
	}
	for _, name := range []string{"guest reader", "reader"} {
		_, err := threadsv1.NewReadServiceClient(w.conn).MuteThread(as(t.Context(), w.principal(t, name).token), &threadsv1.MuteThreadRequest{Name: w.thread})
		require.NoError(t, err)
	}
}

// requireEveryType makes sure that the story brings about every event there is; a workspace is created before it.
func requireEveryType(t *testing.T, happened []entry) {
	t.Helper()
	seen := map[string]bool{"meridian.directory.v1.WorkspaceCreated": true}
	for _, e := range happened {
		seen[e.Type] = true
	}
	for _, d := range eventbus.Describe() {
		require.True(t, seen[string(d.New().ProtoReflect().Descriptor().FullName())], "no %T happened", d.New())
	}
}

// expectedWatch is the answer to WatchEvents by its option: role GUEST and the scope events.read.
func expectedWatch(p principal) codes.Code {
	switch {
	case p.token == "" || p.name == "revoked":
		return codes.Unauthenticated
	case p.name == "stranger":
		return codes.NotFound
	}
	return codes.OK
}

func requireNoWatch(t *testing.T, s *running, w *world, p principal, want codes.Code) {
	t.Helper()
	over := get(t, s.http()+"/v1/"+w.workspace+"/events:watch", p.token)
	require.Equal(t, map[codes.Code]int{codes.Unauthenticated: http.StatusUnauthorized, codes.NotFound: http.StatusNotFound}[want], over.code, "%s", over.body)
	events, err := gatewayv1.NewEventServiceClient(w.conn).WatchEvents(as(t.Context(), p.token), &gatewayv1.WatchEventsRequest{Parent: w.workspace})
	require.NoError(t, err)
	_, err = events.Recv()
	require.Equal(t, want, status.Code(err), "%s: %v", p.name, err)
}

// grpcStream is an open WatchEvents.
type grpcStream struct {
	gatewayv1.EventService_WatchEventsClient

	first *gatewayv1.WatchEventsResponse
}

// watch opens WatchEvents and returns when it is open.
func (w *world) watch(t *testing.T, p principal) *grpcStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(as(context.Background(), p.token), time.Minute)
	t.Cleanup(cancel)
	events, err := gatewayv1.NewEventServiceClient(w.conn).WatchEvents(ctx, &gatewayv1.WatchEventsRequest{Parent: w.workspace})
	require.NoError(t, err)
	first, err := events.Recv()
	require.NoError(t, err, p.name)
	require.NotNil(t, first.GetHeartbeat(), "a stream shows at once that it is open")
	return &grpcStream{EventService_WatchEventsClient: events, first: first}
}

// next is the next event.
func (g *grpcStream) next(t *testing.T) *gatewayv1.CloudEvent {
	t.Helper()
	for {
		response, err := g.Recv()
		require.NoError(t, err)
		require.NotEmpty(t, response.GetResumeToken())
		if e := response.GetEvent(); e != nil {
			return e
		}
	}
}

func (g *grpcStream) line(t *testing.T) string {
	t.Helper()
	e := g.next(t)
	return e.GetType() + " " + e.GetSubject() + " " + e.GetId()
}

func (s *stream) line(t *testing.T) string {
	t.Helper()
	e := s.next(t)
	return e.Type + " " + e.Subject + " " + e.ID
}

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
	admin := w.principal(t, "admin")
	mine, theirs := w.integrate(t, admin), other.integrate(t, other.owner)
	beside := w.integrate(t, w.owner) // another durable of the same workspace
	_, workspace, _ := strings.Cut(w.workspace, "/")
	_, stranger, _ := strings.Cut(other.workspace, "/")

	t.Run("who may connect", func(t *testing.T) {
		url := s.NATSURL()
		for _, p := range append([]principal{other.owner}, w.principals...) {
			_, err := nats.Connect(url, nats.UserInfo(mine.subscription.GetUid(), p.token), nats.CustomInboxPrefix(mine.inbox), nats.Timeout(10*time.Second))
			if p.member != "" && strings.HasPrefix(p.member, w.workspace) && p.role >= optionsv1.Access_ADMIN {
				require.NoError(t, err, p.name)
				continue
			}
			require.ErrorIs(t, err, nats.ErrAuthorization, p.name)
		}
		for _, scopes := range [][]string{{"threads.read"}, {"events.read"}} {
			narrow := w.narrowToken(t, scopes...)
			_, err := nats.Connect(url, nats.UserInfo(mine.subscription.GetUid(), narrow), nats.Timeout(10*time.Second))
			require.ErrorIs(t, err, nats.ErrAuthorization, "an owner's token with only %v", scopes)
			_, err = directoryv1.NewEventSubscriptionServiceClient(w.conn).ListEventSubscriptions(as(t.Context(), narrow), &directoryv1.ListEventSubscriptionsRequest{Parent: w.workspace})
			require.Equal(t, codes.PermissionDenied, status.Code(err))
		}
		_, err := nats.Connect(url, nats.Timeout(10*time.Second))
		require.ErrorIs(t, err, nats.ErrAuthorization, "nobody is let in without credentials, also on loopback")
	})

	t.Run("filters", func(t *testing.T) {
		for _, filter := range []string{
			"own.>", "evt." + stranger + ".>", "evt.>", "*.*.*.*", stranger + ".>", "threads..posted", "threads.message.posted.x y",
		} {
			_, err := directoryv1.NewEventSubscriptionServiceClient(w.conn).CreateEventSubscription(as(t.Context(), w.owner.token), &directoryv1.CreateEventSubscriptionRequest{
				Parent: w.workspace, EventSubscription: &directoryv1.EventSubscription{DisplayName: "Beyond", Filters: []string{filter}},
			})
			if err == nil { // then it is a filter within the workspace that nothing matches
				continue
			}
			require.Equal(t, codes.InvalidArgument, status.Code(err), filter)
			requireRefusal(t, err, "FIELD_INVALID", "event_subscription.filters", filter)
		}
		listed, err := directoryv1.NewEventSubscriptionServiceClient(w.conn).ListEventSubscriptions(as(t.Context(), w.owner.token), &directoryv1.ListEventSubscriptionsRequest{Parent: w.workspace})
		require.NoError(t, err)
		require.Greater(t, len(listed.GetEventSubscriptions()), 2)
		js := s.ledger(t, w.workspace).js
		for _, subscription := range listed.GetEventSubscriptions() {
			consumer, err := js.Consumer(t.Context(), eventbus.Stream, subscription.GetConsumer())
			require.NoError(t, err)
			config := consumer.CachedInfo().Config
			for _, subject := range append(config.FilterSubjects, config.FilterSubject) {
				require.True(t, subject == "" || strings.HasPrefix(subject, "evt."+workspace+"."), subject)
			}
		}
	})

	t.Run("forging by reply subject", func(t *testing.T) {
		book, theirBook := s.ledger(t, w.workspace), s.ledger(t, other.workspace)
		w.newMessage(t, w.owner, w.thread)
		real := types(book.new(t))
		require.Contains(t, real, "meridian.threads.v1.MessagePosted")
		for _, reply := range []string{
			"evt." + workspace + ".threads.message.posted", "evt." + stranger + ".threads.message.posted",
			"own." + workspace + ".directory.token.revoked", "$JS.API.STREAM.PURGE.EVENTS", theirs.inbox + ".x",
		} {
			for _, subject := range []string{
				"EV.API.CONSUMER.MSG.NEXT.EVENTS." + mine.subscription.GetConsumer(), "EV.API.CONSUMER.INFO.EVENTS." + mine.subscription.GetConsumer(),
			} {
				require.NoError(t, mine.conn.PublishRequest(subject, reply, []byte(`{"batch":1,"no_wait":true}`)))
			}
		}
		require.NoError(t, mine.conn.Flush())
		_, err := mine.consumer.Info(t.Context()) // behind them on the same connection
		require.NoError(t, err)
		require.Empty(t, lines(book.new(t)))
		require.Empty(t, lines(theirBook.new(t)))
	})

	t.Run("everything else", func(t *testing.T) {
		drain(mine.refused)
		for _, subject := range []string{
			"evt." + workspace + ".threads.message.posted", "evt." + stranger + ".threads.message.posted", "own." + workspace + ".directory.token.revoked",
			"EV.API.CONSUMER.MSG.NEXT.EVENTS." + theirs.subscription.GetConsumer(), "EV.API.CONSUMER.INFO.EVENTS." + theirs.subscription.GetConsumer(),
			"EV.API.CONSUMER.MSG.NEXT.EVENTS." + beside.subscription.GetConsumer(), "EV.API.CONSUMER.MSG.NEXT.EVENTS.threads",
			"EV.API.CONSUMER.CREATE.EVENTS.x.evt.>", "EV.API.CONSUMER.DELETE.EVENTS." + mine.subscription.GetConsumer(), "EV.API.STREAM.INFO.EVENTS",
			"EV.API.DIRECT.GET.EVENTS", "$JS.API.DIRECT.GET.EVENTS", "$JS.API.STREAM.PURGE.EVENTS", "$SYS.REQ.SERVER.PING.CONNZ", "wake.outbox.threads",
		} {
			require.NoError(t, mine.conn.Publish(subject, nil))
			require.NoError(t, mine.conn.Flush())
			require.ErrorIs(t, nextError(t, mine.refused), nats.ErrPermissionViolation, "publish to %s", subject)
		}
		for _, subject := range []string{">", "evt." + workspace + ".>", "own.>", "evt." + stranger + ".>", theirs.inbox + ".>", "$JS.>", "$SYS.>"} {
			_, err := mine.conn.SubscribeSync(subject)
			require.NoError(t, err)
			require.NoError(t, mine.conn.Flush())
			require.ErrorIs(t, nextError(t, mine.refused), nats.ErrPermissionViolation, "subscribe to %s", subject)
		}
	})
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

// TestARightTakenAwayEndsWithTheNextEvent takes a grant away under open streams: what happens after the change is not
// delivered, on a stream that began with the right, and is again when the right comes back.
func TestARightTakenAwayEndsWithTheNextEvent(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	open, reader := w.inOpenSpace(t), w.principal(t, "reader")
	book := s.ledger(t, w.workspace)
	sse, over := watch(t, s.http(), w.workspace, reader.token, ""), w.watch(t, reader)
	<-sse.began
	next := func(want, why string) {
		require.Equal(t, want, sse.next(t).Subject, why)
		require.Equal(t, want, over.next(t).GetSubject(), why)
	}
	for range 5 {
		seen := w.newMessage(t, w.owner, w.thread)
		next(seen, "with the right")
		w.grant(t, w.space, reader.member, directoryv1.SpaceAccess_NONE)
		book.new(t) // the change stands in the stream
		w.newMessage(t, w.owner, w.thread)
		book.new(t)
		next(open.newMessage(t, w.owner, open.thread), "without it, only what is open")
		w.grant(t, w.space, reader.member, directoryv1.SpaceAccess_READER)
		book.new(t)
		next(w.space, "the grant itself")
	}
}

// TestARevokedTokenEndsItsStreams revokes a token under everything that it holds open.
func TestARevokedTokenEndsItsStreams(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	admin := w.principal(t, "admin")
	sse, over, durable := watch(t, s.http(), w.workspace, admin.token, ""), w.watch(t, admin), w.integrate(t, admin)
	<-sse.began
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := over.Recv(); err != nil {
				ended <- err
				return
			}
		}
	}()
	w.revoke(t, admin)
	revoked := time.Now()
	select {
	case err := <-ended:
		require.Equal(t, codes.Unauthenticated, status.Code(err), "%v", err)
		t.Logf("WatchEvents ended after %v", time.Since(revoked))
	case <-time.After(5 * time.Second):
		require.Fail(t, "WatchEvents outlives its token")
	}
	select {
	case why := <-sse.closed:
		require.Contains(t, why, "TOKEN_REVOKED")
		t.Logf("SSE ended after %v", time.Since(revoked))
	case <-time.After(5 * time.Second):
		require.Fail(t, "SSE outlives its token")
	}
	select {
	case <-durable.closed:
		t.Logf("the broker's connection ended after %v", time.Since(revoked))
	case <-time.After(5 * time.Second):
		require.Fail(t, "the broker's connection outlives its token")
	}
	require.Less(t, time.Since(revoked), 2*time.Second)
}
