package brokeredge_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/brokeredge"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/natstest"
)

// door is a broker with a callout that admits those a test has let in.
type door struct {
	broker    *natstest.Server
	js        jetstream.JetStream
	consumers *brokeredge.Consumers
	sys       *brokeredge.Disconnector

	mu     sync.Mutex
	guests map[string]guest // by user
}

// guest is an integrator with a consumer of its own.
type guest struct {
	brokeredge.Grant

	workspace uuid.UUID
	password  string
}

func open(t *testing.T) *door {
	t.Helper()
	d := &door{broker: natstest.New(t), guests: map[string]guest{}}
	d.js = d.broker.JS(t)
	d.consumers = brokeredge.NewConsumers(d.js)
	creds := d.broker.Credentials
	d.sys = brokeredge.NewDisconnector(d.broker.ConnAs(t, creds.SystemUser, creds.SystemPassword))
	issuer, err := creds.IssuerKey()
	require.NoError(t, err)
	xkey, err := creds.XKey()
	require.NoError(t, err)
	callout := brokeredge.NewCallout(brokeredge.CalloutConfig{
		Conn: d.broker.ConnAs(t, creds.CalloutUser, creds.CalloutPassword), Issuer: issuer, XKey: xkey,
		Decide: d.decide, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- callout.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return d
}

func (d *door) decide(_ context.Context, attempt brokeredge.Attempt) (brokeredge.Grant, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.guests[attempt.User]
	if !ok || known.password != attempt.Password {
		return brokeredge.Grant{}, brokeredge.ErrRefused
	}
	return known.Grant, nil
}

// invite makes a consumer and the credentials for it.
func (d *door) invite(t *testing.T, change ...func(*guest)) guest {
	t.Helper()
	id, ws := uuid.New(), uuid.New()
	g := guest{
		workspace: ws, password: "pw" + uuid.NewString(),
		Grant: brokeredge.Grant{
			Consumer: brokeredge.ConsumerName(id), InboxPrefix: "_INBOX_" + uuid.NewString(),
			Owner: brokeredge.Owner{Subscription: id, Member: uuid.New(), Token: uuid.New()},
		},
	}
	for _, c := range change {
		c(&g)
	}
	require.NoError(t, d.consumers.Ensure(t.Context(), brokeredge.Consumer{
		Subscription: id, Workspace: g.workspace, Filters: []string{"evt." + g.workspace.String() + ".>"}, StartSequence: 1,
	}))
	d.mu.Lock()
	d.guests[id.String()] = g
	d.mu.Unlock()
	return g
}

// visit connects as a guest; what the server refuses later is in the channel.
func (d *door) visit(t *testing.T, g guest, opts ...nats.Option) (*nats.Conn, <-chan error) {
	t.Helper()
	refused := make(chan error, 64)
	conn, err := nats.Connect(d.broker.URL, append([]nats.Option{
		nats.UserInfo(g.Owner.Subscription.String(), g.password), nats.CustomInboxPrefix(g.InboxPrefix), nats.Timeout(10 * time.Second),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return conn, refused
}

func (d *door) publish(t *testing.T, ws uuid.UUID, n int) {
	t.Helper()
	for i := range n {
		_, err := d.js.Publish(t.Context(), "evt."+ws.String()+".threads.message.posted", fmt.Append(nil, i))
		require.NoError(t, err)
	}
}

func consumerOf(t *testing.T, conn *nats.Conn, name string) (jetstream.Consumer, error) {
	t.Helper()
	js, err := jetstream.NewWithAPIPrefix(conn, "EV.API")
	require.NoError(t, err)
	return js.Consumer(t.Context(), "EVENTS", name) //nolint:wrapcheck // A test's helper.
}

// info is how far a subscription's durable has come.
func (d *door) info(t *testing.T, subscription uuid.UUID) *jetstream.ConsumerInfo {
	t.Helper()
	consumer, err := d.js.Consumer(t.Context(), "EVENTS", brokeredge.ConsumerName(subscription))
	require.NoError(t, err)
	return consumer.CachedInfo()
}

func (d *door) lastSequence(t *testing.T) uint64 {
	t.Helper()
	events, err := d.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	return events.CachedInfo().State.LastSeq
}

func TestAnIntegratorReadsAcknowledgesAndResumes(t *testing.T) {
	t.Parallel()
	d := open(t)
	g := d.invite(t)
	d.publish(t, g.workspace, 5)
	d.publish(t, uuid.New(), 5)

	conn, _ := d.visit(t, g)
	consumer, err := consumerOf(t, conn, g.Consumer)
	require.NoError(t, err)
	batch, err := consumer.Fetch(3, jetstream.FetchMaxWait(5*time.Second))
	require.NoError(t, err)
	got := 0
	for msg := range batch.Messages() {
		require.Equal(t, "evt."+g.workspace.String()+".threads.message.posted", msg.Subject())
		require.Equal(t, fmt.Append(nil, got), msg.Data())
		require.NoError(t, msg.DoubleAck(t.Context()))
		got++
	}
	require.Equal(t, 3, got)
	conn.Close()

	info := d.info(t, g.Owner.Subscription)
	require.EqualValues(t, 2, info.NumPending+uint64(info.NumAckPending))
	require.EqualValues(t, 3, info.AckFloor.Stream)

	conn, _ = d.visit(t, g)
	consumer, err = consumerOf(t, conn, g.Consumer)
	require.NoError(t, err)
	next, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second))
	require.NoError(t, err)
	require.Equal(t, []byte("3"), next.Data())
}

// A pull request whose reply is an event's subject must not become an event, in any workspace.
func TestNothingCanBeForgedByReplySubject(t *testing.T) {
	t.Parallel()
	d := open(t)
	g := d.invite(t)
	d.publish(t, g.workspace, 3)
	before := d.lastSequence(t)
	conn, _ := d.visit(t, g)
	for _, reply := range []string{
		"evt." + uuid.NewString() + ".threads.message.posted", "evt." + g.workspace.String() + ".threads.message.posted",
		"own." + g.workspace.String() + ".directory.token.revoked", "$JS.API.STREAM.PURGE.EVENTS",
	} {
		for _, subject := range []string{
			"EV.API.CONSUMER.MSG.NEXT.EVENTS." + g.Consumer, "EV.API.CONSUMER.INFO.EVENTS." + g.Consumer,
			"$JS.ACK.EVENTS." + g.Consumer + ".1.1.1.1.0",
		} {
			require.NoError(t, conn.PublishRequest(subject, reply, []byte(`{"batch":1,"no_wait":true}`)))
		}
	}
	require.NoError(t, conn.Flush())
	// A round trip through the same consumer says that the forged requests were worked off before it.
	consumer, err := consumerOf(t, conn, g.Consumer)
	require.NoError(t, err)
	_, err = consumer.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, d.lastSequence(t))
}

func TestEverythingElseIsRefused(t *testing.T) {
	t.Parallel()
	d := open(t)
	g, other := d.invite(t), d.invite(t)
	d.publish(t, other.workspace, 1)
	conn, refused := d.visit(t, g)
	for _, subject := range []string{
		"evt." + g.workspace.String() + ".threads.message.posted", "evt." + other.workspace.String() + ".threads.message.posted",
		"own." + g.workspace.String() + ".directory.token.revoked", "wake.outbox.threads",
		"EV.API.CONSUMER.INFO.EVENTS." + other.Consumer, "EV.API.CONSUMER.MSG.NEXT.EVENTS." + other.Consumer,
		"EV.API.CONSUMER.MSG.NEXT.EVENTS.threads", "$JS.ACK.EVENTS." + other.Consumer + ".1.1.1.1.0",
		"$JS.ACK._.hash.EVENTS." + other.Consumer + ".1.1.1.1.0.x",
		"EV.API.CONSUMER.CREATE.EVENTS." + g.Consumer, "EV.API.CONSUMER.DURABLE.CREATE.EVENTS." + g.Consumer,
		"EV.API.CONSUMER.DELETE.EVENTS." + g.Consumer, "EV.API.CONSUMER.NAMES.EVENTS", "EV.API.CONSUMER.LIST.EVENTS",
		"EV.API.STREAM.INFO.EVENTS", "EV.API.STREAM.MSG.GET.EVENTS", "EV.API.DIRECT.GET.EVENTS", "EV.API.INFO",
		"$JS.API.CONSUMER.INFO.EVENTS." + g.Consumer, "$JS.API.CONSUMER.MSG.NEXT.EVENTS." + g.Consumer,
		"$JS.API.CONSUMER.CREATE.EVENTS.x.evt.>", "$JS.API.STREAM.INFO.EVENTS", "$JS.API.DIRECT.GET.EVENTS",
		"$JS.API.STREAM.PURGE.EVENTS", "$JS.FC.x", "$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.USER.AUTH", other.InboxPrefix + ".x",
	} {
		require.NoError(t, conn.Publish(subject, nil))
		require.NoError(t, conn.Flush())
		require.ErrorIs(t, <-refused, nats.ErrPermissionViolation, "publish to %s", subject)
	}
	for _, subject := range []string{
		">", "evt.>", "own.>", "evt." + g.workspace.String() + ".>", "_INBOX.>", "_INBOX_*.>", other.InboxPrefix + ".>",
		"$JS.>", "EV.>", "$SYS.>", "*.*", "wake.>",
	} {
		_, err := conn.SubscribeSync(subject)
		require.NoError(t, err)
		require.NoError(t, conn.Flush())
		require.ErrorIs(t, <-refused, nats.ErrPermissionViolation, "subscribe to %s", subject)
	}
	require.ErrorIs(t, conn.Publish("EV.API.CONSUMER.INFO.EVENTS."+g.Consumer, make([]byte, 16<<10)), nats.ErrMaxPayload)
}

func TestOnlyTheRightPairIsLetIn(t *testing.T) {
	t.Parallel()
	d := open(t)
	g, other := d.invite(t), d.invite(t)
	ended := d.invite(t, func(g *guest) { g.Expires = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) })
	for name, opts := range map[string][]nats.Option{
		"nothing":               nil,
		"a token alone":         {nats.Token(g.password)},
		"no password":           {nats.UserInfo(g.Owner.Subscription.String(), "")},
		"another's password":    {nats.UserInfo(g.Owner.Subscription.String(), other.password)},
		"an unknown name":       {nats.UserInfo(uuid.NewString(), g.password)},
		"ended credentials":     {nats.UserInfo(ended.Owner.Subscription.String(), ended.password)},
		"the services' name":    {nats.UserInfo(d.broker.Credentials.User, g.password)},
		"the callout's account": {nats.UserInfo(d.broker.Credentials.CalloutUser, g.password)},
	} {
		_, err := nats.Connect(d.broker.URL, append(opts, nats.Timeout(10*time.Second))...)
		require.ErrorIs(t, err, nats.ErrAuthorization, name)
	}
}

func TestAnAdmissionEndsWithItsCredentials(t *testing.T) {
	t.Parallel()
	d := open(t)
	machine := clock.Machine().Now()
	g := d.invite(t, func(g *guest) { g.Expires = machine.Add(2 * time.Second) })
	conn, refused := d.visit(t, g)
	require.True(t, conn.IsConnected())
	require.ErrorIs(t, <-refused, nats.ErrAuthExpired)
}

func TestDisconnectClosesOnlyWhoseItIs(t *testing.T) {
	t.Parallel()
	d := open(t)
	g, other := d.invite(t), d.invite(t)
	closed := make(chan struct{}, 1)
	_, _ = d.visit(t, g, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { closed <- struct{}{} }))
	stays, _ := d.visit(t, other, nats.NoReconnect())
	n, err := d.sys.Disconnect(t.Context(), func(o brokeredge.Owner) bool { return o.Token == g.Owner.Token })
	require.NoError(t, err)
	require.Equal(t, 1, n)
	<-closed
	require.NoError(t, stays.Flush())
	n, err = d.sys.Disconnect(t.Context(), func(o brokeredge.Owner) bool { return o.Token == g.Owner.Token })
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestConsumersStayWithinTheWorkspace(t *testing.T) {
	t.Parallel()
	d := open(t)
	ws, other := uuid.New(), uuid.New()
	for name, filters := range map[string][]string{
		"none":              nil,
		"another workspace": {"evt." + other.String() + ".>"},
		"every workspace":   {"evt.*.>"},
		"everything":        {">"},
		"own":               {"own." + ws.String() + ".>"},
		"no rest":           {"evt." + ws.String() + "."},
		"one of two":        {"evt." + ws.String() + ".>", "evt." + other.String() + ".>"},
		"space":             {"evt." + ws.String() + ".a b"},
		"overlap":           {"evt." + ws.String() + ".>", "evt." + ws.String() + ".threads.>"},
	} {
		err := d.consumers.Ensure(t.Context(), brokeredge.Consumer{Subscription: uuid.New(), Workspace: ws, Filters: filters})
		require.Equal(t, fault.Invalid, fault.From(err).Kind, name)
	}
	all, err := d.consumers.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestConsumersAreMadeOnceListedAndDeleted(t *testing.T) {
	t.Parallel()
	d := open(t)
	one, two := uuid.New(), uuid.New()
	ws := uuid.New()
	d.publish(t, ws, 3)
	wanted := brokeredge.Consumer{Subscription: one, Workspace: ws, Filters: []string{"evt." + ws.String() + ".>"}}
	require.NoError(t, d.consumers.Ensure(t.Context(), wanted))
	require.NoError(t, d.consumers.Ensure(t.Context(), wanted))
	require.Zero(t, d.info(t, one).NumPending, "from what comes next")
	fromTime := wanted
	fromTime.Subscription, fromTime.StartTime = two, clock.Machine().Now().Add(-time.Hour)
	require.NoError(t, d.consumers.Ensure(t.Context(), fromTime))
	require.EqualValues(t, 3, d.info(t, two).NumPending)
	fromTime.StartSequence = 1
	require.Error(t, d.consumers.Ensure(t.Context(), fromTime))

	all, err := d.consumers.List(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []uuid.UUID{one, two}, all)
	require.NoError(t, d.consumers.Delete(t.Context(), one))
	require.NoError(t, d.consumers.Delete(t.Context(), one))
	_, err = d.js.Consumer(t.Context(), "EVENTS", brokeredge.ConsumerName(one))
	require.ErrorIs(t, err, jetstream.ErrConsumerNotFound)
}

// The broker's refusals are told apart: a full broker is nobody's wrong filter.
func TestABrokerWithoutRoomForAConsumerSaysSo(t *testing.T) {
	t.Parallel()
	d := open(t)
	require.NoError(t, d.js.DeleteStream(t.Context(), "EVENTS"))
	_, err := d.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"evt.>"}, MaxConsumers: 1})
	require.NoError(t, err)
	ws := uuid.New()
	ensure := func(filters ...string) *fault.Error {
		for i := range filters {
			filters[i] = "evt." + ws.String() + filters[i]
		}
		return fault.From(d.consumers.Ensure(t.Context(),
			brokeredge.Consumer{Subscription: uuid.New(), Workspace: ws, Filters: filters}))
	}
	overlap := ensure(".>", ".threads.>")
	require.Equal(t, fault.Invalid, overlap.Kind)
	require.Equal(t, "filters", overlap.Fields[0].Path)
	require.Nil(t, ensure(".>"))
	full := ensure(".>")
	require.Equal(t, fault.Exhausted, full.Kind)
	require.Equal(t, brokeredge.ReasonConsumerLimit, full.Reason)
}

// A connection that cannot be closed keeps none of the others open.
func TestOneFailedKickDoesNotSaveTheOthers(t *testing.T) {
	t.Parallel()
	conn := natstest.New(t).Conn(t) // of an account where the test itself is the servers
	owner := brokeredge.Owner{Subscription: uuid.New(), Member: uuid.New(), Token: uuid.New()}
	answer := func(subject string, texts ...string) {
		_, err := conn.Subscribe(subject, func(question *nats.Msg) {
			for _, text := range texts {
				_ = question.Respond([]byte(text)) // the test fails without it
			}
		})
		require.NoError(t, err)
	}
	const listed = `{"server":{"id":"%s"},"data":{"total":1,"connections":[{"cid":7,"authorized_user":"%s"}]}}`
	answer("$SYS.REQ.SERVER.PING.CONNZ", fmt.Sprintf(listed, "GONE", owner), fmt.Sprintf(listed, "THERE", owner))
	kicked := make(chan string, 1)
	_, err := conn.Subscribe("$SYS.REQ.SERVER.THERE.KICK", func(order *nats.Msg) {
		kicked <- string(order.Data)
		_ = order.Respond([]byte("{}")) // as above
	})
	require.NoError(t, err)
	n, err := brokeredge.NewDisconnector(conn).Disconnect(t.Context(), func(o brokeredge.Owner) bool { return o == owner })
	require.ErrorIs(t, err, nats.ErrNoResponders)
	require.Equal(t, 1, n)
	require.JSONEq(t, `{"cid":7}`, <-kicked)
}

func TestWithTheBrokerAwayConsumersSaySo(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.broker.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ws := uuid.New()
	err := d.consumers.Ensure(ctx, brokeredge.Consumer{Subscription: ws, Workspace: ws, Filters: []string{"evt." + ws.String() + ".>"}})
	require.Equal(t, fault.Unavailable, fault.From(err).Kind)
	require.Equal(t, fault.Unavailable, fault.From(d.consumers.Delete(ctx, ws)).Kind)
}

// A question that is not sealed by a server is not answered, whoever gets to send it.
func TestUnsealedQuestionsAreNotAnswered(t *testing.T) {
	t.Parallel()
	issuer, err := nkeys.CreateAccount()
	require.NoError(t, err)
	xkey, err := nkeys.CreateCurveKeys()
	require.NoError(t, err)
	broker := natstest.New(t)
	conn := broker.Conn(t)
	decided := errors.New("decided") //nolint:err113 // A test's own.
	callout := brokeredge.NewCallout(brokeredge.CalloutConfig{
		Conn: conn, Issuer: issuer, XKey: xkey, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Decide: func(context.Context, brokeredge.Attempt) (brokeredge.Grant, error) {
			return brokeredge.Grant{}, decided
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- callout.Run(ctx) }()
	server, err := nkeys.CreateServer()
	require.NoError(t, err)
	user, err := nkeys.CreateUser()
	require.NoError(t, err)
	name, err := user.PublicKey()
	require.NoError(t, err)
	claims := jwt.NewAuthorizationRequestClaims(name)
	claims.UserNkey = name
	text, err := claims.Encode(server)
	require.NoError(t, err)
	_, err = conn.Request("$SYS.REQ.USER.AUTH", []byte(text), 300*time.Millisecond)
	require.Error(t, err)
	cancel()
	require.NoError(t, <-done)
}
