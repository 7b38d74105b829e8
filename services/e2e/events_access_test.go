package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
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
		_, err = messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{Parent: in.thread, Message: &threadsv1.Message{
			Body: "Now", Urgency: notificationsv1.Notification_URGENT, UrgentReason: "The walk",
		}})
		require.NoError(t, err)
		_, err = messages.RemoveReaction(ctx, &threadsv1.RemoveReactionRequest{Name: in.message, Emoji: "🎉"})
		require.NoError(t, err)
	}
	w.causeTheRelay(t)
	open.causeTheRelay(t)
	for _, name := range []string{"guest reader", "reader"} {
		_, err := threadsv1.NewReadServiceClient(w.conn).MuteThread(as(t.Context(), w.principal(t, name).token), &threadsv1.MuteThreadRequest{Name: w.thread})
		require.NoError(t, err)
	}
}

// causeTheRelay closes a task that is held and offered, and opens it again.
func (w *world) causeTheRelay(t *testing.T) {
	t.Helper()
	builders := requests()
	task, ok := builders["UpdateTask"](t, w, w.owner).(*tasksv1.UpdateTaskRequest)
	require.True(t, ok)
	for _, state := range []string{"done", "ready"} {
		_, err := tasksv1.NewTaskServiceClient(w.conn).UpdateTask(as(t.Context(), w.owner.token), &tasksv1.UpdateTaskRequest{
			Task: &tasksv1.Task{Name: task.GetTask().GetName(), State: state}, UpdateMask: mask("state"),
		})
		require.NoError(t, err)
	}
}

// byTime are the events that time brings about, which runs by itself here. The stories of the night have them, and those of
// availability.
var byTime = []string{
	"meridian.threads.v1.AskOverdue", "meridian.tasks.v1.HandoffExpired", "meridian.tasks.v1.HandoffRerouted",
	"meridian.notifications.v1.NotificationDelivered", "meridian.notifications.v1.NotificationDeferred",
	"meridian.notifications.v1.DigestSent", "meridian.notifications.v1.DeliveryFailed",
	"meridian.availability.v1.CoverageGapFound",
}

// requireEveryType makes sure that the story brings about every event there is but those of time; a workspace is created
// before it.
func requireEveryType(t *testing.T, happened []entry) {
	t.Helper()
	// A workspace is made before anybody can follow, and restored while nothing runs: services/meridian/internal/backup tells that.
	seen := map[string]bool{"meridian.directory.v1.WorkspaceCreated": true, "meridian.directory.v1.WorkspaceRestored": true}
	for _, name := range byTime {
		seen[name] = true
	}
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

// grpcStream is an open WatchEvents. It is read all the time, as a client would: one that takes nothing is ended.
type grpcStream struct {
	first    *gatewayv1.WatchEventsResponse
	received chan *gatewayv1.WatchEventsResponse
	// ended is why it ended; it is there once received is closed.
	ended error
}

// unread is how many answers of a stream a test may leave unread.
const unread = 10_000

// watch opens WatchEvents and returns when it is open.
func (w *world) watch(t *testing.T, p principal) *grpcStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(as(context.Background(), p.token), 5*time.Minute)
	t.Cleanup(cancel)
	events, err := gatewayv1.NewEventServiceClient(w.conn).WatchEvents(ctx, &gatewayv1.WatchEventsRequest{Parent: w.workspace})
	require.NoError(t, err)
	first, err := events.Recv()
	require.NoError(t, err, p.name)
	require.NotNil(t, first.GetHeartbeat(), "a stream shows at once that it is open")
	g := &grpcStream{first: first, received: make(chan *gatewayv1.WatchEventsResponse, unread)}
	go func() {
		defer close(g.received)
		for {
			response, err := events.Recv()
			if err != nil {
				g.ended = err
				return
			}
			select {
			case g.received <- response:
			case <-ctx.Done():
				g.ended = ctx.Err()
				return
			}
		}
	}()
	return g
}

// Recv is the next answer, or why there is none.
func (g *grpcStream) Recv() (*gatewayv1.WatchEventsResponse, error) {
	response, open := <-g.received
	if !open {
		return nil, g.ended
	}
	return response, nil
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
	revoked := clock.Machine().Now()
	select {
	case err := <-ended:
		require.Equal(t, codes.Unauthenticated, status.Code(err), "%v", err)
		t.Logf("WatchEvents ended after %v", clock.Machine().Now().Sub(revoked))
	case <-time.After(5 * time.Second):
		require.Fail(t, "WatchEvents outlives its token")
	}
	select {
	case why := <-sse.closed:
		require.Contains(t, why, "TOKEN_REVOKED")
		t.Logf("SSE ended after %v", clock.Machine().Now().Sub(revoked))
	case <-time.After(5 * time.Second):
		require.Fail(t, "SSE outlives its token")
	}
	select {
	case <-durable.closed:
		t.Logf("the broker's connection ended after %v", clock.Machine().Now().Sub(revoked))
	case <-time.After(5 * time.Second):
		require.Fail(t, "the broker's connection outlives its token")
	}
	require.Less(t, clock.Machine().Now().Sub(revoked), 2*time.Second)
}
