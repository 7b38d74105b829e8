package availability

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Every method that changes something, which takes a request_id, can be tried (AIP-163).
func TestEveryChangeCanBeTried(t *testing.T) {
	t.Parallel()
	seen := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("meridian.availability.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			message := file.Messages().Get(i)
			if !strings.HasSuffix(string(message.Name()), "Request") || message.Fields().ByName("request_id") == nil {
				continue
			}
			seen++
			field := message.Fields().ByName("validate_only")
			require.NotNil(t, field, "%s has no validate_only", message.Name())
			require.Equal(t, protoreflect.BoolKind, field.Kind())
		}
		return true
	})
	require.Greater(t, seen, 20)
}

// kept is all that may be written by what is tried here, counted.
func (w *world) kept() int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM replay)
		+ (SELECT coalesce(sum(revision), 0) FROM core_hours) + (SELECT count(*) FROM core_hours_versions)
		+ (SELECT coalesce(sum(revision), 0) FROM time_off_policies) + (SELECT count(*) FROM calendar_feeds WHERE delete_time IS NULL)
		+ (SELECT count(*) FROM overlap_choices WHERE delete_time IS NULL) + (SELECT count(*) FROM rotation_overrides)
		+ (SELECT count(*) FROM rotation_swaps WHERE state = 'OFFERED') + (SELECT coalesce(sum(revision), 0) FROM imported_calendars)`).Scan(&n))
	return n
}

func TestATeamsChangesAreTried(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben, r.cleo))
	offered := r.offer(r.ben, made.GetName(), "2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z", person{})
	byName := r.offer(r.ben, made.GetName(), "2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", r.oda)
	before := r.kept()

	// Nobody works at night: the core hours would have gaps.
	core := &availabilityv1.UpdateCoreHoursRequest{ValidateOnly: true, RequestId: uuid.NewString(), CoreHours: &availabilityv1.CoreHours{
		Name: domain.CoreHoursName(r.ws, r.team), TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("03:00", "04:00", 3)}, Need: 2,
	}}
	tried, err := r.teamTimes.UpdateCoreHours(r.lead.ctx, core)
	require.NoError(t, err)
	require.Len(t, tried.GetPreviewGaps(), 4, "one in each of four weeks")
	require.Equal(t, at("2026-12-02T03:00:00Z"), tried.GetPreviewGaps()[0].GetStartTime().AsTime())
	_, err = r.teamTimes.UpdateCoreHours(r.amy.ctx, core)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)

	swap, err := r.rotations.TakeRotationSwap(r.cleo.ctx, &availabilityv1.TakeRotationSwapRequest{Name: offered.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.RotationSwap_TAKEN, swap.GetState())
	require.Empty(t, swap.GetOverride(), "it would be another")
	require.Equal(t, []string{"02 12:00 03 09:00 cleo", "03 09:00 04 09:00 cleo"}, r.lines(swap.GetPreviewShifts()[:2]))
	_, err = r.rotations.TakeRotationSwap(r.boss.ctx, &availabilityv1.TakeRotationSwapRequest{Name: offered.GetName(), ValidateOnly: true})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	swap, err = r.rotations.WithdrawRotationSwap(r.ben.ctx, &availabilityv1.WithdrawRotationSwapRequest{Name: offered.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.RotationSwap_WITHDRAWN, swap.GetState())
	require.Empty(t, swap.GetPreviewShifts())
	swap, err = r.rotations.DeclineRotationSwap(r.oda.ctx, &availabilityv1.DeclineRotationSwapRequest{Name: byName.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.RotationSwap_DECLINED, swap.GetState())
	require.Equal(t, before, r.kept())
	got, err := r.rotations.GetRotationSwap(r.cleo.ctx, &availabilityv1.GetRotationSwapRequest{Name: offered.GetName()})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.RotationSwap_OFFERED, got.GetState())

	core.ValidateOnly = false
	set, err := r.teamTimes.UpdateCoreHours(r.lead.ctx, core)
	require.NoError(t, err, "the request_id of what was only tried is free")
	require.Empty(t, set.GetPreviewGaps())
}

func TestAWorkspacesChangesAreTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	feed, _ := w.feed(ben, ben.name(), availabilityv1.CalendarFeed_EVENTS)
	chosen, err := w.choose(ana, "2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z", ana, ben)
	require.NoError(t, err)
	calendar, err := w.calendars.CreateCalendar(ben.ctx, &availabilityv1.CreateCalendarRequest{
		Parent: ben.name(), Calendar: &availabilityv1.Calendar{DisplayName: "Home", SourceUrl: "http://127.0.0.1:9/me.ics"},
	})
	require.NoError(t, err)
	w.exec(`UPDATE imported_calendars SET due_time = due_time + interval '1 hour'`)
	before := w.kept()

	policy := &availabilityv1.UpdateTimeOffPolicyRequest{ValidateOnly: true, TimeOffPolicy: &availabilityv1.TimeOffPolicy{
		Name: domain.TimeOffPolicyName(ws), ApprovalKinds: []availabilityv1.TimeOff_Kind{availabilityv1.TimeOff_VACATION},
	}}
	tried, err := w.timeOffs.UpdateTimeOffPolicy(ana.ctx, policy)
	require.NoError(t, err)
	require.Equal(t, policy.GetTimeOffPolicy().GetApprovalKinds(), tried.GetApprovalKinds())
	made, err := w.feeds.CreateCalendarFeed(ben.ctx, &availabilityv1.CreateCalendarFeedRequest{
		Parent: ben.name(), ValidateOnly: true, CalendarFeed: &availabilityv1.CalendarFeed{DisplayName: "For home", Kind: availabilityv1.CalendarFeed_EVENTS},
	})
	require.NoError(t, err)
	require.Equal(t, "For home", made.GetCalendarFeed().GetDisplayName())
	require.Empty(t, made.GetUrl()+made.GetCalendarFeed().GetName()+made.GetCalendarFeed().GetUid())
	_, err = w.feeds.CreateCalendarFeed(ben.ctx, &availabilityv1.CreateCalendarFeedRequest{
		Parent: ben.name(), ValidateOnly: true, CalendarFeed: &availabilityv1.CalendarFeed{DisplayName: " ", Kind: availabilityv1.CalendarFeed_EVENTS},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "calendar_feed.display_name")
	_, err = w.feeds.DeleteCalendarFeed(ben.ctx, &availabilityv1.DeleteCalendarFeedRequest{Name: feed.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	_, err = w.feeds.GetCalendarFeed(ben.ctx, &availabilityv1.GetCalendarFeedRequest{Name: feed.GetName()})
	require.NoError(t, err, "it is still there")
	choice, err := w.ask.ChooseOverlap(ana.ctx, &availabilityv1.ChooseOverlapRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{ana.name(), ben.name()}, ValidateOnly: true,
		StartTime: stamp("2026-12-03T09:00:00Z"), EndTime: stamp("2026-12-03T10:00:00Z"),
	})
	require.NoError(t, err)
	require.Empty(t, choice.GetName()+choice.GetUid())
	require.EqualValues(t, 60, choice.GetOutsideMinutes(), "it is night in Chicago")
	_, err = w.ask.DeleteOverlapChoice(ana.ctx, &availabilityv1.DeleteOverlapChoiceRequest{Name: chosen.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	_, err = w.ask.DeleteOverlapChoice(ben.ctx, &availabilityv1.DeleteOverlapChoiceRequest{Name: chosen.GetName(), ValidateOnly: true})
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotTheChooser)
	refreshed, err := w.calendars.RefreshCalendar(ben.ctx, &availabilityv1.RefreshCalendarRequest{Name: calendar.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	require.Equal(t, epoch, refreshed.GetNextFetchTime().AsTime())
	require.Equal(t, before, w.kept())
}

// A preview looks at the weeks from where the change begins on, however far that is.
func TestPreviewsLookWhereTheChangeIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	travel, err := w.travels.CreateTravel(ben.ctx, &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: toTokyo("2027-03-01", "2027-03-01"), ValidateOnly: true})
	require.NoError(t, err)
	require.Equal(t, []string{"2027-03-01T00:00:00Z 2027-03-01T08:00:00Z OFF WORKING"}, foreseen(travel.GetPreview()))
	off, err := w.timeOffs.CreateTimeOff(ben.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), ValidateOnly: true, TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_VACATION, StartDate: day("2027-03-01"), EndDate: day("2027-03-02"),
	}})
	require.NoError(t, err)
	require.Equal(t, []string{
		"2027-03-01T15:00:00Z 2027-03-01T23:00:00Z WORKING TIME_OFF", "2027-03-02T15:00:00Z 2027-03-02T23:00:00Z WORKING TIME_OFF",
	}, foreseen(off.GetPreview()))
	schedule, err := w.schedules.CreateWorkingSchedule(ben.ctx, &availabilityv1.CreateWorkingScheduleRequest{Parent: ben.name(), ValidateOnly: true, WorkingSchedule: &availabilityv1.WorkingSchedule{
		TimeZone: "America/Chicago", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00", 1, 2, 3, 4)}, EffectiveDate: day("2027-03-01"),
	}})
	require.NoError(t, err)
	require.Equal(t, []string{
		"2027-03-05T15:00:00Z 2027-03-05T23:00:00Z WORKING OFF", "2027-03-12T15:00:00Z 2027-03-12T23:00:00Z WORKING OFF",
		"2027-03-19T14:00:00Z 2027-03-19T22:00:00Z WORKING OFF", "2027-03-26T14:00:00Z 2027-03-26T22:00:00Z WORKING OFF",
	}, foreseen(schedule.GetPreview()), "four weeks of Fridays")
	// What has begun is looked at from now on.
	w.clock.Advance(90 * 24 * time.Hour)
	long, err := w.timeOffs.CreateTimeOff(ben.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), ValidateOnly: true, TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_VACATION, StartDate: day("2026-12-01"), EndDate: day("2027-03-01"),
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"2027-03-01T15:00:00Z 2027-03-01T23:00:00Z WORKING TIME_OFF"}, foreseen(long.GetPreview()))
}
