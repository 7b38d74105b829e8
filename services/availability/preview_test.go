package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func foreseen(p *availabilityv1.Preview) []string {
	var all []string
	for _, c := range p.GetChanges() {
		all = append(all, c.GetStartTime().AsTime().Format(time.RFC3339)+" "+c.GetEndTime().AsTime().Format(time.RFC3339)+" "+
			c.GetBefore().String()+" "+c.GetAfter().String())
	}
	return all
}

// written is all that the service has written, counted.
func (w *world) written() int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM replay) + (SELECT count(*) FROM layers)
		+ (SELECT count(*) FROM time_offs) + (SELECT count(*) FROM working_schedules) + (SELECT count(*) FROM default_schedules)
		+ (SELECT coalesce(sum(version), 0) FROM member_times) + (SELECT coalesce(sum(version), 0) FROM workspace_times)
		+ (SELECT count(*) FROM layers WHERE delete_time IS NOT NULL) + (SELECT count(*) FROM time_offs WHERE state = 'CANCELLED')`).Scan(&n))
	return n
}

// Validated alone, every change tells what it would do and does nothing; done afterwards with the same request_id, it is made.
func TestPreviewsTellAndDoNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	id := uuid.NewString()
	before := w.written()
	day1 := "2026-12-04T15:00:00Z 2026-12-04T23:00:00Z "

	travel := &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: toTokyo("2026-12-04", "2026-12-04"), RequestId: id, ValidateOnly: true}
	seen, err := w.travels.CreateTravel(ben.ctx, travel)
	require.NoError(t, err)
	require.Empty(t, seen.GetName()+seen.GetUid())
	require.Equal(t, "Asia/Tokyo", seen.GetTimeZone())
	require.Equal(t, []string{"2026-12-03T15:00:00Z 2026-12-03T23:00:00Z WORKING OFF", "2026-12-04T00:00:00Z 2026-12-04T08:00:00Z OFF WORKING"}, foreseen(seen.GetPreview()))
	override, err := w.overrides.CreateDateOverride(ana.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: ben.name(), DateOverride: on("2026-12-04"), ValidateOnly: true})
	require.NoError(t, err)
	require.Equal(t, []string{day1 + "WORKING OFF"}, foreseen(override.GetPreview()))
	focus, err := w.focuses.CreateFocusBlock(ben.ctx, &availabilityv1.CreateFocusBlockRequest{Parent: ben.name(), FocusBlock: weeklyFocus("2026-12-01", hours("09:00", "10:00", 5)), ValidateOnly: true})
	require.NoError(t, err)
	require.Equal(t, []string{
		"2026-12-04T15:00:00Z 2026-12-04T16:00:00Z WORKING UNINTERRUPTIBLE", "2026-12-11T15:00:00Z 2026-12-11T16:00:00Z WORKING UNINTERRUPTIBLE",
		"2026-12-18T15:00:00Z 2026-12-18T16:00:00Z WORKING UNINTERRUPTIBLE", "2026-12-25T15:00:00Z 2026-12-25T16:00:00Z WORKING UNINTERRUPTIBLE",
	}, foreseen(focus.GetPreview()))
	off, err := w.timeOffs.CreateTimeOff(ben.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), ValidateOnly: true, TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_SICK, StartDate: day("2026-12-04"), EndDate: day("2026-12-04"),
	}})
	require.NoError(t, err)
	require.Empty(t, off.GetName())
	require.Equal(t, []string{day1 + "WORKING TIME_OFF"}, foreseen(off.GetPreview()))
	schedule, err := w.schedules.CreateWorkingSchedule(ben.ctx, &availabilityv1.CreateWorkingScheduleRequest{Parent: ben.name(), ValidateOnly: true, WorkingSchedule: &availabilityv1.WorkingSchedule{
		TimeZone: "America/Chicago", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")}, HolidayRegion: "US",
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"2026-12-25T15:00:00Z 2026-12-25T23:00:00Z WORKING HOLIDAY"}, foreseen(schedule.GetPreview()))
	require.NotNil(t, schedule.GetStartTime())
	require.Equal(t, before, w.written())

	travel.ValidateOnly = false
	made, err := w.travels.CreateTravel(ben.ctx, travel)
	require.NoError(t, err)
	require.Nil(t, made.GetPreview())
	taken := w.off(ben, "2026-12-09", "2026-12-09")
	before = w.written()
	seen, err = w.travels.DeleteTravel(ben.ctx, &availabilityv1.DeleteTravelRequest{Name: made.GetName(), ValidateOnly: true, RequestId: id})
	require.NoError(t, err)
	require.Equal(t, made.GetName(), seen.GetName())
	require.Equal(t, []string{"2026-12-03T15:00:00Z 2026-12-03T23:00:00Z OFF WORKING", "2026-12-04T00:00:00Z 2026-12-04T08:00:00Z WORKING OFF"}, foreseen(seen.GetPreview()))
	cancelled, err := w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: taken.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_CANCELLED, cancelled.GetState())
	require.Equal(t, []string{"2026-12-09T15:00:00Z 2026-12-09T23:00:00Z TIME_OFF WORKING"}, foreseen(cancelled.GetPreview()))
	require.Equal(t, before, w.written())
	got, err := w.timeOffs.GetTimeOff(ben.ctx, &availabilityv1.GetTimeOffRequest{Name: taken.GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(taken, got))

	// What would be refused is.
	_, err = w.travels.CreateTravel(ben.ctx, &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: toTokyo("2026-12-04", "2026-12-04"), ValidateOnly: true})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "travel.start_date")
	_, err = w.travels.DeleteTravel(ben.ctx, &availabilityv1.DeleteTravelRequest{Name: made.GetName(), Etag: `"9"`, ValidateOnly: true})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	_, err = w.overrides.CreateDateOverride(ana.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: domain.MemberName(ben.Workspace, uuid.New()), DateOverride: on("2026-12-04"), ValidateOnly: true})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

// Default hours tell how many would have them: the ACTIVE members who have none of their own by then.
func TestAPreviewOfDefaultHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	w.memberIn(ws, ana.Role, "Gone", "UTC", "DEACTIVATED")
	w.set(ben, ben.name(), "UTC", "2026-12-10", hours("09:00", "17:00"))
	before := w.written()
	for effective, inheriting := range map[string]int32{"2026-12-02": 2, "2026-12-10": 1} {
		seen, err := w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
			Parent: domain.WorkspaceName(ws), DefaultSchedule: &availabilityv1.DefaultSchedule{EffectiveDate: day(effective)}, ValidateOnly: true,
		})
		require.NoError(t, err)
		require.Empty(t, seen.GetName())
		require.Equal(t, inheriting, seen.GetPreview().GetInheritingMembers())
		require.Empty(t, seen.GetPreview().GetChanges())
	}
	require.Equal(t, before, w.written())
}
