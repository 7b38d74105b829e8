package availability

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func outlookOf(ws, team uuid.UUID) *availabilityv1.GetTeamOutlookRequest {
	return &availabilityv1.GetTeamOutlookRequest{Name: domain.TeamOutlookName(ws, team)}
}

// dayLines are days as lines of date, start and length.
func dayLines(o *availabilityv1.TeamOutlook) []string {
	var all []string
	for _, d := range o.GetDays() {
		start := d.GetStartTime().AsTime()
		all = append(all, fmt.Sprintf("%04d-%02d-%02d %s %s", d.GetDate().GetYear(), d.GetDate().GetMonth(), d.GetDate().GetDay(),
			start.Format(time.RFC3339), d.GetEndTime().AsTime().Sub(start)))
	}
	return all
}

// rowLines are a row's intervals that are not OFF.
func rowLines(r *availabilityv1.OutlookRow) []string {
	var all []string
	for _, line := range lines(&availabilityv1.MemberAvailability{Intervals: r.GetIntervals()}) {
		if !strings.HasSuffix(line, " OFF") {
			all = append(all, line)
		}
	}
	return all
}

// easter is a team around Easter 2027, when the clocks of London change too.
func (w *world) easter() (ws, team uuid.UUID, ana, ben, kim person) {
	w.t.Helper()
	ws, ana, ben = w.team()
	kim = w.member(ws, auth.Member, "ada", "Asia/Kolkata")
	team = w.crew(ws, ben, kim, ana, w.memberIn(ws, auth.Member, "Gone", "UTC", "DEACTIVATED"))
	_, err := w.schedules.CreateWorkingSchedule(ana.ctx, &availabilityv1.CreateWorkingScheduleRequest{
		Parent: ana.name(), WorkingSchedule: &availabilityv1.WorkingSchedule{
			TimeZone: "Europe/London", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")}, HolidayRegion: "GB",
		},
	})
	require.NoError(w.t, err)
	_, err = w.travels.CreateTravel(ben.ctx, &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: &availabilityv1.Travel{
		TimeZone: "Asia/Tokyo", StartDate: day("2027-03-29"), EndDate: day("2027-04-02"),
	}})
	require.NoError(w.t, err)
	_, err = w.focuses.CreateFocusBlock(ben.ctx, &availabilityv1.CreateFocusBlockRequest{
		Parent: ben.name(), FocusBlock: weeklyFocus("2027-03-26", hours("09:00", "11:00", 5)),
	})
	require.NoError(w.t, err)
	w.off(kim, "2027-03-26", "2027-03-26")
	_, err = w.delegations.CreateDelegation(kim.ctx, &availabilityv1.CreateDelegationRequest{Parent: kim.name(), Delegation: &availabilityv1.Delegation{
		Delegate: ben.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS},
	}})
	require.NoError(w.t, err)
	_, err = w.teamTimes.UpdateCoreHours(ana.ctx, &availabilityv1.UpdateCoreHoursRequest{CoreHours: &availabilityv1.CoreHours{
		Name: domain.CoreHoursName(ws, team), TimeZone: "Europe/London", Windows: []*availabilityv1.WeeklyWindow{hours("10:00", "12:00")}, Need: 2,
	}})
	require.NoError(w.t, err)
	return ws, team, ana, ben, kim
}

func TestATeamsOutlook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, team, ana, ben, kim := w.easter()
	req := outlookOf(ws, team)
	req.StartTime, req.TimeZone, req.Days = stamp("2027-03-26T15:00:00Z"), "Europe/London", 4
	got, err := w.teamTimes.GetTeamOutlook(w.member(ws, auth.Member, "Oda", "UTC").ctx, req)
	require.NoError(t, err)

	require.Equal(t, req.GetName(), got.GetName())
	require.Equal(t, "Europe/London", got.GetTimeZone())
	require.Equal(t, worktime.Version(), got.GetTzdataVersion())
	require.Equal(t, []string{
		"2027-03-26 2027-03-26T00:00:00Z 24h0m0s", "2027-03-27 2027-03-27T00:00:00Z 24h0m0s",
		"2027-03-28 2027-03-28T00:00:00Z 23h0m0s", "2027-03-29 2027-03-28T23:00:00Z 24h0m0s",
	}, dayLines(got))

	rows := got.GetRows()
	require.Len(t, rows, 3)
	for i, want := range []struct {
		person
		name, zone, delegate string
		lines                []string
	}{
		{kim, "ada", "Asia/Kolkata", ben.name(), []string{
			"2027-03-26T03:30:00Z 2027-03-26T11:30:00Z TIME_OFF", "2027-03-29T03:30:00Z 2027-03-29T11:30:00Z WORKING",
		}},
		{ana, "Ana", "Europe/London", "", []string{
			"2027-03-26T09:00:00Z 2027-03-26T17:00:00Z HOLIDAY Good Friday", "2027-03-29T08:00:00Z 2027-03-29T16:00:00Z HOLIDAY Easter Monday",
		}},
		{ben, "Ben", "America/Chicago", "", []string{
			"2027-03-26T14:00:00Z 2027-03-26T16:00:00Z UNINTERRUPTIBLE", "2027-03-26T16:00:00Z 2027-03-26T22:00:00Z WORKING",
			"2027-03-29T00:00:00Z 2027-03-29T08:00:00Z WORKING",
		}},
	} {
		require.Equal(t, want.person.name(), rows[i].GetMember())
		require.Equal(t, want.name, rows[i].GetDisplayName())
		require.Equal(t, want.zone, rows[i].GetTimeZone())
		require.Equal(t, want.delegate, rows[i].GetDelegate())
		require.Equal(t, want.lines, rowLines(rows[i]))
	}
	require.NotContains(t, prototext.Format(got), "to the sea")

	require.Equal(t, domain.CoreHoursName(ws, team), got.GetCoreHours())
	require.EqualValues(t, 2, got.GetNeed())
	core := []*availabilityv1.CoverageInterval{
		stretch("2027-03-26T10:00:00Z", "2027-03-26T12:00:00Z"), stretch("2027-03-29T09:00:00Z", "2027-03-29T11:00:00Z"),
	}
	require.Len(t, got.GetCoreIntervals(), len(core))
	for i, want := range core {
		require.True(t, proto.Equal(want, got.GetCoreIntervals()[i]))
	}
	require.Len(t, got.GetGaps(), 1)
	require.True(t, proto.Equal(core[0], got.GetGaps()[0]))
	require.Len(t, got.GetBuckets(), 95)

	var free []string
	for _, h := range got.GetHolidays() {
		require.Equal(t, []string{ana.name()}, h.GetMembers())
		free = append(free, fmt.Sprintf("%d-%02d %s", h.GetDate().GetMonth(), h.GetDate().GetDay(), h.GetDisplayName()))
	}
	require.Equal(t, []string{"3-26 Good Friday", "3-29 Easter Monday"}, free)
}

// Its parts are those of the other answers.
func TestAnOutlookIsWhatTheOthersSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, team, ana, _, _ := w.easter()
	req := outlookOf(ws, team)
	req.StartTime, req.TimeZone, req.Days = stamp("2027-03-22T00:00:00Z"), "Australia/Lord_Howe", 31
	got, err := w.teamTimes.GetTeamOutlook(ana.ctx, req)
	require.NoError(t, err)
	start, end := got.GetDays()[0].GetStartTime(), got.GetDays()[30].GetEndTime()
	require.Equal(t, 31*24*time.Hour+30*time.Minute, end.AsTime().Sub(start.AsTime()))
	query := &availabilityv1.QueryAvailabilityRequest{Parent: domain.WorkspaceName(ws), StartTime: start, EndTime: end}
	for _, row := range got.GetRows() {
		query.Members = append(query.Members, row.GetMember())
	}
	told, err := w.ask.QueryAvailability(ana.ctx, query)
	require.NoError(t, err)
	for i, row := range got.GetRows() {
		require.Equal(t, lines(told.GetMembers()[i]), lines(&availabilityv1.MemberAvailability{Intervals: row.GetIntervals()}))
	}
	covered, err := w.ask.GetCoverage(ana.ctx, &availabilityv1.GetCoverageRequest{
		Name: domain.CoverageName(ws, team), StartTime: start, EndTime: end, Bucket: durationpb.New(time.Hour),
	})
	require.NoError(t, err)
	require.True(t, proto.Equal(&availabilityv1.Coverage{Buckets: covered.GetBuckets(), Gaps: covered.GetGaps()},
		&availabilityv1.Coverage{Buckets: got.GetBuckets(), Gaps: got.GetGaps()}))
}

func TestAnOutlookBeginsTodayWhereTheCallerIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	team := w.crew(ws, ana)
	got, err := w.teamTimes.GetTeamOutlook(ben.ctx, outlookOf(ws, team))
	require.NoError(t, err)
	require.Equal(t, "America/Chicago", got.GetTimeZone())
	require.Len(t, got.GetDays(), 14)
	require.Equal(t, "2026-12-01 2026-12-01T06:00:00Z 24h0m0s", dayLines(got)[0])
	require.Empty(t, got.GetCoreHours())
	require.Empty(t, got.GetCoreIntervals())
	require.EqualValues(t, 1, got.GetNeed())
	require.NotEmpty(t, got.GetGaps())
	require.Empty(t, got.GetRows()[0].GetDelegate())

	// On a travel it is there; who acts as of now is told of a day that has begun.
	_, err = w.travels.CreateTravel(ben.ctx, &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: &availabilityv1.Travel{
		TimeZone: "Pacific/Kiritimati", StartDate: day("2026-12-01"), EndDate: day("2026-12-04"),
	}})
	require.NoError(t, err)
	_, err = w.delegations.CreateDelegation(ana.ctx, &availabilityv1.CreateDelegationRequest{Parent: ana.name(), Delegation: &availabilityv1.Delegation{
		Delegate: ben.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS},
	}})
	require.NoError(t, err)
	w.clock.Advance(2 * time.Hour)
	got, err = w.teamTimes.GetTeamOutlook(ben.ctx, outlookOf(ws, team))
	require.NoError(t, err)
	require.Equal(t, "Pacific/Kiritimati", got.GetTimeZone())
	require.Equal(t, "2026-12-02 2026-12-01T10:00:00Z 24h0m0s", dayLines(got)[0])
	require.Equal(t, ben.name(), got.GetRows()[0].GetDelegate())

	// An hour comes twice; nobody is in the team.
	req := outlookOf(ws, w.crew(ws))
	req.StartTime, req.TimeZone, req.Days = stamp("2026-10-25T12:00:00Z"), "Europe/London", 1
	got, err = w.teamTimes.GetTeamOutlook(ben.ctx, req)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-10-25 2026-10-24T23:00:00Z 25h0m0s"}, dayLines(got))
	require.Len(t, got.GetBuckets(), 25)
	require.Len(t, got.GetGaps(), 1)
	require.Empty(t, got.GetRows())

	// Samoa had no 30 December 2011.
	req.StartTime, req.TimeZone, req.Days = stamp("2011-12-29T20:00:00Z"), "Pacific/Apia", 3
	got, err = w.teamTimes.GetTeamOutlook(ben.ctx, req)
	require.NoError(t, err)
	require.Equal(t, []string{"2011-12-29 2011-12-29T10:00:00Z 24h0m0s", "2011-12-31 2011-12-30T10:00:00Z 24h0m0s"}, dayLines(got))
}

func TestWhoMayGetAnOutlook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	foreign, boss, _ := w.team()
	req := outlookOf(ws, w.crew(ws, ana))
	_, err := w.teamTimes.GetTeamOutlook(ben.ctx, req)
	require.NoError(t, err)
	for _, refused := range []error{
		second(w.teamTimes.GetTeamOutlook(w.authority.AsService(t, w.ctx, "tasks"), req)),
		second(w.teamTimes.GetTeamOutlook(w.member(ws, auth.Guest, "Gil", "UTC").ctx, req)),
	} {
		rpctest.Failed(t, refused, codes.PermissionDenied, fault.ReasonPermissionDenied)
	}
	for _, nowhere := range []error{
		second(w.teamTimes.GetTeamOutlook(boss.ctx, req)),
		second(w.teamTimes.GetTeamOutlook(ana.ctx, outlookOf(ws, uuid.New()))),
		second(w.teamTimes.GetTeamOutlook(ana.ctx, outlookOf(ws, w.crew(foreign, boss)))),
	} {
		rpctest.Failed(t, nowhere, codes.NotFound, fault.ReasonResourceNotFound)
	}
}

func TestTheLimitsOfAnOutlook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	var people []person
	for n := range 35 {
		p := w.member(ws, auth.Member, fmt.Sprintf("P%d", n), "UTC")
		var bits []*availabilityv1.WeeklyWindow
		for i := range 50 {
			at := i * 20
			bits = append(bits, hours(fmt.Sprintf("%02d:%02d", at/60, at%60), fmt.Sprintf("%02d:%02d", at/60, at%60+1), 1, 2, 3, 4, 5, 6, 7))
		}
		w.set(ana, p.name(), "UTC", "", bits...)
		people = append(people, p)
	}
	large := w.crew(ws)
	w.exec(`INSERT INTO team_members SELECT $1, $2, gen_random_uuid(), false, false, 1 FROM generate_series(1, 1001)`, ws, large)
	w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
		SELECT $1, member_id, 'M', member_id::text, 'UTC', 2, 2, 1, 1 FROM team_members WHERE team_id = $2`, ws, large)
	team := w.crew(ws, people...)
	for name, c := range map[string]struct {
		change      func(*availabilityv1.GetTeamOutlookRequest)
		field, rule string
	}{
		"no name":     {func(r *availabilityv1.GetTeamOutlookRequest) { r.Name = "" }, "name", "a name like workspaces/{workspace}/teams/{team}/outlook"},
		"a team":      {func(r *availabilityv1.GetTeamOutlookRequest) { r.Name = domain.TeamName(ws, team) }, "name", "a name like workspaces/{workspace}/teams/{team}/outlook"},
		"no zone":     {func(r *availabilityv1.GetTeamOutlookRequest) { r.TimeZone = "Europe/Atlantis" }, "time_zone", "must be an IANA time zone"},
		"32 days":     {func(r *availabilityv1.GetTeamOutlookRequest) { r.Days = 32 }, "days", "31"},
		"minus a day": {func(r *availabilityv1.GetTeamOutlookRequest) { r.Days = -1 }, "days", "0"},
		"too early":   {func(r *availabilityv1.GetTeamOutlookRequest) { r.StartTime = stamp("1899-12-31T23:00:00Z") }, "start_time", "from the year 1900"},
		"starts early": {func(r *availabilityv1.GetTeamOutlookRequest) {
			r.StartTime, r.TimeZone = stamp("1900-01-01T00:00:00Z"), "America/Chicago"
		}, "start_time", "from the year 1900"},
		"ends late":    {func(r *availabilityv1.GetTeamOutlookRequest) { r.StartTime = stamp("8999-12-31T00:00:00Z") }, "start_time", "to the year 8999"},
		"1001 members": {func(r *availabilityv1.GetTeamOutlookRequest) { r.Name = domain.TeamOutlookName(ws, large) }, "name", "at most 1000 active members"},
		"the message":  {func(r *availabilityv1.GetTeamOutlookRequest) { r.Days = 31 }, "days", "more than 100000 intervals"},
		"with gaps":    {func(r *availabilityv1.GetTeamOutlookRequest) { r.Days = 28 }, "days", "more than 100000 intervals"},
	} {
		req := outlookOf(ws, team)
		req.StartTime = stamp("2026-12-02T00:00:00Z")
		c.change(req)
		_, err := w.teamTimes.GetTeamOutlook(ana.ctx, req)
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
		require.ErrorContains(t, err, c.rule, name)
	}
	req := outlookOf(ws, team)
	req.StartTime, req.Days = stamp("2026-12-02T00:00:00Z"), 27
	got, err := w.teamTimes.GetTeamOutlook(ana.ctx, req)
	require.NoError(t, err)
	require.Len(t, got.GetRows(), 35)
	w.exec(`UPDATE team_members SET removed = true WHERE member_id = (SELECT min(member_id::text)::uuid FROM team_members WHERE team_id = $1)`, large)
	req = outlookOf(ws, large)
	req.Days = 31
	got, err = w.teamTimes.GetTeamOutlook(ana.ctx, req)
	require.NoError(t, err)
	require.Len(t, got.GetRows(), 1000)
}
