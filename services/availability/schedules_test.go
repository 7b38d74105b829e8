package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func (w *world) effective(by person, member string) *availabilityv1.EffectiveSchedule {
	w.t.Helper()
	e, err := w.schedules.GetEffectiveSchedule(by.ctx, &availabilityv1.GetEffectiveScheduleRequest{Name: member + "/effectiveSchedule"})
	require.NoError(w.t, err)
	return e
}

func TestWhoHasSetNothingInheritsTheStandardHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	e := w.effective(ana, ben.name())
	require.True(t, proto.Equal(&availabilityv1.EffectiveSchedule{
		Name: ben.name() + "/effectiveSchedule", TimeZone: "America/Chicago", Inherited: true,
		Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")},
	}, e), "%v", e)
	require.Equal(t, []string{"2026-12-01T15:00:00Z 2026-12-01T23:00:00Z"},
		working(w.timeline(ana, ben.name(), "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")))

	// `me`, and a guest about themselves.
	gil := w.member(ws, auth.Guest, "Gil", "Asia/Kolkata")
	require.Equal(t, "Asia/Kolkata", w.effective(gil, domain.WorkspaceName(ws)+"/members/me").GetTimeZone())
	_, err := w.schedules.GetEffectiveSchedule(gil.ctx, &availabilityv1.GetEffectiveScheduleRequest{Name: ben.name() + "/effectiveSchedule"})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
}

func TestAChangeOfHoursIsANewVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	const start, end = "2026-11-23T00:00:00Z", "2026-12-19T00:00:00Z"
	past := w.timeline(ana, ben.name(), start, "2026-12-01T09:00:00Z")

	first := w.set(ben, ben.name(), "America/Chicago", "", hours("10:00", "18:00"))
	require.Equal(t, epoch, first.GetStartTime().AsTime(), "the later of now and the start of today")
	require.True(t, proto.Equal(day("2026-12-01"), first.GetEffectiveDate()))
	require.Nil(t, first.GetEndTime())
	require.Equal(t, past, w.timeline(ana, ben.name(), start, "2026-12-01T09:00:00Z"), "what has been stays")
	require.False(t, w.effective(ana, ben.name()).GetInherited())
	require.Equal(t, first.GetName(), w.effective(ana, ben.name()).GetSource())

	// In the middle of the day, in another zone: what was worked of the day stays, and goes on as the new hours say.
	w.clock.Advance(9 * time.Hour) // 18:00 UTC, 12:00 in Chicago
	second := w.set(ana, ben.name(), "Europe/London", "2026-12-07", hours("08:00", "12:00"), hours("13:00", "16:00"))
	require.Equal(t, at("2026-12-07T00:00:00Z"), second.GetStartTime().AsTime())
	third := w.set(ben, domain.WorkspaceName(ben.Workspace)+"/members/me", "America/Chicago", "2026-12-03", hours("11:00", "13:00"))
	require.Equal(t, at("2026-12-03T06:00:00Z"), third.GetStartTime().AsTime())
	require.Equal(t, []string{
		"2026-12-01T16:00:00Z 2026-12-02T00:00:00Z", "2026-12-02T16:00:00Z 2026-12-03T00:00:00Z",
		"2026-12-03T17:00:00Z 2026-12-03T19:00:00Z", "2026-12-04T17:00:00Z 2026-12-04T19:00:00Z",
		"2026-12-07T17:00:00Z 2026-12-07T19:00:00Z",
	}, working(w.timeline(ana, ben.name(), "2026-12-01T09:00:00Z", "2026-12-08T00:00:00Z")), "the second was cut away before it began")

	listed, err := w.schedules.ListWorkingSchedules(ana.ctx, &availabilityv1.ListWorkingSchedulesRequest{Parent: ben.name(), PageSize: 2})
	require.NoError(t, err)
	rest, err := w.schedules.ListWorkingSchedules(ana.ctx, &availabilityv1.ListWorkingSchedulesRequest{
		Parent: ben.name(), PageSize: 2, PageToken: listed.GetNextPageToken(),
	})
	require.NoError(t, err)
	require.Empty(t, rest.GetNextPageToken())
	all := append(listed.GetWorkingSchedules(), rest.GetWorkingSchedules()...)
	require.Len(t, all, 3)
	require.True(t, proto.Equal(third, all[0]), "the newest first")
	require.Equal(t, all[1].GetStartTime().AsTime(), all[1].GetEndTime().AsTime(), "it never begins")
	require.Equal(t, second.GetName(), all[1].GetName())
	require.Equal(t, third.GetStartTime().AsTime(), all[2].GetEndTime().AsTime(), "the former is cut where the next takes over")
	got, err := w.schedules.GetWorkingSchedule(ana.ctx, &availabilityv1.GetWorkingScheduleRequest{Name: first.GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(all[2], got))

	_, err = w.schedules.ListWorkingSchedules(ana.ctx, &availabilityv1.ListWorkingSchedulesRequest{Parent: ana.name(), PageToken: listed.GetNextPageToken()})
	rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonPageTokenInvalid)
	_, err = w.schedules.GetWorkingSchedule(ana.ctx, &availabilityv1.GetWorkingScheduleRequest{Name: ana.name() + "/workingSchedules/" + first.GetUid()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

func TestNightShiftsAndADayWithoutWindows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	// The night shift that is under way goes on.
	w.set(ben, ben.name(), "America/Chicago", "", hours("22:00", "06:00"))
	require.Equal(t, []string{"2026-12-01T09:00:00Z 2026-12-01T12:00:00Z", "2026-12-02T04:00:00Z 2026-12-02T12:00:00Z"},
		working(w.timeline(ana, ben.name(), "2026-12-01T08:00:00Z", "2026-12-03T00:00:00Z")))
	// Twenty-four hours a day are one, and so are windows that touch.
	w.set(ben, ben.name(), "America/Chicago", "2026-12-03", hours("00:00", "09:00", 1, 2, 3, 4, 5, 6, 7), hours("09:00", "00:00", 1, 2, 3, 4, 5, 6, 7))
	require.Equal(t, []string{"2026-12-03T04:00:00Z 2026-12-10T00:00:00Z"},
		working(w.timeline(ana, ben.name(), "2026-12-03T00:00:00Z", "2026-12-10T00:00:00Z")))
	w.set(ben, ben.name(), "America/Chicago", "2026-12-12")
	require.Empty(t, working(w.timeline(ana, ben.name(), "2026-12-12T06:00:00Z", "2027-12-12T00:00:00Z")))
}

func TestHoursThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	second := hours("09:00", "17:00")
	second.StartTime.Seconds = 1
	nanos := hours("09:00", "17:00")
	nanos.EndTime.Nanos = 1
	for name, c := range map[string]struct {
		schedule *availabilityv1.WorkingSchedule
		field    string
	}{
		"an unknown zone":   {&availabilityv1.WorkingSchedule{TimeZone: "Mars/Olympus"}, "working_schedule.time_zone"},
		"the system's zone": {&availabilityv1.WorkingSchedule{TimeZone: "Local"}, "working_schedule.time_zone"},
		"no zone":           {&availabilityv1.WorkingSchedule{}, "working_schedule.time_zone"},
		"yesterday":         {&availabilityv1.WorkingSchedule{TimeZone: "UTC", EffectiveDate: day("2026-11-30")}, "working_schedule.effective_date"},
		"today, which is yesterday there": {
			&availabilityv1.WorkingSchedule{TimeZone: "Pacific/Kiritimati", EffectiveDate: day("2026-11-30")}, "working_schedule.effective_date",
		},
		"no date":        {&availabilityv1.WorkingSchedule{TimeZone: "UTC", EffectiveDate: &date.Date{Year: 2027, Month: 2, Day: 29}}, "working_schedule.effective_date"},
		"a year alone":   {&availabilityv1.WorkingSchedule{TimeZone: "UTC", EffectiveDate: &date.Date{Year: 2027}}, "working_schedule.effective_date"},
		"the far future": {&availabilityv1.WorkingSchedule{TimeZone: "UTC", EffectiveDate: day("9000-01-01")}, "working_schedule.effective_date"},
		"seconds":        {&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{second}}, "working_schedule.windows[0].start_time"},
		"nanos":          {&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "10:00"), nanos}}, "working_schedule.windows[1].end_time"},
		"a start at 24:00": {
			&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("24:00", "10:00")}}, "working_schedule.windows[0].start_time",
		},
		"an end after 24:00": {
			&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "24:01")}}, "working_schedule.windows[0].end_time",
		},
		"windows that overlap": {
			&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("13:00", "17:00"), hours("09:00", "13:00"), hours("16:59", "18:00", 5)}},
			"working_schedule.windows[2]",
		},
		"a night over the next morning": {
			&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("05:00", "09:00", 1), hours("22:00", "06:00", 7)}},
			"working_schedule.windows[1]",
		},
		"a country of its own": {&availabilityv1.WorkingSchedule{TimeZone: "UTC", HolidayRegion: "DE-XX"}, "working_schedule.holiday_region"},
		"a region in small":    {&availabilityv1.WorkingSchedule{TimeZone: "UTC", HolidayRegion: "de"}, "working_schedule.holiday_region"},
		"25:00":                {&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "25:00")}}, "working_schedule.windows[0].end_time"},
		"negative": {
			&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{{Days: workdays, StartTime: &timeofday.TimeOfDay{Minutes: -1}, EndTime: timeOfDay("10:00")}}},
			"working_schedule.windows[0].start_time",
		},
		"no days":     {&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{{StartTime: timeOfDay("09:00"), EndTime: timeOfDay("10:00")}}}, "working_schedule.windows[0].days"},
		"a day twice": {&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "10:00", 1, 1)}}, "working_schedule.windows[0].days"},
		"a ninth day": {&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "10:00", 9)}}, "working_schedule.windows[0].days[0]"},
		"no start":    {&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{{Days: workdays, EndTime: timeOfDay("10:00")}}}, "working_schedule.windows[0].start_time"},
		"fifty-one windows": {
			&availabilityv1.WorkingSchedule{TimeZone: "UTC", Windows: make51()}, "working_schedule.windows",
		},
	} {
		_, err := w.schedules.CreateWorkingSchedule(ben.ctx, &availabilityv1.CreateWorkingScheduleRequest{Parent: ben.name(), WorkingSchedule: c.schedule})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}
	_, err := w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: domain.WorkspaceName(ana.Workspace), DefaultSchedule: &availabilityv1.DefaultSchedule{EffectiveDate: day("2026-11-30")},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "default_schedule.effective_date")
	_, err = w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent:          domain.WorkspaceName(ana.Workspace),
		DefaultSchedule: &availabilityv1.DefaultSchedule{Windows: []*availabilityv1.WeeklyWindow{hours("24:00", "10:00")}},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "default_schedule.windows[0].start_time")
	require.Empty(t, w.unpublished(), "what is refused leaves nothing")
	require.Zero(t, w.effective(ana, ben.name()).GetVersion())
}

func make51() []*availabilityv1.WeeklyWindow {
	var all []*availabilityv1.WeeklyWindow
	for range 51 {
		all = append(all, hours("09:00", "10:00"))
	}
	return all
}

func TestWhoMaySetHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	gil := w.member(ws, auth.Guest, "Gil", "Asia/Kolkata")
	set := func(by person, member string) error {
		_, err := w.schedules.CreateWorkingSchedule(by.ctx, &availabilityv1.CreateWorkingScheduleRequest{
			Parent: member, WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "UTC"},
		})
		return err
	}
	require.NoError(t, set(gil, gil.name()), "a guest their own")
	require.NoError(t, set(ana, ben.name()), "an administrator everybody's")
	rpctest.Failed(t, set(ben, ana.name()), codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err := w.schedules.CreateDefaultSchedule(ben.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: domain.WorkspaceName(ws), DefaultSchedule: &availabilityv1.DefaultSchedule{},
	})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)

	other, boss, _ := w.team()
	require.NotEqual(t, ws, other)
	rpctest.Failed(t, set(boss, ben.name()), codes.NotFound, fault.ReasonResourceNotFound)
	nobody := domain.MemberName(ws, uuid.Must(uuid.NewV7()))
	rpctest.Failed(t, set(ana, nobody), codes.NotFound, fault.ReasonResourceNotFound)
	for _, get := range []func() error{
		func() error {
			_, err := w.schedules.ListWorkingSchedules(ana.ctx, &availabilityv1.ListWorkingSchedulesRequest{Parent: nobody})
			return err
		},
		func() error {
			_, err := w.schedules.GetEffectiveSchedule(ana.ctx, &availabilityv1.GetEffectiveScheduleRequest{Name: nobody + "/effectiveSchedule"})
			return err
		},
		func() error {
			_, err := w.timeOffs.ListTimeOffs(ana.ctx, &availabilityv1.ListTimeOffsRequest{Parent: nobody})
			return err
		},
		func() error {
			_, err := w.schedules.GetDefaultSchedule(ana.ctx, &availabilityv1.GetDefaultScheduleRequest{Name: domain.DefaultScheduleName(ws, uuid.New())})
			return err
		},
	} {
		rpctest.Failed(t, get(), codes.NotFound, fault.ReasonResourceNotFound)
	}
}

// A member of whom the projection has not heard is asked about before they are said not to be there.
func TestTheDirectoryIsAskedAboutAStranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	newcomer := rpctest.Member(ws, auth.Member)
	w.directory.answer = func(member uuid.UUID) {
		if member == newcomer.Member {
			w.directory.answer = nil
			w.lay(newcomer, "Nora", "Europe/Oslo", "ACTIVE")
		}
	}
	s := w.set(ana, newcomer.Principal(), "Europe/Oslo", "", hours("08:00", "16:00"))
	require.Equal(t, 1, w.directory.asked)
	require.Contains(t, s.GetName(), newcomer.Principal())

	w.directory.down = fault.New(fault.Unavailable, fault.ReasonUnavailable, "away")
	_, err := w.schedules.ListWorkingSchedules(ana.ctx, &availabilityv1.ListWorkingSchedulesRequest{Parent: domain.MemberName(ws, uuid.New())})
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
}

func TestASecondRequestDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	req := &availabilityv1.CreateWorkingScheduleRequest{
		Parent: ben.name(), RequestId: uuid.NewString(),
		WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "America/Chicago", Windows: []*availabilityv1.WeeklyWindow{hours("10:00", "18:00")}, EffectiveDate: day("2026-12-01")},
	}
	const twins = 8
	made := make([]*availabilityv1.WorkingSchedule, twins)
	var group errgroup.Group
	for i := range made {
		group.Go(func() (err error) {
			made[i], err = w.schedules.CreateWorkingSchedule(ben.ctx, req)
			return err
		})
	}
	require.NoError(t, group.Wait())
	for _, s := range made {
		require.True(t, proto.Equal(made[0], s))
	}
	require.Len(t, w.unpublished(), 2)

	// The answer is the schedule as it now stands, also when the request would now be refused.
	w.clock.Advance(48 * time.Hour)
	w.set(ana, ben.name(), "America/Chicago", "", hours("09:00", "17:00"))
	again, err := w.schedules.CreateWorkingSchedule(ben.ctx, req)
	require.NoError(t, err)
	require.Equal(t, made[0].GetName(), again.GetName())
	require.Equal(t, w.clock.Now(), again.GetEndTime().AsTime())

	req.WorkingSchedule.TimeZone = "Europe/London"
	_, err = w.schedules.CreateWorkingSchedule(ben.ctx, req)
	rpctest.FailedField(t, err, fault.ReasonRequestIDReused, "request_id")

	// The same id of another principal is another request.
	req.WorkingSchedule.EffectiveDate = nil
	_, err = w.schedules.CreateWorkingSchedule(ana.ctx, req)
	require.NoError(t, err)
}

// Many changes at once, of one member, are one after the other: the versions are without gap, and one schedule is last.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	var group errgroup.Group
	for i := range 12 {
		group.Go(func() error {
			_, err := w.schedules.CreateWorkingSchedule(ben.ctx, &availabilityv1.CreateWorkingScheduleRequest{
				Parent: ben.name(), WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "UTC", EffectiveDate: day("2026-12-0" + string(rune('1'+i%9)))},
			})
			return err
		})
		group.Go(func() error {
			_, err := w.timeOffs.CreateTimeOff(ana.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: &availabilityv1.TimeOff{
				Kind: availabilityv1.TimeOff_SICK, StartDate: day("2026-12-02"), EndDate: day("2026-12-03"),
			}})
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.EqualValues(t, 48, w.effective(ana, ben.name()).GetVersion())
	for i, e := range w.unpublished() {
		require.EqualValues(t, i+1, e.Version, "the order of the events is that of the commits")
		require.Equal(t, ben.name(), e.Aggregate)
	}
	var open int
	require.NoError(t, w.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(*) FROM working_schedules WHERE end_time IS NULL`).Scan(&open))
	require.Equal(t, 1, open)
}

func TestDefaultHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	kim := w.member(ws, auth.Member, "Kim", "Pacific/Auckland")
	w.set(kim, kim.name(), "Pacific/Auckland", "", hours("10:00", "12:00"))
	parent := domain.WorkspaceName(ws)
	listed, err := w.schedules.ListDefaultSchedules(ben.ctx, &availabilityv1.ListDefaultSchedulesRequest{Parent: parent})
	require.NoError(t, err)
	require.Empty(t, listed.GetDefaultSchedules())

	w.clock.Advance(9 * time.Hour) // 18:00 UTC, 12:00 in Chicago
	req := &availabilityv1.CreateDefaultScheduleRequest{
		Parent: parent, RequestId: uuid.NewString(),
		DefaultSchedule: &availabilityv1.DefaultSchedule{Windows: []*availabilityv1.WeeklyWindow{hours("08:00", "14:00")}},
	}
	made, err := w.schedules.CreateDefaultSchedule(ana.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(day("2026-12-01"), made.GetEffectiveDate()))
	again, err := w.schedules.CreateDefaultSchedule(ana.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(made, again))
	require.Equal(t, []string{"2026-12-01T15:00:00Z 2026-12-01T20:00:00Z", "2026-12-02T14:00:00Z 2026-12-02T20:00:00Z"},
		working(w.timeline(ana, ben.name(), "2026-12-01T00:00:00Z", "2026-12-03T00:00:00Z")), "the day so far is as it was")
	require.Equal(t, made.GetName(), w.effective(ana, ben.name()).GetSource())
	require.True(t, w.effective(ana, ben.name()).GetInherited())
	require.False(t, w.effective(ana, kim.name()).GetInherited())

	later, err := w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: parent, DefaultSchedule: &availabilityv1.DefaultSchedule{EffectiveDate: day("2026-12-04")},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"2026-12-03T14:00:00Z 2026-12-03T20:00:00Z"},
		working(w.timeline(ana, ben.name(), "2026-12-03T00:00:00Z", "2026-12-30T00:00:00Z")), "no windows is no working time")
	listed, err = w.schedules.ListDefaultSchedules(ben.ctx, &availabilityv1.ListDefaultSchedulesRequest{Parent: parent, PageSize: 1})
	require.NoError(t, err)
	require.True(t, proto.Equal(later, listed.GetDefaultSchedules()[0]))
	listed, err = w.schedules.ListDefaultSchedules(ben.ctx, &availabilityv1.ListDefaultSchedulesRequest{Parent: parent, PageSize: 1, PageToken: listed.GetNextPageToken()})
	require.NoError(t, err)
	require.True(t, proto.Equal(made, listed.GetDefaultSchedules()[0]))
	require.Empty(t, listed.GetNextPageToken())
	got, err := w.schedules.GetDefaultSchedule(ben.ctx, &availabilityv1.GetDefaultScheduleRequest{Name: made.GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(made, got))

	// Much later only what still matters is read, and the answers are the same.
	w.clock.Advance(60 * 24 * time.Hour)
	require.Equal(t, later.GetName(), w.effective(ana, ben.name()).GetSource())
	require.Equal(t, []string{"2026-12-01T15:00:00Z 2026-12-01T20:00:00Z", "2026-12-02T14:00:00Z 2026-12-02T20:00:00Z"},
		working(w.timeline(ana, ben.name(), "2026-12-01T00:00:00Z", "2026-12-03T00:00:00Z")))
	_, err = w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: parent, DefaultSchedule: &availabilityv1.DefaultSchedule{Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00", dayofweek.DayOfWeek_SUNDAY)}},
	})
	require.NoError(t, err)
	require.Equal(t, []dayofweek.DayOfWeek{dayofweek.DayOfWeek_SUNDAY}, w.effective(ana, ben.name()).GetWindows()[0].GetDays())
}
