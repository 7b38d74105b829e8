package threads

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// notifier is a context that calls as the notifications service.
func (w *world) notifier() context.Context {
	return w.authority.AsService(w.t, w.ctx, "notifications")
}

func (w *world) sources() notificationsv1.SourceServiceClient {
	return notificationsv1.NewSourceServiceClient(w.conn)
}

// check asks how one source stands for a member.
func (w *world) check(p person, source string) (*notificationsv1.SourceState, error) {
	w.t.Helper()
	resp, err := w.sources().CheckSources(w.notifier(), &notificationsv1.CheckSourcesRequest{
		Parent: domain.WorkspaceName(p.Workspace), Checks: []*notificationsv1.SourceCheck{{Source: source, Member: p.name()}},
	})
	if err != nil {
		return nil, err
	}
	require.Len(w.t, resp.GetStates(), 1)
	return resp.GetStates()[0], nil
}

func (w *world) activity(p person, size int32, token string) (*notificationsv1.ListFollowedActivityResponse, error) {
	return w.sources().ListFollowedActivity(w.notifier(), &notificationsv1.ListFollowedActivityRequest{
		Parent: domain.WorkspaceName(p.Workspace), Member: p.name(), PageSize: size, PageToken: token,
	})
}

func (c *crowd) requireSource(p person, source string, want *notificationsv1.SourceState) {
	c.t.Helper()
	got, err := c.check(p, source)
	require.NoError(c.t, err)
	require.True(c.t, proto.Equal(want, got), "%s for %s:\nwant %v\ngot  %v", source, p.handle, want, got)
}

func TestMessagesAsSources(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	m := c.post(c.ada, c.thread, "hello @bob").GetName()
	c.post(c.ada, c.thread, "and more")
	state := func(read bool) *notificationsv1.SourceState {
		return &notificationsv1.SourceState{Title: "Plans", Text: "hello @bob", Read: read}
	}
	gone := &notificationsv1.SourceState{Gone: true}
	c.requireSource(c.bob, m, state(false))
	c.markRead(c.bob, c.thread, 1)
	c.requireSource(c.bob, m, state(true))
	c.requireSource(c.bob, c.thread+"/messages/2", &notificationsv1.SourceState{Title: "Plans", Text: "and more"})
	c.requireSource(c.carl, m, state(false))
	c.requireSource(c.member(c.ws, auth.Guest, "guest"), m, gone)
	c.requireSource(c.memberIn(c.ws, auth.Member, "left", "DEACTIVATED"), m, gone)
	c.requireSource(c.bob, c.thread+"/messages/3", gone)
	c.requireSource(c.bob, domain.MessageName(c.ws, uuid.Must(uuid.NewV7()), 1), gone)
	for _, kind := range []string{"tasks", "handoffs", "asks"} {
		c.requireSource(c.bob, domain.WorkspaceName(c.ws)+"/"+kind+"/"+uuid.NewString(), gone)
	}
	_, err := c.messages.DeleteMessage(c.ada.ctx, &threadsv1.DeleteMessageRequest{Name: m})
	require.NoError(t, err)
	c.requireSource(c.bob, m, gone)
	c.requireSource(c.carl, m, gone)

	long := strings.Repeat("ä", 3000)
	got, err := c.check(c.bob, c.post(c.ada, c.thread, long).GetName())
	require.NoError(t, err)
	require.Equal(t, long[:2048], got.GetText(), "cut between characters")
	got, err = c.check(c.bob, c.post(c.ada, c.thread, "x"+long).GetName())
	require.NoError(t, err)
	require.Equal(t, ("x" + long)[:2047], got.GetText())
}

func TestAsksAsSources(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	eve, fay := c.member(c.ws, auth.Member, "eve"), c.member(c.ws, auth.Member, "fay")
	team := c.team(c.ws, "crew", c.dora, eve)
	both := teamAsk(threadsv1.Ask_REPLY, c.ws, team, false)
	both.Members = []string{c.bob.name(), c.carl.name(), fay.name()}
	ask := c.ask(c.ada, c.thread, both)
	source := func(change func(s *notificationsv1.SourceState)) *notificationsv1.SourceState {
		s := &notificationsv1.SourceState{Title: "Plans", Text: "Please."}
		change(s)
		return s
	}
	settled := func(reason string) *notificationsv1.SourceState {
		return source(func(s *notificationsv1.SourceState) { s.SettledReason = reason })
	}
	waiting := source(func(s *notificationsv1.SourceState) { s.Waiting = true })
	c.requireSource(c.bob, ask.GetName(), waiting)
	c.working()()
	waiting.DueTime = timestamppb.New(epoch.Add(24 * time.Hour))
	c.requireSource(c.bob, ask.GetName(), waiting)
	c.clock.Advance(30 * time.Hour)
	c.requireSource(c.bob, ask.GetName(), waiting)
	c.requireSource(c.ada, ask.GetName(), source(func(s *notificationsv1.SourceState) { s.Read = true }))
	c.requireSource(c.bob, ask.GetMessage(), source(func(*notificationsv1.SourceState) {}))

	_, err := c.answerAsk(c.bob, ask.GetName(), "")
	require.NoError(t, err)
	_, err = c.declineAsk(c.carl, ask.GetName(), "no")
	require.NoError(t, err)
	_, err = c.answerAsk(c.dora, ask.GetName(), "")
	require.NoError(t, err)
	_, err = c.reassignAsk(fay, ask.GetName(), c.member(c.ws, auth.Member, "gus"))
	require.NoError(t, err)
	c.requireSource(c.bob, ask.GetName(), settled("answered"))
	c.requireSource(c.carl, ask.GetName(), settled("declined"))
	c.requireSource(c.dora, ask.GetName(), settled("answered"))
	c.requireSource(eve, ask.GetName(), settled("answered by another"))
	c.requireSource(fay, ask.GetName(), settled("handed on"))
	withdrawn := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob))
	_, err = c.withdrawAsk(c.ada, withdrawn.GetName())
	require.NoError(t, err)
	c.requireSource(c.bob, withdrawn.GetName(), settled("withdrawn"))
	c.requireSource(c.ada, withdrawn.GetName(), source(func(s *notificationsv1.SourceState) { s.Read, s.SettledReason = true, "withdrawn" }))
	c.markRead(c.bob, c.thread, 1)
	c.requireSource(c.bob, ask.GetName(), source(func(s *notificationsv1.SourceState) { s.Read, s.SettledReason = true, "answered" }))
	_, err = c.messages.DeleteMessage(c.ada.ctx, &threadsv1.DeleteMessageRequest{Name: ask.GetMessage()})
	require.NoError(t, err)
	c.requireSource(c.bob, ask.GetName(), &notificationsv1.SourceState{Gone: true})
}

// Many checks of all kinds are answered in their order; who has lost the right finds all gone.
func TestManySourcesAtOnce(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	private := c.space2(c.ada, c.bob, c.carl)
	thread := c.begin(c.ada, private, "s").GetName()
	ask := c.ask(c.ada, thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl))
	req := &notificationsv1.CheckSourcesRequest{Parent: domain.WorkspaceName(c.ws)}
	elsewhere := uuid.Must(uuid.NewV7())
	for i := range 500 {
		p := []person{c.bob, c.carl}[i%2]
		source := []string{
			ask.GetName(), ask.GetMessage(), domain.WorkspaceName(c.ws) + "/tasks/" + uuid.NewString(), thread + "/messages/99",
			domain.MessageName(elsewhere, elsewhere, 1),
		}[i%5]
		req.Checks = append(req.Checks, &notificationsv1.SourceCheck{Source: source, Member: p.name()})
	}
	c.grant(c.ws, private, c.carl.Member, auth.NoRight)
	resp, err := c.sources().CheckSources(c.notifier(), req)
	require.NoError(t, err)
	require.Len(t, resp.GetStates(), 500)
	for i, state := range resp.GetStates() {
		mine := i%2 == 0 && i%5 < 2
		require.Equal(t, !mine, state.GetGone(), i)
		require.Equal(t, mine && i%5 == 0, state.GetWaiting(), i)
		if !mine {
			require.True(t, proto.Equal(&notificationsv1.SourceState{Gone: true}, state), "nothing else is set")
		}
	}
	req.Checks = append(req.Checks, req.GetChecks()[0])
	_, err = c.sources().CheckSources(c.notifier(), req)
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "checks")
}

// Only the notifications service may ask.
func TestSourcesAreForNotifications(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	boss := c.member(c.ws, auth.Owner, "boss")
	for _, ctx := range []context.Context{boss.ctx, c.authority.AsService(t, t.Context(), "tasks")} {
		_, err := c.sources().CheckSources(ctx, &notificationsv1.CheckSourcesRequest{
			Parent: domain.WorkspaceName(c.ws), Checks: []*notificationsv1.SourceCheck{{Source: c.thread + "/messages/1", Member: c.bob.name()}},
		})
		rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
		_, err = c.sources().ListFollowedActivity(ctx, &notificationsv1.ListFollowedActivityRequest{
			Parent: domain.WorkspaceName(c.ws), Member: c.bob.name(),
		})
		rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	}
	_, err := c.sources().CheckSources(t.Context(), &notificationsv1.CheckSourcesRequest{})
	rpctest.Failed(t, err, codes.Unauthenticated, fault.ReasonUnauthenticated)
}

func TestFollowedActivity(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.reacting()
	private := c.space2(c.ada, c.bob)
	var threads []string
	for i := range 7 {
		space := c.space
		if i == 6 {
			space = private
		}
		threads = append(threads, c.begin(c.ada, space, fmt.Sprint("t", i)).GetName())
		_, err := c.reads().FollowThread(c.bob.ctx, &threadsv1.FollowThreadRequest{Name: threads[i]})
		require.NoError(t, err)
	}
	for _, i := range []int{3, 0, 5, 1, 2, 4, 6} { // the order in which something was last said
		c.clock.Advance(time.Minute)
		for range i + 1 {
			c.post(c.ada, threads[i], "x")
		}
	}
	settle()
	_, err := c.reads().MuteThread(c.bob.ctx, &threadsv1.MuteThreadRequest{Name: threads[5]})
	require.NoError(t, err)
	_, err = c.reads().UnfollowThread(c.bob.ctx, &threadsv1.UnfollowThreadRequest{Name: threads[1]})
	require.NoError(t, err)
	c.markRead(c.bob, threads[2], 3)
	c.markRead(c.bob, threads[3], 1)
	list := func(size int32) (all []string) {
		token := ""
		for {
			resp, err := c.activity(c.bob, size, token)
			require.NoError(t, err)
			for _, a := range resp.GetActivities() {
				all = append(all, fmt.Sprintf("%s %d", a.GetTitle(), a.GetUnreadCount()))
				require.NotEmpty(t, a.GetThread())
				require.Contains(t, []string{domain.SpaceName(c.ws, c.space), domain.SpaceName(c.ws, private)}, a.GetSpace())
				require.NotNil(t, a.GetActivityTime())
			}
			if token = resp.GetNextPageToken(); token == "" {
				return all
			}
		}
	}
	for _, size := range []int32{0, 1, 2, 50} {
		require.Equal(t, []string{"t6 7", "t4 5", "t0 1", "t3 3"}, list(size))
	}
	c.grant(c.ws, private, c.bob.Member, auth.NoRight)
	require.Equal(t, []string{"t4 5", "t0 1", "t3 3"}, list(0))
	resp, err := c.activity(c.carl, 0, "")
	require.NoError(t, err)
	require.Empty(t, resp.GetActivities())
	_, err = c.activity(c.bob, 0, "nonsense")
	rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
}
