package availability

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// While the projection of members is not known to follow the directory, no method answers from it.
func TestAStaleProjectionServesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	parent, member := domain.WorkspaceName(ws), ben.name()
	schedule := w.set(ana, member, "UTC", "").GetName()
	off := w.off(ben, "2026-12-02", "2026-12-03").GetName()
	travel := w.travel(ben, toTokyo("2027-01-01", "2027-01-03")).GetName()
	override := w.override(ben, on("2026-12-08")).GetName()
	focus := w.focus(ben, weeklyFocus("2026-12-01", hours("14:00", "15:00"))).GetName()
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	asked, refused := w.off(ben, "2026-12-04", "2026-12-04").GetName(), w.off(ben, "2026-12-07", "2026-12-07").GetName()
	acting, err := w.delegate(ben, member, &availabilityv1.Delegation{Delegate: ana.name()})
	require.NoError(t, err)
	chosen, err := w.ask.ChooseOverlap(ana.ctx, &availabilityv1.ChooseOverlapRequest{
		Parent: parent, Members: []string{member}, StartTime: stamp("2026-12-02T09:00:00Z"), EndTime: stamp("2026-12-02T10:00:00Z"),
	})
	require.NoError(t, err)
	made, err := w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{Parent: parent, DefaultSchedule: &availabilityv1.DefaultSchedule{}})
	require.NoError(t, err)
	calendar, err := w.calendars.CreateCalendar(ben.ctx, &availabilityv1.CreateCalendarRequest{Parent: member, Calendar: &availabilityv1.Calendar{DisplayName: "Work", SourceUrl: "https://x.test/a.ics"}})
	require.NoError(t, err)
	feed, secret := w.feed(ben, member, asEvents)
	spare, _ := w.feed(ben, member, asEvents)
	requests := []proto.Message{
		&availabilityv1.QueryAvailabilityRequest{Parent: parent, Members: []string{member}, StartTime: stamp("2026-12-01T00:00:00Z"), EndTime: stamp("2026-12-02T00:00:00Z")},
		&availabilityv1.ComputeDeadlinesRequest{Parent: parent, Queries: []*availabilityv1.DeadlineQuery{{Member: member, StartTime: stamp("2026-12-01T00:00:00Z"), Window: workingtime.Proto(window.Days(1))}}},
		&availabilityv1.NextReachableRequest{Parent: parent, Members: []string{member}},
		&availabilityv1.ResolveExpectationRequest{Parent: parent, Members: []string{member}},
		meeting("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", ben),
		&availabilityv1.ChooseOverlapRequest{Parent: parent, Members: []string{member}, StartTime: stamp("2026-12-02T09:00:00Z"), EndTime: stamp("2026-12-02T10:00:00Z")},
		&availabilityv1.GetOverlapChoiceRequest{Name: chosen.GetName()},
		&availabilityv1.ListOverlapChoicesRequest{Parent: parent},
		&availabilityv1.DeleteOverlapChoiceRequest{Name: chosen.GetName()},
		covered(ws, w.crew(ws, ben), "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"),
		&availabilityv1.GetEffectiveScheduleRequest{Name: member + "/effectiveSchedule"},
		&availabilityv1.GetWorkingScheduleRequest{Name: schedule},
		&availabilityv1.ListWorkingSchedulesRequest{Parent: member},
		&availabilityv1.CreateWorkingScheduleRequest{Parent: member, WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "UTC"}},
		&availabilityv1.GetDefaultScheduleRequest{Name: made.GetName()},
		&availabilityv1.ListDefaultSchedulesRequest{Parent: parent},
		&availabilityv1.CreateDefaultScheduleRequest{Parent: parent, DefaultSchedule: &availabilityv1.DefaultSchedule{}},
		&availabilityv1.GetTimeOffRequest{Name: off},
		&availabilityv1.ListTimeOffsRequest{Parent: member},
		&availabilityv1.CreateTimeOffRequest{Parent: member, TimeOff: &availabilityv1.TimeOff{Kind: availabilityv1.TimeOff_SICK, StartDate: day("2026-12-02"), EndDate: day("2026-12-02")}},
		&availabilityv1.CancelTimeOffRequest{Name: off},
		&availabilityv1.GetCalendarFeedRequest{Name: feed.GetName()},
		&availabilityv1.ListCalendarFeedsRequest{Parent: member},
		&availabilityv1.CreateCalendarFeedRequest{Parent: member, CalendarFeed: &availabilityv1.CalendarFeed{DisplayName: "Phone", Kind: asEvents}},
		&availabilityv1.DeleteCalendarFeedRequest{Name: spare.GetName()},
		&availabilityv1.GetFeedContentRequest{Secret: secret},
		&availabilityv1.GetFreeBusyRequest{Name: member, StartTime: stamp("2026-12-01T00:00:00Z"), EndTime: stamp("2026-12-02T00:00:00Z")},
		&availabilityv1.GetCalendarRequest{Name: calendar.GetName()},
		&availabilityv1.ListCalendarsRequest{Parent: member},
		&availabilityv1.ListBusyTimesRequest{Parent: calendar.GetName()},
		&availabilityv1.CreateCalendarRequest{Parent: member, Calendar: &availabilityv1.Calendar{DisplayName: "Work", Content: file(standup)}},
		&availabilityv1.UpdateCalendarRequest{Calendar: &availabilityv1.Calendar{Name: calendar.GetName(), DisplayName: "Home"}},
		&availabilityv1.RefreshCalendarRequest{Name: calendar.GetName()},
		&availabilityv1.DeleteCalendarRequest{Name: calendar.GetName()},
		&availabilityv1.GetTravelRequest{Name: travel}, &availabilityv1.ListTravelsRequest{Parent: member},
		&availabilityv1.CreateTravelRequest{Parent: member, Travel: toTokyo("2027-02-01", "2027-02-02")},
		&availabilityv1.DeleteTravelRequest{Name: travel},
		&availabilityv1.GetDateOverrideRequest{Name: override}, &availabilityv1.ListDateOverridesRequest{Parent: member},
		&availabilityv1.CreateDateOverrideRequest{Parent: member, DateOverride: on("2027-02-01")},
		&availabilityv1.DeleteDateOverrideRequest{Name: override},
		&availabilityv1.GetFocusBlockRequest{Name: focus}, &availabilityv1.ListFocusBlocksRequest{Parent: member},
		&availabilityv1.CreateFocusBlockRequest{Parent: member, FocusBlock: weeklyFocus("2027-02-01", hours("09:00", "10:00"))},
		&availabilityv1.DeleteFocusBlockRequest{Name: focus},
		&availabilityv1.ApproveTimeOffRequest{Name: asked},
		&availabilityv1.DeclineTimeOffRequest{Name: refused, Reason: "release week"},
		&availabilityv1.ListTimeOffRequestsRequest{Parent: parent},
		&availabilityv1.GetTimeOffPolicyRequest{Name: domain.TimeOffPolicyName(ws)},
		&availabilityv1.UpdateTimeOffPolicyRequest{TimeOffPolicy: &availabilityv1.TimeOffPolicy{Name: domain.TimeOffPolicyName(ws)}},
		&availabilityv1.GetDelegationRequest{Name: acting.GetName()},
		&availabilityv1.ListDelegationsRequest{Parent: member},
		&availabilityv1.CreateDelegationRequest{Parent: member, Delegation: &availabilityv1.Delegation{Delegate: ana.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_DUTY}}},
		&availabilityv1.DeleteDelegationRequest{Name: acting.GetName()},
		&availabilityv1.ResolveDelegatesRequest{Parent: parent, Queries: []*availabilityv1.DelegateQuery{{Member: member, Kind: availabilityv1.Delegation_ASKS}}},
	}
	requests = append(requests, w.goodOfRotations(ws, ana, ben)...)
	byName := map[protoreflect.FullName]proto.Message{}
	for _, r := range requests {
		byName[r.ProtoReflect().Descriptor().FullName()] = r
	}
	asking := slices.DeleteFunc(methods(), func(m protoreflect.MethodDescriptor) bool {
		return m.Parent().Name() == "HolidayService" // the same for everybody
	})
	for _, m := range asking {
		require.NotNil(t, byName[m.Input().FullName()], "a request of %s", m.FullName())
	}
	w.directory.stale = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the directory is away")
	for _, m := range asking {
		err := w.invoke(ana.ctx, m, byName[m.Input().FullName()])
		rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	}
	// As it is while it follows, every one of the requests is a good one. What is deleted is got before.
	w.directory.stale = nil
	slices.SortStableFunc(asking, func(a, b protoreflect.MethodDescriptor) int {
		return cmp.Compare(strings.Count(string(a.Name()), "Delete"), strings.Count(string(b.Name()), "Delete"))
	})
	for _, m := range asking {
		require.NoError(t, w.invoke(ana.ctx, m, byName[m.Input().FullName()]), m.FullName())
	}
}

// goodOfRotations is a good request of every method about rotations and core hours for an administrator, none of which spoils
// another.
func (w *world) goodOfRotations(ws uuid.UUID, admin, other person) []proto.Message {
	w.t.Helper()
	r := &rota{world: w, ws: ws, lead: admin, team: w.crew(ws, admin, other)}
	turns := r.daily(other)
	name, doomed := r.rotation(turns).GetName(), r.rotation(turns).GetName()
	kept := r.override(name, "2026-12-05T00:00:00Z", "2026-12-06T00:00:00Z", person{}, admin).GetName()
	gone := r.override(name, "2026-12-05T00:00:00Z", "2026-12-06T00:00:00Z", person{}, admin).GetName()
	var swaps []string
	for range 3 {
		swaps = append(swaps, r.offer(other, name, "2026-12-08T00:00:00Z", "2026-12-09T00:00:00Z", admin).GetName())
	}
	offered := &availabilityv1.RotationSwap{Member: other.name(), StartTime: stamp("2026-12-10T00:00:00Z"), EndTime: stamp("2026-12-11T00:00:00Z")}
	added := &availabilityv1.RotationOverride{InMember: admin.name(), StartTime: stamp("2026-12-12T00:00:00Z"), EndTime: stamp("2026-12-13T00:00:00Z")}
	core := domain.CoreHoursName(ws, r.team)
	return []proto.Message{
		&availabilityv1.GetRotationRequest{Name: name}, &availabilityv1.ListRotationsRequest{Parent: r.teamName()},
		&availabilityv1.CreateRotationRequest{Parent: r.teamName(), Rotation: &availabilityv1.Rotation{DisplayName: "x", Turns: turns}},
		&availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: name, DisplayName: "x"}},
		&availabilityv1.DeleteRotationRequest{Name: doomed},
		&availabilityv1.WhoIsOnRequest{Name: name}, &availabilityv1.TeamWhoIsOnRequest{Name: r.teamName()},
		&availabilityv1.ListShiftsRequest{Parent: name, StartTime: stamp("2026-12-01T00:00:00Z"), EndTime: stamp("2026-12-09T00:00:00Z")},
		&availabilityv1.GetRotationOverrideRequest{Name: kept}, &availabilityv1.ListRotationOverridesRequest{Parent: name},
		&availabilityv1.CreateRotationOverrideRequest{Parent: name, RotationOverride: added}, &availabilityv1.DeleteRotationOverrideRequest{Name: gone},
		&availabilityv1.GetRotationSwapRequest{Name: swaps[0]}, &availabilityv1.ListRotationSwapsRequest{Parent: name},
		&availabilityv1.CreateRotationSwapRequest{Parent: name, RotationSwap: offered}, &availabilityv1.TakeRotationSwapRequest{Name: swaps[0]},
		&availabilityv1.DeclineRotationSwapRequest{Name: swaps[1]}, &availabilityv1.WithdrawRotationSwapRequest{Name: swaps[2]},
		&availabilityv1.GetCoreHoursRequest{Name: core}, &availabilityv1.UpdateCoreHoursRequest{CoreHours: &availabilityv1.CoreHours{Name: core, Need: 2}},
		&availabilityv1.SuggestHandoffRequest{Name: r.teamName(), Giver: other.name()},
		&availabilityv1.GetTeamOutlookRequest{Name: domain.TeamOutlookName(ws, r.team)},
	}
}

// methods are all that the service serves.
func methods() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("meridian.availability.v1", func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			of := fd.Services().Get(i).Methods()
			for j := range of.Len() {
				all = append(all, of.Get(j))
			}
		}
		return true
	})
	return all
}

func (w *world) invoke(ctx context.Context, m protoreflect.MethodDescriptor, req proto.Message) error {
	output, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	require.NoError(w.t, err)
	return w.conn.Invoke(ctx, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()), req, output.New().Interface())
}
