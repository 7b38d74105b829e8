package availability

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// What a member has ahead is laid whenever somebody asks for their time, so there is no end of it to be had.
func TestAMemberHasAtMostSoMuchAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, _, ben := w.team()
	w.exec(`INSERT INTO layers (workspace_id, member_id, layer_id, kind, display_name, time_zone, windows, start_time, end_time, create_time, lower_time, upper_time)
		SELECT $1, $2, gen_random_uuid(), 'FOCUS_BLOCK', 'n', '', '[]', $3::timestamptz, $4::timestamptz, $3, $3, CASE WHEN n <= 1996 THEN $4::timestamptz ELSE $3 END
		FROM generate_series(1, 3000) n`, ws, ben.Member, at("2026-12-01T07:00:00Z"), at("2027-02-01T00:00:00Z"))

	schedule := &availabilityv1.CreateWorkingScheduleRequest{
		Parent: ben.name(), WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "Europe/London", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")}},
	}
	off := &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_SICK, StartDate: day("2026-12-10"), EndDate: day("2026-12-11"),
	}}
	travel := &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: toTokyo("2026-12-07", "2026-12-09")}
	carol := w.member(ws, auth.Member, "Carol", "UTC")
	delegation := &availabilityv1.CreateDelegationRequest{Parent: ben.name(), Delegation: &availabilityv1.Delegation{
		Delegate: carol.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS},
	}}
	create := map[string]func() error{
		"schedule":   func() error { _, err := w.schedules.CreateWorkingSchedule(ben.ctx, schedule); return err },
		"time off":   func() error { _, err := w.timeOffs.CreateTimeOff(ben.ctx, off); return err },
		"travel":     func() error { _, err := w.travels.CreateTravel(ben.ctx, travel); return err },
		"delegation": func() error { _, err := w.delegations.CreateDelegation(ben.ctx, delegation); return err },
	}
	for _, kind := range []string{"schedule", "time off", "travel", "delegation"} {
		require.NoError(t, create[kind](), kind)
	}
	travel.Travel = toTokyo("2026-12-21", "2026-12-22")
	create["date override"] = func() error {
		_, err := w.overrides.CreateDateOverride(ben.ctx, &availabilityv1.CreateDateOverrideRequest{
			Parent: ben.name(), DateOverride: &availabilityv1.DateOverride{Date: day("2026-12-15")},
		})
		return err
	}
	create["focus block"] = func() error {
		_, err := w.focuses.CreateFocusBlock(ben.ctx, &availabilityv1.CreateFocusBlockRequest{
			Parent:     ben.name(),
			FocusBlock: &availabilityv1.FocusBlock{DisplayName: "the book", StartTime: stamp("2026-12-15T09:00:00Z"), EndTime: stamp("2026-12-15T11:00:00Z")},
		})
		return err
	}
	for _, one := range create {
		rpctest.Failed(t, one(), codes.FailedPrecondition, domain.ReasonTooManyAhead)
	}
	w.clock.Advance(at("2027-03-01T00:00:00Z").Sub(w.clock.Now()))
	require.NoError(t, create["schedule"](), "what is over counts no more")
}
