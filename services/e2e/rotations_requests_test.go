package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// walkedRota is a team that the principal leads where they may, with a rotation in which somebody else is always on.
type walkedRota struct {
	*world
	by     principal
	team   string
	holder principal
	client availabilityv1.RotationServiceClient
}

// ownAlive is the principal's own member where they may act, else the owner's.
func ownAlive(w *world, p principal) string {
	if p.name == "revoked" {
		return w.owner.member
	}
	return own(w, p)
}

func newRota(t *testing.T, w *world, p principal) walkedRota {
	t.Helper()
	r := walkedRota{
		world: w, by: p, team: w.newTeam(t), client: availabilityv1.NewRotationServiceClient(w.conn),
		holder: w.join(t, "holder", directoryv1.Member_MEMBER, optionsv1.Access_RIGHT_UNSPECIFIED),
	}
	_, err := directoryv1.NewTeamServiceClient(w.conn).AddTeamMembers(as(t.Context(), w.owner.token), &directoryv1.AddTeamMembersRequest{
		Name: r.team, Members: []*directoryv1.TeamMember{{Member: ownAlive(w, p), Lead: true}},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the service hears of a new team by its event
		_, err := r.client.ListRotations(as(t.Context(), w.owner.token), &availabilityv1.ListRotationsRequest{Parent: r.team})
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	return r
}

func (r walkedRota) wanted() *availabilityv1.Rotation {
	return &availabilityv1.Rotation{DisplayName: "On call", Turns: &availabilityv1.Turns{
		Members: []string{r.holder.member}, Unit: availabilityv1.Turns_WEEK, TimeZone: "Europe/Lisbon",
		FirstDate: &date.Date{Year: 2026, Month: 1, Day: 5}, HandOverTime: &timeofday.TimeOfDay{Hours: 9},
	}}
}

func (r walkedRota) rotation(t *testing.T) string {
	t.Helper()
	made, err := r.client.CreateRotation(as(t.Context(), r.owner.token), &availabilityv1.CreateRotationRequest{Parent: r.team, Rotation: r.wanted()})
	require.NoError(t, err)
	return made.GetName()
}

// ahead is a day long after now, whatever the clock of the server says.
func ahead() (start, end *timestamppb.Timestamp) {
	return timestamppb.New(time.Date(2060, 7, 6, 0, 0, 0, 0, time.UTC)), timestamppb.New(time.Date(2060, 7, 6, 12, 0, 0, 0, time.UTC))
}

func (r walkedRota) replacing() *availabilityv1.RotationOverride {
	start, end := ahead()
	return &availabilityv1.RotationOverride{StartTime: start, EndTime: end, InMember: r.owner.member}
}

func (r walkedRota) override(t *testing.T) string {
	t.Helper()
	made, err := r.client.CreateRotationOverride(as(t.Context(), r.owner.token),
		&availabilityv1.CreateRotationOverrideRequest{Parent: r.rotation(t), RotationOverride: r.replacing()})
	require.NoError(t, err)
	return made.GetName()
}

func (r walkedRota) offered() *availabilityv1.RotationSwap {
	start, end := ahead()
	to := r.owner.member
	if able(r.world, r.by) {
		to = r.by.member
	}
	return &availabilityv1.RotationSwap{Member: r.holder.member, ToMember: to, StartTime: start, EndTime: end}
}

func (r walkedRota) swap(t *testing.T) string {
	t.Helper()
	made, err := r.client.CreateRotationSwap(as(t.Context(), r.owner.token),
		&availabilityv1.CreateRotationSwapRequest{Parent: r.rotation(t), RotationSwap: r.offered()})
	require.NoError(t, err)
	return made.GetName()
}

func onRota(build func(t *testing.T, r walkedRota) proto.Message) request {
	return func(t *testing.T, w *world, p principal) proto.Message {
		t.Helper()
		return build(t, newRota(t, w, p))
	}
}

func onRotation(build func(name string) proto.Message) request {
	return onRota(func(t *testing.T, r walkedRota) proto.Message { t.Helper(); return build(r.rotation(t)) })
}

func onOverride(build func(name string) proto.Message) request {
	return onRota(func(t *testing.T, r walkedRota) proto.Message { t.Helper(); return build(r.override(t)) })
}

func onSwap(build func(name string) proto.Message) request {
	return onRota(func(t *testing.T, r walkedRota) proto.Message { t.Helper(); return build(r.swap(t)) })
}

func rotationsRequests() map[string]request {
	return map[string]request{
		"GetRotation": onRotation(func(n string) proto.Message { return &availabilityv1.GetRotationRequest{Name: n} }),
		"ListRotations": onRota(func(_ *testing.T, r walkedRota) proto.Message {
			return &availabilityv1.ListRotationsRequest{Parent: r.team}
		}),
		"CreateRotation": onRota(func(_ *testing.T, r walkedRota) proto.Message {
			return &availabilityv1.CreateRotationRequest{Parent: r.team, Rotation: r.wanted()}
		}),
		"UpdateRotation": onRotation(func(n string) proto.Message {
			return &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: n, DisplayName: "Nights"}, UpdateMask: mask("display_name")}
		}),
		"DeleteRotation": onRotation(func(n string) proto.Message { return &availabilityv1.DeleteRotationRequest{Name: n} }),
		"WhoIsOn":        onRotation(func(n string) proto.Message { return &availabilityv1.WhoIsOnRequest{Name: n} }),
		"TeamWhoIsOn": onRota(func(_ *testing.T, r walkedRota) proto.Message {
			return &availabilityv1.TeamWhoIsOnRequest{Name: r.team}
		}),
		"ListShifts": onRotation(func(n string) proto.Message {
			start, end := ahead()
			return &availabilityv1.ListShiftsRequest{Parent: n, StartTime: start, EndTime: end}
		}),

		"GetRotationOverride":   onOverride(func(n string) proto.Message { return &availabilityv1.GetRotationOverrideRequest{Name: n} }),
		"ListRotationOverrides": onRotation(func(n string) proto.Message { return &availabilityv1.ListRotationOverridesRequest{Parent: n} }),
		"CreateRotationOverride": onRota(func(t *testing.T, r walkedRota) proto.Message {
			t.Helper()
			return &availabilityv1.CreateRotationOverrideRequest{Parent: r.rotation(t), RotationOverride: r.replacing()}
		}),
		"DeleteRotationOverride": onOverride(func(n string) proto.Message { return &availabilityv1.DeleteRotationOverrideRequest{Name: n} }),

		"GetRotationSwap":   onSwap(func(n string) proto.Message { return &availabilityv1.GetRotationSwapRequest{Name: n} }),
		"ListRotationSwaps": onRotation(func(n string) proto.Message { return &availabilityv1.ListRotationSwapsRequest{Parent: n} }),
		"CreateRotationSwap": onRota(func(t *testing.T, r walkedRota) proto.Message {
			t.Helper()
			return &availabilityv1.CreateRotationSwapRequest{Parent: r.rotation(t), RotationSwap: r.offered()}
		}),
		"TakeRotationSwap":     onSwap(func(n string) proto.Message { return &availabilityv1.TakeRotationSwapRequest{Name: n} }),
		"DeclineRotationSwap":  onSwap(func(n string) proto.Message { return &availabilityv1.DeclineRotationSwapRequest{Name: n} }),
		"WithdrawRotationSwap": onSwap(func(n string) proto.Message { return &availabilityv1.WithdrawRotationSwapRequest{Name: n} }),

		"GetCoreHours": onRota(func(_ *testing.T, r walkedRota) proto.Message {
			return &availabilityv1.GetCoreHoursRequest{Name: r.team + "/coreHours"}
		}),
		"UpdateCoreHours": onRota(func(_ *testing.T, r walkedRota) proto.Message {
			return &availabilityv1.UpdateCoreHoursRequest{
				CoreHours: &availabilityv1.CoreHours{Name: r.team + "/coreHours", TimeZone: "Europe/Lisbon", Windows: officeHours()},
			}
		}),
		"GetTeamOutlook": onRota(func(_ *testing.T, r walkedRota) proto.Message {
			return &availabilityv1.GetTeamOutlookRequest{Name: r.team + "/outlook"}
		}),
		"SuggestHandoff": onRota(func(_ *testing.T, r walkedRota) proto.Message {
			return &availabilityv1.SuggestHandoffRequest{Name: r.team, Giver: r.owner.member}
		}),
	}
}
