package availability

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func TestQueryAvailability(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	gone := w.memberIn(ws, auth.Member, "Gone", "Asia/Kolkata", "DEACTIVATED")
	w.set(ana, ana.name(), "Europe/London", "", hours("09:00", "12:00"), hours("13:00", "17:00"))
	req := &availabilityv1.QueryAvailabilityRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{ben.name(), ana.name(), ben.name(), gone.name()},
		StartTime: stamp("2026-12-01T12:00:00Z"), EndTime: stamp("2026-12-01T18:00:00Z"),
	}
	got, err := w.ask.QueryAvailability(ben.ctx, req)
	require.NoError(t, err)
	require.Equal(t, worktime.Version(), got.GetTzdataVersion())
	require.Len(t, got.GetMembers(), 4)
	require.True(t, proto.Equal(got.GetMembers()[0], got.GetMembers()[2]))
	require.Equal(t, ben.name(), got.GetMembers()[0].GetMember())
	require.Equal(t, "America/Chicago", got.GetMembers()[0].GetTimeZone())
	require.True(t, got.GetMembers()[0].GetInherited())
	require.False(t, got.GetMembers()[1].GetInherited())
	require.Equal(t, []string{"2026-12-01T12:00:00Z 2026-12-01T15:00:00Z OFF", "2026-12-01T15:00:00Z 2026-12-01T18:00:00Z WORKING"}, lines(got.GetMembers()[0]))
	require.Equal(t, []string{
		"2026-12-01T12:00:00Z 2026-12-01T13:00:00Z OFF", "2026-12-01T13:00:00Z 2026-12-01T17:00:00Z WORKING",
		"2026-12-01T17:00:00Z 2026-12-01T18:00:00Z OFF",
	}, lines(got.GetMembers()[1]))

	// A service asks for any workspace; a member of another one and a guest for none.
	same, err := w.ask.QueryAvailability(w.authority.AsService(t, w.ctx, "tasks"), req)
	require.NoError(t, err)
	require.True(t, proto.Equal(got, same))
	_, err = w.ask.QueryAvailability(w.authority.AsService(t, w.ctx, "directory"), req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.ask.QueryAvailability(w.member(ws, auth.Guest, "Gil", "UTC").ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, boss, _ := w.team()
	_, err = w.ask.QueryAvailability(boss.ctx, req)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	req.Members = append(req.Members, boss.name())
	_, err = w.ask.QueryAvailability(ben.ctx, req)
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "members[4]")
	req.Members[4] = domain.MemberName(ws, uuid.New())
	_, err = w.ask.QueryAvailability(ben.ctx, req)
	s := rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Contains(t, s.Message(), req.GetMembers()[4])
}

func TestTheLimitsOfAQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	many := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = ben.name()
		}
		return all
	}
	query := func(members int, start, end string) error {
		_, err := w.ask.QueryAvailability(ana.ctx, &availabilityv1.QueryAvailabilityRequest{
			Parent: domain.WorkspaceName(ws), Members: many(members), StartTime: stamp(start), EndTime: stamp(end),
		})
		return err
	}
	for name, c := range map[string]struct {
		members           int
		start, end, field string
	}{
		"no members":        {0, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", "members"},
		"1001 members":      {1001, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", "members"},
		"an empty range":    {1, "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "end_time"},
		"a range backwards": {1, "2026-12-02T00:00:00Z", "2026-12-01T00:00:00Z", "end_time"},
		"367 days":          {1, "2026-12-01T00:00:00Z", "2027-12-03T00:00:00Z", "end_time"},
		"1000 by 41":        {1000, "2026-12-01T00:00:00Z", "2027-01-11T00:00:00Z", "members"},
		"long ago":          {1, "1812-12-01T00:00:00Z", "1812-12-02T00:00:00Z", "start_time"},
		"far ahead":         {1, "8999-12-31T00:00:00Z", "9000-01-02T00:00:00Z", "end_time"},
	} {
		err := query(c.members, c.start, c.end)
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}
	require.NoError(t, query(1000, "2026-12-01T00:00:00Z", "2027-01-10T00:00:00Z"))
	require.NoError(t, query(109, "2026-12-01T00:00:00Z", "2027-12-02T00:00:00Z"))

	// However the windows lie, an answer fits into a message.
	var bits []*availabilityv1.WeeklyWindow
	for i := range 50 {
		bits = append(bits, hours(fmt.Sprintf("%02d:%02d", i/4, i%4*15), fmt.Sprintf("%02d:%02d", i/4, i%4*15+1), 1, 2, 3, 4, 5, 6, 7))
	}
	w.set(ben, ben.name(), "UTC", "", bits...)
	require.NoError(t, query(4, "2026-12-01T00:00:00Z", "2027-12-02T00:00:00Z"))
	rpctest.FailedField(t, query(5, "2026-12-01T00:00:00Z", "2027-12-02T00:00:00Z"), fault.ReasonFieldInvalid, "end_time")
}

func TestComputeDeadlines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	gone := w.memberIn(ws, auth.Member, "Gone", "UTC", "DEACTIVATED")
	invited := w.memberIn(ws, auth.Member, "Iva", "", "INVITED")
	never := w.member(ws, auth.Member, "Nev", "UTC")
	w.set(never, never.name(), "UTC", "")
	w.off(ana, "2026-12-02", "2026-12-04")
	nobody := domain.MemberName(ws, uuid.New())
	night := stamp("2026-12-01T09:00:00Z")
	var req availabilityv1.ComputeDeadlinesRequest
	var want []string
	add := func(member string, start *timestamppb.Timestamp, w window.Window, due string) {
		req.Queries = append(req.Queries, &availabilityv1.DeadlineQuery{Member: member, StartTime: start, Window: workingtime.Proto(w)})
		want = append(want, due)
	}
	req.Parent = domain.WorkspaceName(ws)
	add(ben.name(), night, window.Working(24*time.Hour), "2026-12-03T23:00:00Z")
	add(ana.name(), night, window.Working(24*time.Hour), "2026-12-08T17:00:00Z")
	add(ben.name(), night, window.Working(0), "2026-12-01T15:00:00Z")
	add(ben.name(), night, window.Days(2), "2026-12-02T23:00:00Z")
	add(ben.name(), night, window.Elapsed(2*time.Hour), "2026-12-01T11:00:00Z")
	add(never.name(), night, window.Working(time.Hour), "NO_WORKING_TIME")
	add(never.name(), night, window.Elapsed(time.Hour), "2026-12-01T10:00:00Z")
	add(gone.name(), night, window.Working(time.Hour), "MEMBER_NOT_FOUND")
	add(invited.name(), night, window.Elapsed(time.Hour), "MEMBER_NOT_FOUND")
	add(nobody, night, window.Working(time.Hour), "MEMBER_NOT_FOUND")
	// Over the last change of the clocks of the year, long before the others.
	add(ben.name(), stamp("2026-10-30T20:00:00Z"), window.Working(8*time.Hour), "2026-11-02T21:00:00Z")
	add(ben.name(), night, window.Working(2000*time.Hour), "NO_WORKING_TIME")
	for _, ctx := range []person{ana, {ctx: w.authority.AsService(t, w.ctx, "threads")}} {
		got, err := w.ask.ComputeDeadlines(ctx.ctx, &req)
		require.NoError(t, err)
		require.Len(t, got.GetDeadlines(), len(want))
		for i, d := range got.GetDeadlines() {
			require.Equal(t, req.GetQueries()[i].GetMember(), d.GetMember())
			text := d.GetReason().String()
			if d.GetDueTime() != nil {
				require.Equal(t, availabilityv1.Deadline_REASON_UNSPECIFIED, d.GetReason())
				text = d.GetDueTime().AsTime().Format(time.RFC3339)
			}
			require.Equal(t, want[i], text, "%v", req.GetQueries()[i])
		}
	}

	for field, q := range map[string]*availabilityv1.DeadlineQuery{
		"queries[0].window":              {Member: ben.name(), StartTime: night, Window: &availabilityv1.ResponseWindow{}},
		"queries[0].window.working_time": {Member: ben.name(), StartTime: night, Window: workingtime.Proto(window.Working(2001 * time.Hour))},
		"queries[0].window.working_days": {Member: ben.name(), StartTime: night, Window: workingtime.Proto(window.Days(61))},
		"queries[0].window.elapsed_time": {Member: ben.name(), StartTime: night, Window: workingtime.Proto(window.Elapsed(367 * 24 * time.Hour))},
		"queries[0].start_time":          {Member: ben.name(), StartTime: stamp("9999-01-01T00:00:00Z"), Window: workingtime.Proto(window.Days(1))},
		"queries[0].member":              {Member: domain.MemberName(uuid.New(), ben.Member), StartTime: night, Window: workingtime.Proto(window.Days(1))},
	} {
		_, err := w.ask.ComputeDeadlines(ana.ctx, &availabilityv1.ComputeDeadlinesRequest{Parent: req.GetParent(), Queries: []*availabilityv1.DeadlineQuery{q}})
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
	}
	_, err := w.ask.ComputeDeadlines(ana.ctx, &availabilityv1.ComputeDeadlinesRequest{Parent: req.GetParent()})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "queries")
}

func TestNextReachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	gone := w.memberIn(ws, auth.Member, "Gone", "UTC", "DEACTIVATED")
	never := w.member(ws, auth.Member, "Nev", "Asia/Kolkata")
	w.set(never, never.name(), "Asia/Kolkata", "")
	req := &availabilityv1.NextReachableRequest{Parent: domain.WorkspaceName(ws), Members: []string{ben.name(), ana.name(), gone.name(), never.name()}}
	got, err := w.ask.NextReachable(w.authority.AsService(t, w.ctx, "notifications"), req)
	require.NoError(t, err)
	want := []*availabilityv1.Reachability{
		{
			Member: ben.name(), ReachableTime: stamp("2026-12-01T15:00:00Z"), UntilTime: stamp("2026-12-01T23:00:00Z"),
			DayStartTime: stamp("2026-12-01T15:00:00Z"), DayDate: day("2026-12-01"), TimeZone: "America/Chicago",
			NextWorkingTime: stamp("2026-12-01T15:00:00Z"),
		},
		{
			Member: ana.name(), Working: true, ReachableTime: timestamppb.New(epoch), UntilTime: stamp("2026-12-01T17:00:00Z"),
			DayStartTime: stamp("2026-12-02T09:00:00Z"), DayDate: day("2026-12-02"), TimeZone: "Europe/London",
			NextWorkingTime: timestamppb.New(epoch),
		},
		{Member: gone.name(), Reason: availabilityv1.Deadline_MEMBER_NOT_FOUND},
		{Member: never.name(), Reason: availabilityv1.Deadline_NO_WORKING_TIME, TimeZone: "Asia/Kolkata", Version: 2},
	}
	for i, r := range got.GetMembers() {
		require.True(t, proto.Equal(want[i], r), "want %v\ngot  %v", want[i], r)
	}

	// URGENT reaches at once, and says whether that is working time.
	req.Urgency = notificationsv1.Notification_URGENT
	got, err = w.ask.NextReachable(ana.ctx, req)
	require.NoError(t, err)
	want[0].ReachableTime, want[0].UntilTime = timestamppb.New(epoch), nil
	want[3].ReachableTime, want[3].Reason = timestamppb.New(epoch), availabilityv1.Deadline_REASON_UNSPECIFIED
	for i, r := range got.GetMembers() {
		require.True(t, proto.Equal(want[i], r), "want %v\ngot  %v", want[i], r)
	}

	// A night shift is of the date on which it begins; from another instant than now.
	w.set(ben, ben.name(), "America/Chicago", "", hours("22:00", "06:00"))
	got, err = w.ask.NextReachable(ana.ctx, &availabilityv1.NextReachableRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{ben.name()}, AtTime: stamp("2026-12-03T11:00:00Z"), // Thursday, 05:00
	})
	require.NoError(t, err)
	require.True(t, proto.Equal(&availabilityv1.Reachability{
		Member: ben.name(), Working: true, ReachableTime: stamp("2026-12-03T11:00:00Z"), UntilTime: stamp("2026-12-03T12:00:00Z"),
		DayStartTime: stamp("2026-12-04T04:00:00Z"), DayDate: day("2026-12-03"), TimeZone: "America/Chicago", Version: 2,
		NextWorkingTime: stamp("2026-12-03T11:00:00Z"),
	}, got.GetMembers()[0]), "%v", got.GetMembers()[0])
	_, err = w.ask.NextReachable(ana.ctx, &availabilityv1.NextReachableRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{ben.name()}, AtTime: stamp("9998-12-03T11:00:00Z"),
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "at_time")
}

func TestResolveExpectation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	gone := w.memberIn(ws, auth.Member, "Gone", "UTC", "DEACTIVATED")
	expect := func(urgency notificationsv1.Notification_Urgency, window *availabilityv1.ResponseWindow, members ...string) []*availabilityv1.Expectation {
		t.Helper()
		got, err := w.ask.ResolveExpectation(ana.ctx, &availabilityv1.ResolveExpectationRequest{
			Parent: domain.WorkspaceName(ws), Members: members, Urgency: urgency, Window: window,
		})
		require.NoError(t, err)
		return got.GetExpectations()
	}
	got := expect(0, nil, ben.name(), gone.name())
	require.True(t, proto.Equal(&availabilityv1.Expectation{
		Member: ben.name(), TimeZone: "America/Chicago", LocalTime: "2026-12-01T03:00:00-06:00",
		NextWorkingTime: stamp("2026-12-01T15:00:00Z"), ReachedTime: stamp("2026-12-01T15:00:00Z"), DueTime: stamp("2026-12-03T23:00:00Z"),
		Explanation: "It is 03:00 for Ben (America/Chicago). Ben starts at 09:00 and will see it then; an answer is due on Thursday, 3 December, 17:00 Ben's time.",
	}, got[0]), "%v", got[0])
	require.True(t, proto.Equal(&availabilityv1.Expectation{
		Member: gone.name(), Reason: availabilityv1.Deadline_MEMBER_NOT_FOUND,
		Explanation: "Gone is not an active member of the workspace and will not see it.",
	}, got[1]), "%v", got[1])
	due := func(urgency notificationsv1.Notification_Urgency) string {
		return expect(urgency, nil, ben.name())[0].GetDueTime().AsTime().Format(time.RFC3339)
	}
	require.Equal(t, "2026-12-01T19:00:00Z", due(notificationsv1.Notification_HIGH))
	require.Equal(t, "2026-12-01T16:00:00Z", due(notificationsv1.Notification_URGENT))
	require.Equal(t, "2026-12-07T23:00:00Z", due(notificationsv1.Notification_LOW))
	require.Equal(t, epoch, expect(notificationsv1.Notification_URGENT, nil, ben.name())[0].GetReachedTime().AsTime())

	// The workspace's own windows, and one of the sender's.
	w.exec(`INSERT INTO workspaces (workspace_id, display_name, time_zone, urgent_role, low_seconds, normal_seconds, high_seconds, urgent_seconds, version)
		VALUES ($1, 'W', 'UTC', 2, 72000, 57600, 7200, 1800, 1)`, ws)
	require.Equal(t, "2026-12-02T23:00:00Z", due(notificationsv1.Notification_NORMAL))
	require.Equal(t, "2026-12-01T15:30:00Z", due(notificationsv1.Notification_URGENT))
	require.Equal(t, "2026-12-01T23:00:00Z", expect(0, workingtime.Proto(window.Days(1)), ben.name())[0].GetDueTime().AsTime().Format(time.RFC3339))

	_, err := w.ask.ResolveExpectation(ana.ctx, &availabilityv1.ResolveExpectationRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{domain.MemberName(ws, uuid.New())},
	})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.ask.ResolveExpectation(w.authority.AsService(t, w.ctx, "threads"), &availabilityv1.ResolveExpectationRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{ben.name()},
	})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
}

// However many strangers are asked about, the directory is asked about a few of them.
func TestAFewStrangersAreAskedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	req := &availabilityv1.NextReachableRequest{Parent: domain.WorkspaceName(ws), Members: []string{ben.name()}}
	_, err := w.ask.NextReachable(ana.ctx, req)
	require.NoError(t, err)
	require.Zero(t, w.directory.asked, "nobody is asked about whom the projection has")
	for range 200 {
		req.Members = append(req.Members, domain.MemberName(ws, uuid.New()))
	}
	_, err = w.ask.NextReachable(ana.ctx, req)
	require.NoError(t, err)
	require.Equal(t, 20, w.directory.asked)
	w.directory.down = fault.New(fault.Unavailable, fault.ReasonUnavailable, "away")
	_, err = w.ask.NextReachable(ana.ctx, req)
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
}

func TestDaysOfTheWeekGoThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	all := []dayofweek.DayOfWeek{7, 6, 5, 4, 3, 2, 1}
	s := w.set(ben, ben.name(), "UTC", "", hours("00:00", "24:00", all...))
	require.Equal(t, all, s.GetWindows()[0].GetDays())
	require.True(t, proto.Equal(hours("00:00", "24:00", all...), s.GetWindows()[0]))
}
