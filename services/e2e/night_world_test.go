package e2e

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"
)

// tuesday is nine in London's morning and three in Chicago's night, with Kolkata at half past two in the afternoon.
var tuesday = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// Nine and five in Chicago on that day.
var (
	bensNine = tuesday.Add(6 * time.Hour)
	bensFive = tuesday.Add(14 * time.Hour)
)

// teammate is a person of the night.
type teammate struct {
	name, member, email, token string
	place                      *time.Location
}

// relay is a workspace of people in four zones, on a server of any kind.
type relay struct {
	t    *testing.T
	conn *grpc.ClientConn
	// move moves the domain's clock; settle waits until nothing is under way.
	move   func(to time.Time)
	settle func()

	owner, workspace            string
	ana, ben, chitra, dai       teammate
	team, space, thread, projct string
}

// night is a relay on a stack in this process, with a mail server of its own.
type night struct {
	*relay

	stack *running
	mails *mailbox
}

// london is in the morning of the Monday before, when the night's people set everything up.
func startOfNight() time.Time { return tuesday.Add(-25 * time.Hour) }

func dialGRPC(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// gather makes the people and where they work.
func (r *relay) gather() {
	r.t.Helper()
	ctx := as(r.t.Context(), r.owner)
	listed, err := directoryv1.NewWorkspaceServiceClient(r.conn).ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{})
	require.NoError(r.t, err)
	r.workspace = listed.GetWorkspaces()[0].GetName()
	r.ana, r.ben = r.join("Ana", "Europe/London"), r.join("Ben", "America/Chicago")
	r.chitra, r.dai = r.join("Chitra", "Asia/Kolkata"), r.join("Dai", "Pacific/Auckland")
	r.timeOff(r.dai, &date.Date{Year: 2026, Month: 11, Day: 30}, &date.Date{Year: 2027, Month: 6, Day: 30})
	teams := directoryv1.NewTeamServiceClient(r.conn)
	team, err := teams.CreateTeam(ctx, &directoryv1.CreateTeamRequest{Parent: r.workspace, Team: &directoryv1.Team{DisplayName: random("Relay ")}})
	require.NoError(r.t, err)
	r.team = team.GetName()
	_, err = teams.AddTeamMembers(ctx, &directoryv1.AddTeamMembersRequest{
		Name: r.team, Members: []*directoryv1.TeamMember{{Member: r.ben.member}, {Member: r.chitra.member}, {Member: r.dai.member}},
	})
	require.NoError(r.t, err)
	r.space = r.newSpace(directoryv1.Space_OPEN)
	r.thread = r.newThread(r.space, "Move payments to the new cluster")
	project, err := tasksv1.NewProjectServiceClient(r.conn).CreateProject(as(r.t.Context(), r.ana.token), &tasksv1.CreateProjectRequest{
		Parent: r.workspace, Project: &tasksv1.Project{Space: r.space, Key: "R" + strings.ToUpper(uuid.NewString()[:6]), DisplayName: "Payments"},
	})
	require.NoError(r.t, err)
	r.projct = project.GetName()
}

func (r *relay) newSpace(visibility directoryv1.Space_Visibility) string {
	r.t.Helper()
	space, err := directoryv1.NewSpaceServiceClient(r.conn).CreateSpace(as(r.t.Context(), r.owner), &directoryv1.CreateSpaceRequest{
		Parent: r.workspace, Space: &directoryv1.Space{DisplayName: random("Space "), Visibility: visibility},
	})
	require.NoError(r.t, err)
	return space.GetName()
}

func (r *relay) grant(space, member string, role directoryv1.SpaceAccess_Role) {
	r.t.Helper()
	_, err := directoryv1.NewSpaceServiceClient(r.conn).SetSpaceAccess(as(r.t.Context(), r.owner), &directoryv1.SetSpaceAccessRequest{
		Name: space, Changes: []*directoryv1.SpaceAccess{{Principal: member, Role: role}},
	})
	require.NoError(r.t, err)
}

func (r *relay) newThread(space, title string) string {
	r.t.Helper()
	thread, err := threadsv1.NewThreadServiceClient(r.conn).CreateThread(as(r.t.Context(), r.ana.token), &threadsv1.CreateThreadRequest{
		Parent: r.workspace, Thread: &threadsv1.Thread{Space: space, Title: title},
	})
	require.NoError(r.t, err)
	return thread.GetName()
}

// join makes a member with hours from nine to five in their zone.
func (r *relay) join(name, zone string) teammate {
	r.t.Helper()
	place, err := time.LoadLocation(zone)
	require.NoError(r.t, err)
	p := teammate{name: name, email: strings.ToLower(name) + "." + uuid.NewString()[:8] + "@example.com", place: place}
	invited, err := directoryv1.NewMemberServiceClient(r.conn).InviteMember(as(r.t.Context(), r.owner), &directoryv1.InviteMemberRequest{
		Parent: r.workspace, Email: p.email, DisplayName: name, Role: directoryv1.Member_MEMBER,
	})
	require.NoError(r.t, err)
	accepted, err := directoryv1.NewMemberServiceClient(r.conn).AcceptInvitation(r.t.Context(), &directoryv1.AcceptInvitationRequest{
		Code: invited.GetCode(), DisplayName: name, TimeZone: zone,
	})
	require.NoError(r.t, err)
	p.member, p.token = accepted.GetMember().GetName(), accepted.GetSecret()
	r.hours(p, 9, 17)
	return p
}

// hours sets a person's working week from today on.
func (r *relay) hours(p teammate, from, to int32) {
	r.t.Helper()
	window := &availabilityv1.WeeklyWindow{StartTime: &timeofday.TimeOfDay{Hours: from}, EndTime: &timeofday.TimeOfDay{Hours: to}}
	for day := dayofweek.DayOfWeek_MONDAY; day <= dayofweek.DayOfWeek_FRIDAY; day++ {
		window.Days = append(window.Days, day)
	}
	// The member's projection may be a moment behind their acceptance.
	require.EventuallyWithT(r.t, func(c *assertion) {
		_, err := availabilityv1.NewScheduleServiceClient(r.conn).CreateWorkingSchedule(as(r.t.Context(), p.token), &availabilityv1.CreateWorkingScheduleRequest{
			Parent: p.member, WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: p.place.String(), Windows: []*availabilityv1.WeeklyWindow{window}},
		})
		require.NoError(c, err)
	}, 20*time.Second, 20*time.Millisecond)
}

func (r *relay) timeOff(p teammate, first, last *date.Date) {
	r.t.Helper()
	_, err := availabilityv1.NewTimeOffServiceClient(r.conn).CreateTimeOff(as(r.t.Context(), p.token), &availabilityv1.CreateTimeOffRequest{
		Parent: p.member, TimeOff: &availabilityv1.TimeOff{Kind: availabilityv1.TimeOff_VACATION, StartDate: first, EndDate: last},
	})
	require.NoError(r.t, err)
}

// ask posts a question of one person to another.
func (r *relay) ask(from, to teammate, thread, body string) *threadsv1.Message {
	r.t.Helper()
	message, err := threadsv1.NewMessageServiceClient(r.conn).CreateMessage(as(r.t.Context(), from.token), &threadsv1.CreateMessageRequest{
		Parent: thread, RequestId: uuid.NewString(), Message: &threadsv1.Message{
			Body: body, Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_REPLY, Members: []string{to.member}}},
		},
	})
	require.NoError(r.t, err)
	return message
}

// task makes a task that somebody holds.
func (r *relay) task(holder teammate, title string) *tasksv1.Task {
	r.t.Helper()
	task, err := tasksv1.NewTaskServiceClient(r.conn).CreateTask(as(r.t.Context(), holder.token), &tasksv1.CreateTaskRequest{
		Parent: r.workspace, Task: &tasksv1.Task{Project: r.projct, Title: title, Holder: holder.member},
	})
	require.NoError(r.t, err)
	return task
}

func (r *relay) handOff(giver teammate, req *tasksv1.HandOffRequest) *tasksv1.Handoff {
	r.t.Helper()
	req.Note = &tasksv1.HandoffNote{Done: "The new cluster serves a tenth of the reads.", NextSteps: "Promote the replica."}
	handoff, err := tasksv1.NewHandoffServiceClient(r.conn).HandOff(as(r.t.Context(), giver.token), req)
	require.NoError(r.t, err)
	return handoff
}

func (r *relay) handoff(p teammate, name string) *tasksv1.Handoff {
	r.t.Helper()
	handoff, err := tasksv1.NewHandoffServiceClient(r.conn).GetHandoff(as(r.t.Context(), p.token), &tasksv1.GetHandoffRequest{Name: name})
	require.NoError(r.t, err)
	return handoff
}

// inbox is all that a person has been notified of, the oldest first.
func (r *relay) inbox(p teammate) []*notificationsv1.Notification {
	r.t.Helper()
	page, err := notificationsv1.NewInboxServiceClient(r.conn).ListNotifications(as(r.t.Context(), p.token), &notificationsv1.ListNotificationsRequest{
		Parent: r.workspace, PageSize: 200,
	})
	require.NoError(r.t, err)
	all := page.GetNotifications()
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// notified is a person's notification of a reason; there must be one.
func (r *relay) notified(p teammate, reason notificationsv1.Notification_Reason) *notificationsv1.Notification {
	r.t.Helper()
	for _, n := range r.inbox(p) {
		if n.GetReason() == reason {
			return n
		}
	}
	require.Fail(r.t, "no such notification", "%s of %s", reason, p.name)
	return nil
}

func (r *relay) digests(p teammate) []*notificationsv1.Digest {
	r.t.Helper()
	page, err := notificationsv1.NewInboxServiceClient(r.conn).ListDigests(as(r.t.Context(), p.token), &notificationsv1.ListDigestsRequest{Parent: r.workspace, PageSize: 100})
	require.NoError(r.t, err)
	return page.GetDigests()
}

// sentDigests are those that were sent.
func (r *relay) sentDigests(p teammate) []*notificationsv1.Digest {
	r.t.Helper()
	var sent []*notificationsv1.Digest
	for _, d := range r.digests(p) {
		if d.GetState() == notificationsv1.Digest_SENT {
			sent = append(sent, d)
		}
	}
	return sent
}

// delivery is what became of a channel of a notification.
func delivery(t *testing.T, n *notificationsv1.Notification, channel notificationsv1.Channel_Kind) *notificationsv1.Delivery {
	t.Helper()
	for _, d := range n.GetDeliveries() {
		if d.GetChannel() == channel {
			return d
		}
	}
	require.Fail(t, "no delivery", "%s over %s", n.GetReason(), channel)
	return nil
}

// undisturbed checks that nothing below URGENT was ever sent to a person outside the hours that the test says they had.
func (r *relay) undisturbed(p teammate, working func(local time.Time) bool) {
	r.t.Helper()
	check := func(at time.Time, what string) {
		require.True(r.t, working(at.In(p.place)), "%s was sent to %s at %s", what, p.name, at.In(p.place))
	}
	for _, n := range r.inbox(p) {
		for _, d := range n.GetDeliveries() {
			if n.GetUrgency() != notificationsv1.Notification_URGENT && d.GetSendTime() != nil {
				check(d.GetSendTime().AsTime(), n.GetReason().String())
			}
		}
	}
	for _, d := range r.sentDigests(p) {
		check(d.GetSendTime().AsTime(), "a digest")
	}
}

// office says whether a local time is within these hours of a weekday.
func office(from, to int) func(time.Time) bool {
	return func(local time.Time) bool {
		return local.Weekday() != time.Saturday && local.Weekday() != time.Sunday && local.Hour() >= from && local.Hour() < to
	}
}

// wire is a way to a service that can be cut.
type wire struct {
	mu     sync.Mutex
	target string
	isCut  bool
	conns  map[net.Conn]bool
	addr   string
}

// newWire passes connections on to the target.
func newWire(t *testing.T, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{target: target, conns: map[net.Conn]bool{}, addr: listener.Addr().String()}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go w.pass(in)
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); w.cut() })
	return w
}

func (w *wire) pass(in net.Conn) {
	w.mu.Lock()
	if w.isCut {
		w.mu.Unlock()
		_ = in.Close()
		return
	}
	out, err := net.Dial("tcp", w.target)
	if err != nil {
		w.mu.Unlock()
		_ = in.Close()
		return
	}
	w.conns[in], w.conns[out] = true, true
	w.mu.Unlock()
	go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
	_, _ = io.Copy(in, out)
	_ = in.Close()
}

// cut closes what is open and refuses what comes.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for conn := range w.conns {
		_ = conn.Close()
	}
	clear(w.conns)
}

// mend lets connections pass again.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = false
}

// deadline bounds a move of the clock.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
