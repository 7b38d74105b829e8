package availability

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// While a version of hours holds, its region's holidays are not worked; an override wins over one.
func TestHolidaysAreNotWorked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	set := func(region, effective string) {
		_, err := w.schedules.CreateWorkingSchedule(ben.ctx, &availabilityv1.CreateWorkingScheduleRequest{
			Parent: ben.name(), WorkingSchedule: &availabilityv1.WorkingSchedule{
				TimeZone: "Europe/Berlin", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")}, HolidayRegion: region, EffectiveDate: day(effective),
			},
		})
		require.NoError(t, err)
	}
	set("DE-BE", "2026-12-01")
	set("DE-BY", "2027-01-01")
	w.override(ben, on("2026-12-25", "10:00", "11:00"))
	require.Equal(t, []string{
		"2026-12-24T16:00:00Z 2026-12-25T09:00:00Z OFF", "2026-12-25T09:00:00Z 2026-12-25T10:00:00Z WORKING", "2026-12-25T10:00:00Z 2026-12-28T08:00:00Z OFF",
	}, w.timeline(ana, ben.name(), "2026-12-24T16:00:00Z", "2026-12-28T08:00:00Z"))
	require.Equal(t, []string{ // Epiphany is Bavaria's and not Berlin's
		"2027-01-05T16:00:00Z 2027-01-06T08:00:00Z OFF", "2027-01-06T08:00:00Z 2027-01-06T16:00:00Z HOLIDAY Heilige Drei Könige",
		"2027-01-06T16:00:00Z 2027-01-07T08:00:00Z OFF",
	}, w.timeline(ana, ben.name(), "2027-01-05T16:00:00Z", "2027-01-07T08:00:00Z"))
	require.Equal(t, []string{"2027-03-08T08:00:00Z 2027-03-08T16:00:00Z"}, working(w.timeline(ana, ben.name(), "2027-03-08T00:00:00Z", "2027-03-09T00:00:00Z")), "Berlin's alone")
	require.Equal(t, "DE-BE", w.effective(ana, ben.name()).GetHolidayRegion())

	// And so for those who have the workspace's hours.
	_, err := w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: domain.WorkspaceName(ws), DefaultSchedule: &availabilityv1.DefaultSchedule{Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")}, HolidayRegion: "GB"},
	})
	require.NoError(t, err)
	require.Equal(t, "GB", w.effective(ben, ana.name()).GetHolidayRegion())
	require.Equal(t, []string{"2026-12-25T09:00:00Z 2026-12-25T17:00:00Z HOLIDAY Christmas Day"}, w.timeline(ben, ana.name(), "2026-12-25T09:00:00Z", "2026-12-25T17:00:00Z"))
	_, err = w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: domain.WorkspaceName(ws), DefaultSchedule: &availabilityv1.DefaultSchedule{HolidayRegion: "UK"},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "default_schedule.holiday_region")
}

func TestHolidaysAndRegionsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	parent := domain.WorkspaceName(ws)
	var all []*availabilityv1.Holiday
	req := &availabilityv1.ListHolidaysRequest{Parent: parent, Region: "DE-BE", Year: 2027, PageSize: 4}
	for pages := 1; ; pages++ {
		listed, err := w.holidays.ListHolidays(ana.ctx, req)
		require.NoError(t, err)
		all = append(all, listed.GetHolidays()...)
		if req.PageToken = listed.GetNextPageToken(); req.GetPageToken() == "" {
			require.Equal(t, 3, pages)
			break
		}
	}
	require.Len(t, all, 10)
	require.True(t, proto.Equal(&availabilityv1.Holiday{Date: day("2027-03-08"), DisplayName: "Frauentag"}, all[1]))
	regions, err := w.holidays.ListHolidayRegions(ana.ctx, &availabilityv1.ListHolidayRegionsRequest{Parent: parent, PageSize: 200})
	require.NoError(t, err)
	require.Empty(t, regions.GetNextPageToken())
	require.True(t, slices.ContainsFunc(regions.GetHolidayRegions(), func(r *availabilityv1.HolidayRegion) bool {
		return proto.Equal(&availabilityv1.HolidayRegion{Code: "DE-BE", DisplayName: "Germany: Berlin"}, r)
	}))
	for field, bad := range map[string]*availabilityv1.ListHolidaysRequest{
		"region": {Parent: parent, Region: "DE-XX", Year: 2027}, "year": {Parent: parent, Region: "DE"}, "parent": {Region: "DE", Year: 2027},
	} {
		_, err := w.holidays.ListHolidays(ana.ctx, bad)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
	}
	_, err = w.holidays.ListHolidays(ana.ctx, &availabilityv1.ListHolidaysRequest{Parent: parent, Region: "DE", Year: 2027, PageToken: "x"})
	rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonPageTokenInvalid)
	_, err = w.holidays.ListHolidays(w.member(ws, auth.Guest, "Gil", "UTC").ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
}
