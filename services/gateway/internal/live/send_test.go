package live

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// fromTheBeginning asks for the past.
func fromTheBeginning(r *gatewayv1.WatchEventsRequest) {
	r.Since = timestamppb.New(clock.Machine().Now().Add(-time.Hour))
}

// publishMuch publishes more than a connection holds for a client that does not read.
func (w *world) publishMuch(events int) {
	w.t.Helper()
	for range events {
		posted, ok := w.post(w.open).(*threadsv1.MessagePosted)
		require.True(w.t, ok)
		posted.Message.Body = strings.Repeat("x", 60<<10)
		w.publish("threads", posted)
	}
}

// consumers are those that the broker has.
func (w *world) consumers() int {
	stream, err := w.js.Stream(w.t.Context(), eventbus.Stream)
	require.NoError(w.t, err)
	return stream.CachedInfo().State.Consumers
}

// watchOverGRPC opens a stream on the past with a real client, and does not read it.
func (w *world) watchOverGRPC(hub *Hub) grpc.ServerStreamingClient[gatewayv1.WatchEventsResponse] {
	w.t.Helper()
	authority := rpctest.NewAuthority(w.t)
	w.sessions.session = edge.NewSession(w.member, "access", "access")
	_, server := rpctest.Serve(w.t, authority, rpcserver.Config{Service: "gateway"}, rpcserver.Deps{},
		func(r grpc.ServiceRegistrar) { gatewayv1.RegisterEventServiceServer(r, NewService(hub)) })
	conn, err := grpc.NewClient("passthrough:///"+server.Addr(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithInitialWindowSize(64<<10))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, conn.Close()) })
	request := &gatewayv1.WatchEventsRequest{Parent: "workspaces/" + w.workspace.String()}
	fromTheBeginning(request)
	stream, err := gatewayv1.NewEventServiceClient(conn).WatchEvents(authority.As(w.t, w.t.Context(), w.member), request)
	require.NoError(w.t, err)
	return stream
}

// held is how many streams and places for reading the past the hub has given out.
func held(h *Hub) (streams, places int) {
	h.streams.mu.Lock()
	defer h.streams.mu.Unlock()
	for _, n := range h.streams.open {
		streams += n
	}
	return streams, len(h.catchUps)
}

// requireFreed waits until the hub holds nothing, nor the broker for it but what the hub follows by.
func (w *world) requireFreed(h *Hub) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		streams, places := held(h)
		return streams == 0 && places == 0 && w.consumers() == 1
	}, patience, 10*time.Millisecond)
}

// last reads the stream to its end.
func last(t *testing.T, stream grpc.ServerStreamingClient[gatewayv1.WatchEventsResponse]) error {
	t.Helper()
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

func TestAClientThatReadsNothingOfThePastHoldsNothingForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.SendTimeout = 2 * time.Second })
	w.publishMuch(10)
	stream := w.watchOverGRPC(w.hub)
	require.Eventually(t, func() bool {
		_, places := held(w.hub)
		return places == 1 && w.consumers() == 2
	}, patience, 10*time.Millisecond)
	w.requireFreed(w.hub)
	failed := rpctest.Failed(t, last(t, stream), codes.ResourceExhausted,
		gatewayv1.ErrorReason_WATCHER_TOO_SLOW.String())
	require.Contains(t, failed.Proto().String(), "resume_token", "when it reads again it learns why, and where to go on")
}

func TestARevocationAlsoEndsAStreamThatIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.SendTimeout = time.Hour })
	w.publishMuch(10)
	stream := w.watchOverGRPC(w.hub)
	require.Eventually(t, func() bool {
		_, places := held(w.hub)
		return places == 1 && w.consumers() == 2
	}, patience, 10*time.Millisecond)
	w.publish("directory", &directoryv1.MemberDeactivated{Member: memberOf(w.member, directoryv1.Member_DEACTIVATED, 2)})
	w.requireFreed(w.hub)
	rpctest.Failed(t, last(t, stream), codes.Unauthenticated, fault.ReasonTokenRevoked)
}

func TestAServerSentStreamThatIsNotReadEndsToo(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			serverSentStreamThatIsNotRead(t, http2)
		})
	}
}

func serverSentStreamThatIsNotRead(t *testing.T, http2 bool) {
	t.Helper()
	w := newWorld(t, func(c *Config) { c.SendTimeout = time.Second })
	w.publishMuch(200) // more than the buffers of a loopback connection
	events := &Events{
		Hub: w.hub, Refuse: func(http.ResponseWriter, *status.Status) {},
		Status: func(ctx context.Context, err error) *status.Status { return rpcserver.StatusOf(ctx, "gateway", err) },
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.SetPathValue("parent", "workspaces/"+w.workspace.String())
		events.ServeHTTP(rw, r.WithContext(edge.NewContext(r.Context(), edge.NewSession(w.member, "access", "access"))))
	}))
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/?since=2020-01-01T00:00:00Z", nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	if http2 {
		require.Equal(t, 2, response.ProtoMajor)
	}
	_, places := held(w.hub)
	require.Equal(t, 1, places)
	w.requireFreed(w.hub)
}

func TestAPanicWhileSendingEndsOneStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	request := &gatewayv1.WatchEventsRequest{Parent: "workspaces/" + w.workspace.String()}
	err := w.hub.watch(t.Context(), edge.Session{Caller: w.member, Access: "access"}, request,
		func(update) error { panic("a mistake") })
	require.True(t, fault.Is(err, fault.Internal))
	require.ErrorContains(t, err, "a mistake")
	w.watch(w.hub, w.member).started()
}

func TestOneWorkspaceCannotTakeAllPlacesForThePast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("threads", w.post(w.open))
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	for range topicCatchUps + 2 {
		go func() {
			request := &gatewayv1.WatchEventsRequest{Parent: "workspaces/" + w.workspace.String()}
			fromTheBeginning(request)
			_ = w.hub.watch(t.Context(), edge.Session{Caller: w.member, Access: "access"}, request, func(update) error {
				<-block
				return nil
			})
		}()
	}
	require.Eventually(t, func() bool {
		streams, places := held(w.hub)
		return streams == topicCatchUps+2 && places == topicCatchUps
	}, patience, 10*time.Millisecond)
	refused := w.watch(w.hub, w.member, fromTheBeginning).end()
	require.Equal(t, fault.Unavailable, refused.Kind, "those beyond the share are told to come again")
	_, places := held(w.hub)
	require.Equal(t, topicCatchUps, places)

	beside := w.beside()
	sequence := beside.publish("threads", beside.post(beside.open))
	require.Equal(t, []uint64{sequence}, beside.watch(w.hub, beside.member, fromTheBeginning).until(sequence))
}
