package threads

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// askOf asks members by name.
func askOf(kind threadsv1.Ask_Kind, people ...person) *threadsv1.Ask {
	ask := &threadsv1.Ask{Kind: kind}
	for _, p := range people {
		ask.Members = append(ask.Members, p.name())
	}
	return ask
}

func teamAsk(kind threadsv1.Ask_Kind, ws, team uuid.UUID, everyone bool) *threadsv1.Ask {
	return &threadsv1.Ask{Kind: kind, Team: domain.TeamName(ws, team), Everyone: everyone}
}

func (w *world) tryAsk(p person, thread string, asks ...*threadsv1.Ask) (*threadsv1.Message, error) {
	return w.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{
		Parent: thread, Message: &threadsv1.Message{Body: "Please.", Asks: asks},
	})
}

// ask posts a message with one ask and returns the ask.
func (w *world) ask(p person, thread string, ask *threadsv1.Ask) *threadsv1.Ask {
	w.t.Helper()
	m, err := w.tryAsk(p, thread, ask)
	require.NoError(w.t, err)
	require.Len(w.t, m.GetAsks(), 1)
	return m.GetAsks()[0]
}

func (w *world) reply(p person, message, body string) *threadsv1.Message {
	w.t.Helper()
	thread, _, _ := strings.Cut(message, "/messages/")
	m, err := w.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{
		Parent: thread, Message: &threadsv1.Message{Body: body, ReplyTo: message},
	})
	require.NoError(w.t, err)
	return m
}

func (w *world) getAsk(p person, name string) *threadsv1.Ask {
	w.t.Helper()
	ask, err := w.asks.GetAsk(p.ctx, &threadsv1.GetAskRequest{Name: name})
	require.NoError(w.t, err)
	return ask
}

// standing is how an ask stands with each, in its order, by handle.
func standing(ask *threadsv1.Ask, people ...person) string {
	var all []string
	for _, r := range ask.GetRecipients() {
		handle := r.GetMember()
		for _, p := range people {
			if p.name() == r.GetMember() {
				handle = p.handle
			}
		}
		all = append(all, handle+" "+r.GetState().String())
	}
	return ask.GetState().String() + ": " + strings.Join(all, ", ")
}

// crowd is an open space with a thread of Ada's and others who may read it.
type crowd struct {
	*world
	ws, space            uuid.UUID
	ada, bob, carl, dora person
	thread               string
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{world: newWorld(t)}
	c.ws, c.space, c.ada = c.open()
	c.bob, c.carl, c.dora = c.member(c.ws, auth.Member, "bob"), c.member(c.ws, auth.Member, "carl"), c.member(c.ws, auth.Member, "dora")
	c.thread = c.begin(c.ada, c.space, "Plans").GetName()
	return c
}

func (c *crowd) standing(ask *threadsv1.Ask) string {
	return standing(ask, c.ada, c.bob, c.carl, c.dora)
}

func TestAsksOfEveryKind(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	every := []threadsv1.Ask_Kind{threadsv1.Ask_REPLY, threadsv1.Ask_REVIEW, threadsv1.Ask_APPROVE, threadsv1.Ask_ACKNOWLEDGE}
	windows := []*availabilityv1.ResponseWindow{
		nil,
		{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: durationpb.New(90 * time.Minute)}},
		{Window: &availabilityv1.ResponseWindow_WorkingDays{WorkingDays: 3}},
		{Window: &availabilityv1.ResponseWindow_ElapsedTime{ElapsedTime: durationpb.New(0)}},
	}
	var asks []*threadsv1.Ask
	for i, kind := range every {
		ask := askOf(kind, c.bob, c.carl)
		ask.Window = windows[i]
		asks = append(asks, ask)
	}
	m, err := c.tryAsk(c.ada, c.thread, asks...)
	require.NoError(t, err)
	require.Equal(t, notificationsv1.Notification_NORMAL, m.GetUrgency())
	require.Len(t, m.GetAsks(), len(every))
	for i, ask := range m.GetAsks() {
		require.Equal(t, every[i], ask.GetKind())
		require.Equal(t, m.GetName(), ask.GetMessage())
		require.Equal(t, c.thread, ask.GetThread())
		require.Equal(t, c.ada.name(), ask.GetAsker())
		require.Equal(t, []string{c.bob.name(), c.carl.name()}, ask.GetMembers())
		require.Equal(t, "OPEN: bob OPEN, carl OPEN", c.standing(ask))
		require.EqualValues(t, 1, ask.GetVersion())
		require.Equal(t, `"1"`, ask.GetEtag())
		require.Nil(t, ask.GetDueTime(), "not known yet")
		if windows[i] != nil {
			require.True(t, proto.Equal(windows[i], ask.GetWindow()))
		} else {
			require.Equal(t, 24*time.Hour, ask.GetWindow().GetWorkingTime().AsDuration(), "the default of NORMAL")
		}
		require.True(t, proto.Equal(ask, c.getAsk(c.dora, ask.GetName())), "anybody may look who may read")
	}
	require.True(t, proto.Equal(m, c.message(c.bob, m.GetName())))
	list, err := c.messages.ListMessages(c.bob.ctx, &threadsv1.ListMessagesRequest{Parent: c.thread})
	require.NoError(t, err)
	require.True(t, proto.Equal(m, list.GetMessages()[0]))
	edited, err := c.edit(c.ada, m.GetName(), "Please do.", "")
	require.NoError(t, err)
	require.Len(t, edited.GetAsks(), len(every), "an edit leaves the asks")
	require.Equal(t, []string{"ThreadCreated", "MessagePosted", "AskOpened", "AskOpened", "AskOpened", "AskOpened", "MessageEdited"},
		kinds(c.unpublished()))
}

// The window of an ask that names none is the workspace's, by the message's urgency.
func TestDefaultWindows(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	post := func(urgency notificationsv1.Notification_Urgency) time.Duration {
		m, err := c.messages.CreateMessage(c.ada.ctx, &threadsv1.CreateMessageRequest{Parent: c.thread, Message: &threadsv1.Message{
			Body: "x", Urgency: urgency, UrgentReason: map[bool]string{true: "fire"}[urgency == notificationsv1.Notification_URGENT],
			Asks: []*threadsv1.Ask{askOf(threadsv1.Ask_REPLY, c.bob)},
		}})
		require.NoError(t, err)
		require.Equal(t, m.GetUrgency(), m.GetAsks()[0].GetUrgency())
		return m.GetAsks()[0].GetWindow().GetWorkingTime().AsDuration()
	}
	expect := func(hours ...int) {
		t.Helper()
		for urgency, h := range hours {
			require.Equal(t, time.Duration(h)*time.Hour, post(notificationsv1.Notification_Urgency(urgency)))
		}
	}
	expect(24, 40, 24, 4, 1)
	c.settings(c.ws, auth.Member, 10, 20, 0, 2)
	expect(20, 10, 20, 4, 2)
}

// settings lays what the directory says of a workspace: who may send URGENT, and the windows in hours, 0 for none.
func (w *world) settings(ws uuid.UUID, role auth.Role, low, normal, high, urgent int) {
	w.t.Helper()
	w.exec(`INSERT INTO workspaces (workspace_id, display_name, time_zone, urgent_role, low_seconds, normal_seconds, high_seconds, urgent_seconds, version)
		VALUES ($1, 'W', 'UTC', $2, $3::int * 3600, $4::int * 3600, $5::int * 3600, $6::int * 3600, 1)
		ON CONFLICT (workspace_id) DO UPDATE SET urgent_role = excluded.urgent_role`, ws, int(role), low, normal, high, urgent)
}

// Who may not be asked is refused by name, and nothing is posted.
func TestWhoMayNotBeAsked(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	private := c.space2(c.ada, c.bob)
	thread := c.begin(c.ada, private, "secret").GetName()
	invited, gone := c.memberIn(c.ws, auth.Member, "new", "INVITED"), c.memberIn(c.ws, auth.Member, "old", "DEACTIVATED")
	elsewhere := c.member(uuid.Must(uuid.NewV7()), auth.Member, "far")
	unknown := person{Caller: rpctest.Member(c.ws, auth.Member), handle: "unknown"}
	guest := c.member(c.ws, auth.Guest, "guest")
	empty, deleted := c.team(c.ws, "empty", c.ada), c.team(c.ws, "deleted", c.bob)
	c.exec(`UPDATE teams SET deleted = true WHERE team_id = $1`, deleted)
	outside := c.team(c.ws, "outside", c.carl, gone)

	before := len(c.unpublished())
	refused := func(field string, asks ...*threadsv1.Ask) {
		t.Helper()
		_, err := c.tryAsk(c.ada, thread, asks...)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
	}
	for _, p := range []person{c.carl, invited, gone, unknown, guest} {
		refused("message.asks[0].members[1]", askOf(threadsv1.Ask_REPLY, c.bob, p))
		_, err := c.tryAsk(c.ada, thread, askOf(threadsv1.Ask_REPLY, p))
		require.ErrorContains(t, err, p.name(), "by name")
	}
	_, err := c.tryAsk(c.ada, thread, askOf(threadsv1.Ask_REPLY, c.bob), askOf(threadsv1.Ask_REVIEW, c.carl, c.bob, guest))
	require.Equal(t, []string{"message.asks[1].members[0]", "message.asks[1].members[2]"}, rpctest.Fields(
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "message.asks[1].members[0]")))
	refused("message.asks[0].members[0]", askOf(threadsv1.Ask_REPLY, elsewhere))
	refused("message.asks[0].members[0]", askOf(threadsv1.Ask_REPLY, c.ada, c.bob))
	refused("message.asks[0].members", &threadsv1.Ask{Kind: threadsv1.Ask_REPLY})
	refused("message.asks[0].members", askOf(threadsv1.Ask_REPLY, c.bob, c.bob))
	refused("message.asks[0].kind", askOf(threadsv1.Ask_KIND_UNSPECIFIED, c.bob))
	refused("message.asks[0].kind", askOf(99, c.bob))
	refused("message.asks[0].team", teamAsk(threadsv1.Ask_REPLY, c.ws, empty, false))
	refused("message.asks[0].team", teamAsk(threadsv1.Ask_REPLY, c.ws, deleted, false))
	refused("message.asks[0].team", teamAsk(threadsv1.Ask_REPLY, c.ws, outside, true))
	refused("message.asks[0].team", teamAsk(threadsv1.Ask_REPLY, c.ws, uuid.Must(uuid.NewV7()), true))
	refused("message.asks[0].team", teamAsk(threadsv1.Ask_REPLY, uuid.Must(uuid.NewV7()), empty, true))
	withWindow := askOf(threadsv1.Ask_REPLY, c.bob)
	withWindow.Window = &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingDays{WorkingDays: 61}}
	refused("message.asks[0].window.working_days", withWindow)
	many := make([]*threadsv1.Ask, 11)
	for i := range many {
		many[i] = askOf(threadsv1.Ask_REPLY, c.bob)
	}
	refused("message.asks", many...)
	require.Len(t, c.unpublished(), before)
	require.EqualValues(t, 1, c.post(c.ada, thread, "nothing refused took a sequence").GetSequence())

	// A person whose right the directory knows of better is asked.
	c.directory.answer = func() { c.grant(c.ws, private, c.carl.Member, auth.Reader) }
	require.Equal(t, "OPEN: carl OPEN", c.standing(c.ask(c.ada, thread, askOf(threadsv1.Ask_REPLY, c.carl))))
}

// space2 is a private space of some.
func (c *crowd) space2(people ...person) uuid.UUID {
	c.t.Helper()
	space := c.world.space(c.ws, true)
	for _, p := range people {
		c.grant(c.ws, space, p.Member, auth.Writer)
	}
	return space
}

// A team is asked without its asker and without those who may not read; by name and in the team is asked once.
func TestTeamsAreResolved(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	guest := c.member(c.ws, auth.Guest, "guest")
	team := c.team(c.ws, "crew", c.ada, c.bob, c.carl, guest, c.memberIn(c.ws, auth.Member, "new", "INVITED"))
	c.exec(`INSERT INTO team_members VALUES ($1, $2, $3, false, true, 2)`, c.ws, team, c.dora.Member)
	ask := teamAsk(threadsv1.Ask_REVIEW, c.ws, team, true)
	ask.Members = []string{c.carl.name(), c.dora.name()}
	got := c.ask(c.ada, c.thread, ask)
	require.Equal(t, "OPEN: carl OPEN, dora OPEN, bob OPEN", c.standing(got))
	require.Equal(t, []bool{false, false, true}, []bool{
		got.GetRecipients()[0].GetOfTeam(), got.GetRecipients()[1].GetOfTeam(), got.GetRecipients()[2].GetOfTeam(),
	})
	require.True(t, got.GetEveryone())
	require.Equal(t, domain.TeamName(c.ws, team), got.GetTeam())
	require.True(t, proto.Equal(got, c.getAsk(c.bob, got.GetName())))
}

// Five hundred people can be asked, in events that fit; five hundred and one cannot.
func TestAHugeTeam(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	crew := c.team(c.ws, "crew", c.ada, c.bob)
	fill := func(n int) {
		c.exec(`WITH new AS (INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
			SELECT $1, gen_random_uuid(), 'M', '', 'UTC', 2, 2, 1, 1 FROM generate_series(1, $3::int) RETURNING member_id)
			INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version)
			SELECT $1, $2, member_id, false, false, 1 FROM new`, c.ws, crew, n)
	}
	fill(499)
	body := strings.Repeat("x", 64<<10)
	m, err := c.messages.CreateMessage(c.ada.ctx, &threadsv1.CreateMessageRequest{Parent: c.thread, Message: &threadsv1.Message{
		Body: body, Asks: []*threadsv1.Ask{teamAsk(threadsv1.Ask_REPLY, c.ws, crew, false)},
	}})
	require.NoError(t, err)
	require.Len(t, m.GetAsks()[0].GetRecipients(), 500)
	settle := c.working()
	settle()
	require.NotNil(t, c.getAsk(c.ada, m.GetAsks()[0].GetName()).GetDueTime())
	calls, queries := c.hours.asked()
	require.Equal(t, 1000, queries)
	require.LessOrEqual(t, calls, 4, "in bounded calls")
	_, err = c.edit(c.ada, m.GetName(), body[1:], "")
	require.NoError(t, err)
	c.reply(c.bob, m.GetName(), "for all")
	got := c.getAsk(c.ada, m.GetAsks()[0].GetName())
	require.Equal(t, threadsv1.Ask_SETTLED, got.GetState())
	for _, r := range got.GetRecipients() {
		require.Equal(t, c.bob.name(), r.GetAnsweredBy())
		require.Equal(t, c.thread+"/messages/2", r.GetAnswerMessage())
	}
	fill(1)
	_, err = c.tryAsk(c.ada, c.thread, teamAsk(threadsv1.Ask_REPLY, c.ws, crew, true))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "message.asks")
	_, err = c.tryAsk(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob), teamAsk(threadsv1.Ask_REPLY, c.ws, crew, true))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "message.asks")
}

func TestUrgent(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	boss := c.member(c.ws, auth.Admin, "boss")
	send := func(p person, urgency notificationsv1.Notification_Urgency, reason string) (*threadsv1.Message, error) {
		return c.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{
			Parent: c.thread, Message: &threadsv1.Message{Body: "x", Urgency: urgency, UrgentReason: reason},
		})
	}
	for _, bad := range []string{"", " \n", strings.Repeat("x", 501)} {
		_, err := send(c.ada, notificationsv1.Notification_URGENT, bad)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "message.urgent_reason")
	}
	for _, urgency := range []notificationsv1.Notification_Urgency{0, 1, 2, 3} {
		_, err := send(c.ada, urgency, "reason")
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "message.urgent_reason")
	}
	_, err := send(c.ada, 7, "")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "message.urgency")

	before := len(c.unpublished())
	m, err := send(c.ada, notificationsv1.Notification_URGENT, "The site is down")
	require.NoError(t, err, "MEMBER and above by default")
	require.Equal(t, "The site is down", m.GetUrgentReason())
	require.Equal(t, notificationsv1.Notification_URGENT, m.GetUrgency())
	require.True(t, proto.Equal(m, c.message(c.bob, m.GetName())))
	events := c.unpublished()[before:]
	require.Equal(t, []string{"MessagePosted", "UrgentUsed"}, kinds(events))
	require.Equal(t, m.GetName(), events[1].aggregate)
	require.EqualValues(t, 1, events[1].version)
	require.Contains(t, events[1].subject, "own."+c.ws.String(), "not for integrators")

	c.settings(c.ws, auth.Admin, 0, 0, 0, 0)
	_, err = send(c.ada, notificationsv1.Notification_URGENT, "again")
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonUrgentNotPermitted)
	_, err = send(boss, notificationsv1.Notification_URGENT, "again")
	require.NoError(t, err)
	require.EqualValues(t, 3, c.post(c.ada, c.thread, "no sequence was lost").GetSequence())
	gone, err := c.messages.DeleteMessage(c.ada.ctx, &threadsv1.DeleteMessageRequest{Name: m.GetName()})
	require.NoError(t, err)
	require.Empty(t, gone.GetUrgentReason(), "its words are gone")
}

// A page of asks is bounded in bytes like one of bodies, and the list is whole all the same.
func TestPagesOfAsksAreBounded(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	crew := c.team(c.ws, "crew", c.ada, c.bob)
	c.exec(`WITH new AS (INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
		SELECT $1, gen_random_uuid(), 'M', '', 'UTC', 2, 2, 1, 1 FROM generate_series(1, 450) RETURNING member_id)
		INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version)
		SELECT $1, $2, member_id, false, false, 1 FROM new`, c.ws, crew)
	const n = 18
	for i := range n {
		m, err := c.messages.CreateMessage(c.ada.ctx, &threadsv1.CreateMessageRequest{Parent: c.thread, Message: &threadsv1.Message{
			Body: fmt.Sprint("ask ", i), Asks: []*threadsv1.Ask{teamAsk(threadsv1.Ask_REPLY, c.ws, crew, true)},
		}})
		require.NoError(t, err)
		require.Len(t, m.GetAsks()[0].GetRecipients(), 451)
	}
	for _, order := range []string{"sequence", "sequence desc"} {
		req := &threadsv1.ListMessagesRequest{Parent: c.thread, PageSize: 200, OrderBy: order}
		var seen, pages int
		for {
			resp, err := c.messages.ListMessages(c.bob.ctx, req)
			require.NoError(t, err)
			require.Less(t, proto.Size(resp), 1<<20)
			for _, m := range resp.GetMessages() {
				require.Len(t, m.GetAsks()[0].GetRecipients(), 451)
			}
			seen, pages = seen+len(resp.GetMessages()), pages+1
			if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
				break
			}
		}
		require.Equal(t, n, seen)
		require.Greater(t, pages, 4)
	}
	seen := map[string]bool{}
	req := &threadsv1.ListAsksRequest{Parent: domain.WorkspaceName(c.ws), PageSize: 200}
	for {
		resp, err := c.asks.ListAsks(c.bob.ctx, req)
		require.NoError(t, err)
		require.Less(t, proto.Size(resp), 4<<20)
		for _, ask := range resp.GetAsks() {
			require.Len(t, ask.GetRecipients(), 451)
			seen[ask.GetName()] = true
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	require.Len(t, seen, n)
}
