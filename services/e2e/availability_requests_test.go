package e2e

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/clock"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// walked is a range of which every answer is short.
func walked() (start, end *timestamppb.Timestamp) {
	return timestamppb.New(time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC)), timestamppb.New(time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC))
}

func officeHours() []*availabilityv1.WeeklyWindow {
	return []*availabilityv1.WeeklyWindow{{
		Days:      []dayofweek.DayOfWeek{dayofweek.DayOfWeek_MONDAY, dayofweek.DayOfWeek_TUESDAY},
		StartTime: &timeofday.TimeOfDay{Hours: 9}, EndTime: &timeofday.TimeOfDay{Hours: 17},
	}}
}

// newHours sets hours of a principal's own member, or of the owner.
func newHours(t *testing.T, w *world, p principal) *availabilityv1.WorkingSchedule {
	t.Helper()
	made, err := availabilityv1.NewScheduleServiceClient(w.conn).CreateWorkingSchedule(as(t.Context(), w.owner.token),
		&availabilityv1.CreateWorkingScheduleRequest{
			Parent: own(w, p), WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "Europe/Lisbon", Windows: officeHours()},
		})
	require.NoError(t, err)
	return made
}

func newDefaultHours(t *testing.T, w *world) *availabilityv1.DefaultSchedule {
	t.Helper()
	made, err := availabilityv1.NewScheduleServiceClient(w.conn).CreateDefaultSchedule(as(t.Context(), w.owner.token),
		&availabilityv1.CreateDefaultScheduleRequest{Parent: w.workspace, DefaultSchedule: &availabilityv1.DefaultSchedule{Windows: officeHours()}})
	require.NoError(t, err)
	return made
}

// aWeekOff is a time off long after now, whatever the clock of the server says.
func aWeekOff() *availabilityv1.TimeOff {
	return &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_VACATION, StartDate: &date.Date{Year: 2060, Month: 7, Day: 1}, EndDate: &date.Date{Year: 2060, Month: 7, Day: 7},
	}
}

func newTimeOff(t *testing.T, w *world, p principal) *availabilityv1.TimeOff {
	t.Helper()
	made, err := availabilityv1.NewTimeOffServiceClient(w.conn).CreateTimeOff(as(t.Context(), w.owner.token),
		&availabilityv1.CreateTimeOffRequest{Parent: own(w, p), TimeOff: aWeekOff()})
	require.NoError(t, err)
	return made
}

// able says whether a principal is a member of the workspace who may do what members may.
func able(w *world, p principal) bool {
	return strings.HasPrefix(p.member, w.workspace) && p.role >= optionsv1.Access_MEMBER && p.name != "revoked"
}

// newTimeOffRequest has a new member ask for a kind of time off that needs an approval, for the principal to decide if they
// may decide at all: as the manager.
func newTimeOffRequest(t *testing.T, w *world, p principal) string {
	t.Helper()
	client := availabilityv1.NewTimeOffServiceClient(w.conn)
	_, err := client.UpdateTimeOffPolicy(as(t.Context(), w.owner.token), &availabilityv1.UpdateTimeOffPolicyRequest{
		TimeOffPolicy: &availabilityv1.TimeOffPolicy{
			Name: w.workspace + "/timeOffPolicy", ApprovalKinds: []availabilityv1.TimeOff_Kind{availabilityv1.TimeOff_PARENTAL},
		},
	})
	require.NoError(t, err)
	asking := w.join(t, "asking", directoryv1.Member_MEMBER, optionsv1.Access_RIGHT_UNSPECIFIED)
	off := aWeekOff()
	off.Kind = availabilityv1.TimeOff_PARENTAL
	made, err := client.CreateTimeOff(as(t.Context(), asking.token), &availabilityv1.CreateTimeOffRequest{Parent: asking.member, TimeOff: off})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_REQUESTED, made.GetState())
	if !able(w, p) {
		return made.GetName()
	}
	_, err = directoryv1.NewMemberServiceClient(w.conn).UpdateMember(as(t.Context(), w.owner.token), &directoryv1.UpdateMemberRequest{
		Member: &directoryv1.Member{Name: asking.member, Manager: p.member}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"manager"}},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the service hears of a manager by an event
		waiting, err := client.ListTimeOffRequests(as(t.Context(), p.token), &availabilityv1.ListTimeOffRequestsRequest{Parent: w.workspace})
		return err == nil && len(waiting.GetTimeOffs()) > 0 && waiting.GetTimeOffs()[0].GetName() == made.GetName()
	}, 10*time.Second, 10*time.Millisecond)
	return made.GetName()
}

// aMeeting is a time to meet, each another one.
func aMeeting(w *world) *availabilityv1.ChooseOverlapRequest {
	start := clock.Machine().Now().Add(48 * time.Hour).Truncate(time.Hour)
	return &availabilityv1.ChooseOverlapRequest{
		Parent: w.workspace, Members: []string{w.owner.member}, StartTime: timestamppb.New(start), EndTime: timestamppb.New(start.Add(time.Duration(1+rand.IntN(1<<20)) * time.Millisecond)),
	}
}

// newChoice has the principal choose a time to meet, or the owner where the principal may not.
func newChoice(t *testing.T, w *world, p principal) string {
	t.Helper()
	if !able(w, p) {
		p = w.owner
	}
	made, err := availabilityv1.NewAvailabilityServiceClient(w.conn).ChooseOverlap(as(t.Context(), p.token), aMeeting(w))
	require.NoError(t, err)
	return made.GetName()
}

// aDelegate is somebody to act for others.
func aDelegate(t *testing.T, w *world) *availabilityv1.Delegation {
	t.Helper()
	return &availabilityv1.Delegation{
		Delegate: w.join(t, "delegate", directoryv1.Member_MEMBER, optionsv1.Access_RIGHT_UNSPECIFIED).member,
		Kinds:    []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS},
	}
}

func newDelegation(t *testing.T, w *world, p principal) *availabilityv1.Delegation {
	t.Helper()
	made, err := availabilityv1.NewDelegationServiceClient(w.conn).CreateDelegation(as(t.Context(), w.owner.token),
		&availabilityv1.CreateDelegationRequest{Parent: own(w, p), Delegation: aDelegate(t, w)})
	require.NoError(t, err)
	return made
}

func availabilityRequests() map[string]request {
	return map[string]request{
		"QueryAvailability": func(_ *testing.T, w *world, _ principal) proto.Message {
			start, end := walked()
			return &availabilityv1.QueryAvailabilityRequest{Parent: w.workspace, Members: []string{w.owner.member}, StartTime: start, EndTime: end}
		},
		"ComputeDeadlines": func(_ *testing.T, w *world, _ principal) proto.Message {
			start, _ := walked()
			return &availabilityv1.ComputeDeadlinesRequest{Parent: w.workspace, Queries: []*availabilityv1.DeadlineQuery{{
				Member: w.owner.member, StartTime: start,
				Window: &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: durationpb.New(8 * time.Hour)}},
			}}}
		},
		"NextReachable": func(_ *testing.T, w *world, _ principal) proto.Message {
			return &availabilityv1.NextReachableRequest{Parent: w.workspace, Members: []string{w.owner.member}}
		},
		"ResolveExpectation": func(_ *testing.T, w *world, _ principal) proto.Message {
			return &availabilityv1.ResolveExpectationRequest{Parent: w.workspace, Members: []string{w.owner.member}}
		},
		"FindOverlap": func(_ *testing.T, w *world, _ principal) proto.Message {
			start, end := walked()
			return &availabilityv1.FindOverlapRequest{
				Parent: w.workspace, Members: []string{w.owner.member}, StartTime: start, EndTime: end, MinDuration: durationpb.New(time.Hour),
			}
		},
		"ChooseOverlap": func(_ *testing.T, w *world, _ principal) proto.Message { return aMeeting(w) },
		"GetOverlapChoice": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.GetOverlapChoiceRequest{Name: newChoice(t, w, p)}
		},
		"ListOverlapChoices": onWorkspace(func(n string) proto.Message { return &availabilityv1.ListOverlapChoicesRequest{Parent: n} }),
		"DeleteOverlapChoice": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.DeleteOverlapChoiceRequest{Name: newChoice(t, w, p)}
		},
		"GetCoverage": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			start, end := walked()
			req := &availabilityv1.GetCoverageRequest{
				Name: w.newTeam(t) + "/coverage", StartTime: start, EndTime: end, Bucket: durationpb.New(time.Hour),
			}
			require.Eventually(t, func() bool { // the service hears of a new team by its event
				_, err := availabilityv1.NewAvailabilityServiceClient(w.conn).GetCoverage(as(t.Context(), w.owner.token), req)
				return err == nil
			}, 10*time.Second, 10*time.Millisecond)
			return req
		},

		"GetEffectiveSchedule": func(_ *testing.T, w *world, p principal) proto.Message {
			return &availabilityv1.GetEffectiveScheduleRequest{Name: own(w, p) + "/effectiveSchedule"}
		},
		"GetWorkingSchedule": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.GetWorkingScheduleRequest{Name: newHours(t, w, p).GetName()}
		},
		"ListWorkingSchedules": func(_ *testing.T, w *world, p principal) proto.Message {
			return &availabilityv1.ListWorkingSchedulesRequest{Parent: own(w, p)}
		},
		"CreateWorkingSchedule": func(_ *testing.T, w *world, p principal) proto.Message {
			return &availabilityv1.CreateWorkingScheduleRequest{
				Parent: own(w, p), WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "Europe/Lisbon", Windows: officeHours()},
			}
		},
		"GetDefaultSchedule": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			return &availabilityv1.GetDefaultScheduleRequest{Name: newDefaultHours(t, w).GetName()}
		},
		"ListDefaultSchedules": onWorkspace(func(n string) proto.Message { return &availabilityv1.ListDefaultSchedulesRequest{Parent: n} }),
		"CreateDefaultSchedule": onWorkspace(func(n string) proto.Message {
			return &availabilityv1.CreateDefaultScheduleRequest{Parent: n, DefaultSchedule: &availabilityv1.DefaultSchedule{Windows: officeHours()}}
		}),

		"GetTimeOff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.GetTimeOffRequest{Name: newTimeOff(t, w, p).GetName()}
		},
		"ListTimeOffs": func(_ *testing.T, w *world, p principal) proto.Message {
			return &availabilityv1.ListTimeOffsRequest{Parent: own(w, p)}
		},
		"CreateTimeOff": func(_ *testing.T, w *world, p principal) proto.Message {
			return &availabilityv1.CreateTimeOffRequest{Parent: own(w, p), TimeOff: aWeekOff()}
		},
		"CancelTimeOff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.CancelTimeOffRequest{Name: newTimeOff(t, w, p).GetName()}
		},

		"ApproveTimeOff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.ApproveTimeOffRequest{Name: newTimeOffRequest(t, w, p)}
		},
		"DeclineTimeOff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.DeclineTimeOffRequest{Name: newTimeOffRequest(t, w, p), Reason: random("Reason ")}
		},
		"ListTimeOffRequests": onWorkspace(func(n string) proto.Message { return &availabilityv1.ListTimeOffRequestsRequest{Parent: n} }),
		"GetTimeOffPolicy": onWorkspace(func(n string) proto.Message {
			return &availabilityv1.GetTimeOffPolicyRequest{Name: n + "/timeOffPolicy"}
		}),
		"UpdateTimeOffPolicy": onWorkspace(func(n string) proto.Message {
			return &availabilityv1.UpdateTimeOffPolicyRequest{TimeOffPolicy: &availabilityv1.TimeOffPolicy{
				Name: n + "/timeOffPolicy", ApprovalKinds: []availabilityv1.TimeOff_Kind{availabilityv1.TimeOff_PARENTAL},
			}}
		}),

		"GetDelegation": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.GetDelegationRequest{Name: newDelegation(t, w, p).GetName()}
		},
		"ListDelegations": func(_ *testing.T, w *world, p principal) proto.Message {
			return &availabilityv1.ListDelegationsRequest{Parent: own(w, p)}
		},
		"CreateDelegation": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.CreateDelegationRequest{Parent: own(w, p), Delegation: aDelegate(t, w)}
		},
		"DeleteDelegation": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &availabilityv1.DeleteDelegationRequest{Name: newDelegation(t, w, p).GetName()}
		},
		"ResolveDelegates": func(_ *testing.T, w *world, _ principal) proto.Message {
			return &availabilityv1.ResolveDelegatesRequest{Parent: w.workspace, Queries: []*availabilityv1.DelegateQuery{{
				Member: w.owner.member, Kind: availabilityv1.Delegation_ASKS,
			}}}
		},
	}
}
