package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/clock"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// subscription is a durable of an integrator, as its making tells it.
type subscription struct {
	EventSubscription      struct{ Name, UID, Consumer string }
	InboxPrefix, APIPrefix string
	NatsURL                string `json:"natsUrl"`
}

func (h *house) subscribe(t *testing.T, filters ...string) subscription {
	t.Helper()
	var made subscription
	postJSON(t, h.http()+"/v1/"+h.workspace+"/eventSubscriptions", h.owner.token, map[string]any{"displayName": "Story", "filters": filters}, &made)
	return made
}

// integrator connects as an integrator's program does: with nats.go alone.
func (h *house) integrator(t *testing.T, s subscription, token string, options ...nats.Option) (*nats.Conn, jetstream.Consumer) {
	t.Helper()
	conn, err := nats.Connect(h.NATSURL(), append([]nats.Option{nats.UserInfo(s.EventSubscription.UID, token), nats.CustomInboxPrefix(s.InboxPrefix)}, options...)...)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.NewWithAPIPrefix(conn, s.APIPrefix)
	require.NoError(t, err)
	consumer, err := js.Consumer(t.Context(), "EVENTS", s.EventSubscription.Consumer)
	require.NoError(t, err)
	return conn, consumer
}

func next(t *testing.T, consumer jetstream.Consumer) jetstream.Msg {
	t.Helper()
	m, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
	require.NoError(t, err)
	return m
}

func TestAnIntegratorReadsCloudEventsInOrderAndResumes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	thread := h.thread(t, h.space(t, directoryv1.Space_OPEN), "Integrated")
	s := h.subscribe(t, "threads.message.*")
	conn, consumer := h.integrator(t, s, h.owner.token)
	for n := range 3 {
		h.post(t, h.owner, thread, fmt.Sprint("message ", n+1))
	}
	last := ""
	for n := range 3 {
		m := next(t, consumer)
		header := m.Headers()
		require.Equal(t, "meridian.threads.v1.MessagePosted", header["ce-type"][0])
		require.Equal(t, "1.0", header["ce-specversion"][0])
		require.Equal(t, fmt.Sprintf("%s/messages/%d", thread, n+1), header["ce-subject"][0])
		require.Equal(t, thread, header["ce-partitionkey"][0])
		require.Equal(t, h.owner.member, header["ce-actor"][0])
		require.Equal(t, header["ce-id"][0], header.Get(nats.MsgIdHdr))
		require.Greater(t, header["ce-sequence"][0], last)
		last = header["ce-sequence"][0]
		var posted threadsv1.MessagePosted
		require.NoError(t, proto.Unmarshal(m.Data(), &posted))
		require.Equal(t, fmt.Sprint("message ", n+1), posted.GetMessage().GetBody())
		require.NoError(t, m.DoubleAck(t.Context()))
	}
	conn.Close()
	h.post(t, h.owner, thread, "while away")
	_, consumer = h.integrator(t, s, h.owner.token)
	require.Equal(t, thread+"/messages/4", next(t, consumer).Headers()["ce-subject"][0])
}

func TestAnIntegratorIsConfinedToItsOwn(t *testing.T) {
	t.Parallel()
	h, other := newHouse(t), newHouse(t)
	s := h.subscribe(t)
	foreign := other.subscribe(t)
	conn, _ := h.integrator(t, s, h.owner.token)
	js, err := jetstream.NewWithAPIPrefix(conn, s.APIPrefix)
	require.NoError(t, err)
	ctx, cancel := clockedContext(t, 3*time.Second)
	defer cancel()
	_, err = js.Consumer(ctx, "EVENTS", foreign.EventSubscription.Consumer)
	require.Error(t, err, "another workspace's durable")
	_, err = nats.Connect(h.NATSURL(), nats.UserInfo(foreign.EventSubscription.UID, h.owner.token))
	require.Error(t, err, "another workspace's durable with one's own token")
	_, err = nats.Connect(h.NATSURL())
	require.Error(t, err, "nobody comes in without credentials")
	who := h.join(t, directoryv1.Member_MEMBER)
	_, err = nats.Connect(h.NATSURL(), nats.UserInfo(s.EventSubscription.UID, who.token))
	require.Error(t, err, "a member who is no administrator")
}

func TestARevokedTokensIntegratorIsCutOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.subscribe(t)
	var made struct {
		APIToken struct{ Name string } `json:"apiToken"`
		Secret   string
	}
	postJSON(t, h.http()+"/v1/"+h.owner.member+"/apiTokens", h.owner.token, map[string]any{"displayName": "integrator", "scopes": []string{"events.all"}}, &made)
	closed := make(chan struct{})
	h.integrator(t, s, made.Secret, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	require.Equal(t, http.StatusOK, send(t, http.MethodPost, h.http()+"/v1/"+made.APIToken.Name+":revoke", h.owner.token, []byte("{}")).code)
	began := clock.Machine().Now()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		require.Fail(t, "the connection outlives its token")
	}
	require.Less(t, clock.Machine().Now().Sub(began), 3*time.Second)
}
