package directory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// subscribe makes a subscription of all events, from the stream's beginning.
func (w *tenant) subscribe(t *testing.T, by person, filters ...string) *directoryv1.CreateEventSubscriptionResponse {
	t.Helper()
	made, err := w.h.subscriptions.CreateEventSubscription(by.ctx, &directoryv1.CreateEventSubscriptionRequest{
		Parent:            w.GetName(),
		EventSubscription: &directoryv1.EventSubscription{DisplayName: "Warehouse", Filters: filters, StartSequence: 1},
	})
	require.NoError(t, err)
	return made
}

// visit connects to the broker as an integrator.
func (h *house) visit(
	t *testing.T, s *directoryv1.CreateEventSubscriptionResponse, token string, opts ...nats.Option,
) (*nats.Conn, error) {
	t.Helper()
	conn, err := nats.Connect(h.broker.URL, append([]nats.Option{
		nats.UserInfo(s.GetEventSubscription().GetUid(), token), nats.CustomInboxPrefix(s.GetInboxPrefix()),
		nats.Timeout(10 * time.Second),
	}, opts...)...)
	if err == nil {
		t.Cleanup(conn.Close)
	}
	return conn, err
}

// read fetches and acknowledges what the subscription has.
func read(t *testing.T, conn *nats.Conn, s *directoryv1.CreateEventSubscriptionResponse, n int) []eventbus.Meta {
	t.Helper()
	js, err := jetstream.NewWithAPIPrefix(conn, s.GetApiPrefix())
	require.NoError(t, err)
	consumer, err := js.Consumer(t.Context(), eventbus.Stream, s.GetEventSubscription().GetConsumer())
	require.NoError(t, err)
	batch, err := consumer.Fetch(n, jetstream.FetchMaxWait(10*time.Second))
	require.NoError(t, err)
	var got []eventbus.Meta
	for msg := range batch.Messages() {
		meta, _, err := eventbus.Decode(msg.Headers(), msg.Subject(), msg.Data())
		require.NoError(t, err)
		require.NoError(t, msg.DoubleAck(t.Context()))
		got = append(got, meta)
	}
	return got
}

func TestAnIntegratorReadsTheWorkspacesEventsWithAnAPIToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w, other := h.found(t), h.found(t)
	other.join(t, "zed", directoryv1.Member_MEMBER)
	s := w.subscribe(t, w.owner)
	require.Equal(t, []string{">"}, s.GetEventSubscription().GetFilters())
	require.Equal(t, h.broker.URL, s.GetNatsUrl())
	require.Equal(t, "int-"+s.GetEventSubscription().GetUid(), s.GetEventSubscription().GetConsumer())
	require.Equal(t, w.owner.GetName(), s.GetEventSubscription().GetCreator())

	conn, err := h.visit(t, s, w.owner.secret)
	require.NoError(t, err)
	first := read(t, conn, s, 2)
	require.Equal(t, []string{directoryv1.WorkspaceCreatedType, directoryv1.MemberActivatedType},
		[]string{first[0].Type, first[1].Type})
	conn.Close()

	w.join(t, "mia", directoryv1.Member_MEMBER)
	conn, err = h.visit(t, s, w.owner.secret)
	require.NoError(t, err)
	rest := read(t, conn, s, 2)
	require.Equal(t, []string{directoryv1.MemberInvitedType, directoryv1.MemberActivatedType},
		[]string{rest[0].Type, rest[1].Type}, "it goes on where it stopped")
	for _, meta := range append(first, rest...) {
		require.Equal(t, w.id(t), meta.Workspace)
	}
}

func TestOnlyAnAdministratorsLiveTokenOfTheWorkspaceIsLetIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w, other := h.found(t), h.found(t)
	admin := w.join(t, "ada", directoryv1.Member_ADMIN)
	member := w.join(t, "mia", directoryv1.Member_MEMBER)
	s := w.subscribe(t, w.owner)
	narrow, err := h.tokens.CreateApiToken(admin.ctx, &directoryv1.CreateApiTokenRequest{
		Parent:   admin.GetName(),
		ApiToken: &directoryv1.ApiToken{DisplayName: "narrow", Scopes: []string{"events.read", "threads.read"}},
	})
	require.NoError(t, err)
	brief, err := h.tokens.CreateApiToken(admin.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: admin.GetName(),
		ApiToken: &directoryv1.ApiToken{
			DisplayName: "brief", Scopes: []string{"events.all"}, ExpireTime: timestamppb.New(clock.Machine().Now().Add(3 * time.Second)),
		},
	})
	require.NoError(t, err)

	_, err = h.visit(t, s, admin.secret)
	require.NoError(t, err, "any administrator of the workspace")
	ended := make(chan error, 8)
	_, err = h.visit(t, s, brief.GetSecret(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { ended <- err }))
	require.NoError(t, err)
	require.ErrorIs(t, <-ended, nats.ErrAuthExpired, "no longer than the token")

	for name, token := range map[string]string{
		"a member's":            member.secret,
		"without the scope":     narrow.GetSecret(),
		"another workspace's":   other.owner.secret,
		"expired":               brief.GetSecret(),
		"none":                  "",
		"made up":               "mrd_000000000000000000000000000000000000",
		"another kind of thing": "hello",
	} {
		_, err := h.visit(t, s, token)
		require.ErrorIs(t, err, nats.ErrAuthorization, name)
	}
	stranger := proto.CloneOf(s)
	stranger.EventSubscription.Uid = uuid.NewString()
	_, err = h.visit(t, stranger, w.owner.secret)
	require.ErrorIs(t, err, nats.ErrAuthorization)
}

func TestWhatIsTakenBackEndsTheConnectionAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	s := w.subscribe(t, w.owner)
	enter := func(token string) <-chan struct{} {
		closed := make(chan struct{})
		_, err := h.visit(t, s, token, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
		require.NoError(t, err)
		return closed
	}
	within := func(closed <-chan struct{}, what string) {
		select {
		case <-closed:
		case <-time.After(20 * time.Second):
			require.Fail(t, "still connected", what)
		}
	}
	gone := w.join(t, "ada", directoryv1.Member_ADMIN)
	demoted := w.join(t, "bea", directoryv1.Member_ADMIN)
	spare, err := h.tokens.CreateApiToken(w.owner.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: w.owner.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "spare", Scopes: []string{"events.all"}},
	})
	require.NoError(t, err)
	stays, byToken, byMember, byRole := enter(w.owner.secret), enter(spare.GetSecret()), enter(gone.secret), enter(demoted.secret)

	_, err = h.tokens.RevokeApiToken(w.owner.ctx, &directoryv1.RevokeApiTokenRequest{Name: spare.GetApiToken().GetName()})
	require.NoError(t, err)
	within(byToken, "after its token was revoked")
	_, err = h.visit(t, s, spare.GetSecret())
	require.ErrorIs(t, err, nats.ErrAuthorization)

	_, err = h.members.DeactivateMember(w.owner.ctx, &directoryv1.DeactivateMemberRequest{Name: gone.GetName()})
	require.NoError(t, err)
	within(byMember, "after its member was deactivated")

	_, err = h.members.UpdateMember(w.owner.ctx, &directoryv1.UpdateMemberRequest{
		Member: &directoryv1.Member{Name: demoted.GetName(), Role: directoryv1.Member_MEMBER},
	})
	require.NoError(t, err)
	within(byRole, "after its member was demoted")

	select {
	case <-stays:
		require.Fail(t, "another's connection was closed")
	default:
	}
	deleted, err := h.subscriptions.DeleteEventSubscription(w.owner.ctx, &directoryv1.DeleteEventSubscriptionRequest{
		Name: s.GetEventSubscription().GetName(), Etag: s.GetEventSubscription().GetEtag(),
	})
	require.NoError(t, err)
	require.EqualValues(t, 2, deleted.GetVersion())
	within(stays, "after its subscription was deleted")
	_, err = h.visit(t, s, w.owner.secret)
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = h.broker.JS(t).Consumer(t.Context(), eventbus.Stream, s.GetEventSubscription().GetConsumer())
	require.ErrorIs(t, err, jetstream.ErrConsumerNotFound)
}

func TestSubscriptionsAreMadeOnceListedAndDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w, other := h.found(t), h.found(t)
	request := &directoryv1.CreateEventSubscriptionRequest{
		Parent: w.GetName(), RequestId: uuid.NewString(),
		EventSubscription: &directoryv1.EventSubscription{DisplayName: "One", Filters: []string{"directory.member.*"}},
	}
	one, err := h.subscriptions.CreateEventSubscription(w.owner.ctx, request)
	require.NoError(t, err)
	_, err = h.subscriptions.CreateEventSubscription(w.owner.ctx, request)
	info, _ := rpctest.Detail[*errdetails.ErrorInfo](rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS"))
	require.Equal(t, one.GetEventSubscription().GetName(), info.GetMetadata()["name"])
	require.Equal(t, []string{one.GetEventSubscription().GetConsumer()}, h.durables(t), "the retry leaves no durable")
	consumer, err := h.broker.JS(t).Consumer(t.Context(), eventbus.Stream, one.GetEventSubscription().GetConsumer())
	require.NoError(t, err)
	require.Equal(t, []string{"evt." + w.GetUid() + ".directory.member.*"}, filters(consumer))

	two := w.subscribe(t, w.owner)
	require.NotEqual(t, one.GetInboxPrefix(), two.GetInboxPrefix())
	listed, err := h.subscriptions.ListEventSubscriptions(w.owner.ctx,
		&directoryv1.ListEventSubscriptionsRequest{Parent: w.GetName(), PageSize: 1})
	require.NoError(t, err)
	require.True(t, proto.Equal(two.GetEventSubscription(), listed.GetEventSubscriptions()[0]))
	listed, err = h.subscriptions.ListEventSubscriptions(w.owner.ctx,
		&directoryv1.ListEventSubscriptionsRequest{Parent: w.GetName(), PageSize: 1, PageToken: listed.GetNextPageToken()})
	require.NoError(t, err)
	require.True(t, proto.Equal(one.GetEventSubscription(), listed.GetEventSubscriptions()[0]))
	require.Empty(t, listed.GetNextPageToken())

	name := one.GetEventSubscription().GetName()
	got, err := h.subscriptions.GetEventSubscription(w.owner.ctx, &directoryv1.GetEventSubscriptionRequest{Name: name})
	require.NoError(t, err)
	require.True(t, proto.Equal(one.GetEventSubscription(), got))
	_, err = h.subscriptions.GetEventSubscription(other.owner.ctx, &directoryv1.GetEventSubscriptionRequest{Name: name})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = h.subscriptions.DeleteEventSubscription(w.owner.ctx,
		&directoryv1.DeleteEventSubscriptionRequest{Name: name, Etag: `"7"`})
	rpctest.Failed(t, err, codes.Aborted, "ETAG_STALE")
	gone := &directoryv1.DeleteEventSubscriptionRequest{Name: name, RequestId: uuid.NewString()}
	for range 2 {
		_, err = h.subscriptions.DeleteEventSubscription(w.owner.ctx, gone)
		require.NoError(t, err)
	}
	_, err = h.subscriptions.DeleteEventSubscription(w.owner.ctx, &directoryv1.DeleteEventSubscriptionRequest{Name: name})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = h.subscriptions.GetEventSubscription(w.owner.ctx, &directoryv1.GetEventSubscriptionRequest{Name: name})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
}

func filters(consumer jetstream.Consumer) []string {
	config := consumer.CachedInfo().Config
	if config.FilterSubject != "" {
		return []string{config.FilterSubject}
	}
	return config.FilterSubjects
}

func TestSubscriptionsThatDoNotHoldTogetherAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", directoryv1.Member_MEMBER)
	ask := func(by person, s *directoryv1.EventSubscription) error {
		s.DisplayName = "x"
		_, err := h.subscriptions.CreateEventSubscription(by.ctx,
			&directoryv1.CreateEventSubscriptionRequest{Parent: w.GetName(), EventSubscription: s})
		return err
	}
	rpctest.Failed(t, ask(mia, &directoryv1.EventSubscription{}), codes.PermissionDenied, "PERMISSION_DENIED")
	rpctest.FailedField(t, ask(w.owner, &directoryv1.EventSubscription{Filters: []string{"threads.>", "threads.message.posted"}}),
		"FIELD_INVALID", "event_subscription.filters")
	rpctest.FailedField(t, ask(w.owner, &directoryv1.EventSubscription{StartSequence: 1, StartTime: timestamppb.Now()}),
		"FIELD_INVALID", "event_subscription.start_sequence")
	for range 20 {
		require.NoError(t, ask(w.owner, &directoryv1.EventSubscription{}))
	}
	rpctest.Failed(t, ask(w.owner, &directoryv1.EventSubscription{}), codes.FailedPrecondition, "SUBSCRIPTION_LIMIT")
	require.Len(t, h.durables(t), 20, "what is refused leaves no durable")
}

// durables are the integrators' durables on the broker.
func (h *house) durables(t *testing.T) []string {
	t.Helper()
	stream, err := h.broker.JS(t).Stream(t.Context(), eventbus.Stream)
	require.NoError(t, err)
	var found []string
	for name := range stream.ConsumerNames(t.Context()).Name() {
		if strings.HasPrefix(name, "int-") {
			found = append(found, name)
		}
	}
	return found
}

// Finding connections asks every server of the broker, so what takes nothing from a member does not do it.
func TestOnlyALostRoleIsLookedForOnTheBroker(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", member)
	answers, err := h.broker.ConnAs(t, h.broker.Credentials.SystemUser, h.broker.Credentials.SystemPassword).SubscribeSync("_INBOX.>")
	require.NoError(t, err)
	change := func(m *directoryv1.Member) {
		m.Name = mia.GetName()
		_, err := h.members.UpdateMember(w.owner.ctx, &directoryv1.UpdateMemberRequest{Member: m})
		require.NoError(t, err)
		w.events(t) // all published
		consumer, err := h.broker.JS(t).Consumer(t.Context(), eventbus.Stream, "directory-edge")
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			info, err := consumer.Info(t.Context())
			return err == nil && info.NumPending == 0 && info.NumAckPending == 0
		}, eventually, tick)
	}
	looked := func() int {
		n, _, err := answers.Pending()
		require.NoError(t, err)
		return n
	}
	change(&directoryv1.Member{DisplayName: "Mia M", Handle: "mia.m", TimeZone: "Asia/Tokyo"})
	require.Zero(t, looked())
	change(&directoryv1.Member{Role: guest})
	require.Equal(t, 1, looked())
}

func TestABrokerThatIsAwaySaysSoAndTheRetryEndsWell(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	request := &directoryv1.CreateEventSubscriptionRequest{
		Parent: w.GetName(), RequestId: uuid.NewString(), EventSubscription: &directoryv1.EventSubscription{DisplayName: "x"},
	}
	h.broker.Stop(t)
	_, err := h.subscriptions.CreateEventSubscription(w.owner.ctx, request)
	rpctest.Failed(t, err, codes.Unavailable, "UNAVAILABLE")
	h.broker.Start(t)
	var made *directoryv1.CreateEventSubscriptionResponse
	require.Eventually(t, func() bool {
		var err error
		made, err = h.subscriptions.CreateEventSubscription(w.owner.ctx, request)
		return err == nil
	}, 30*time.Second, 50*time.Millisecond, "nothing was kept, so the retry is the first")
	require.Eventually(t, func() bool {
		_, err := h.visit(t, made, w.owner.secret)
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
	listed, err := h.subscriptions.ListEventSubscriptions(w.owner.ctx, &directoryv1.ListEventSubscriptionsRequest{Parent: w.GetName()})
	require.NoError(t, err)
	require.Len(t, listed.GetEventSubscriptions(), 1)
}

// A durable that the broker lost is there again when its client comes.
func TestALostDurableIsMadeAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	s := w.subscribe(t, w.owner)
	require.NoError(t, h.broker.JS(t).DeleteConsumer(t.Context(), eventbus.Stream, s.GetEventSubscription().GetConsumer()))
	conn, err := h.visit(t, s, w.owner.secret)
	require.NoError(t, err)
	require.Len(t, read(t, conn, s, 2), 2)
}
