package availability

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store"
	"github.com/meridianhq/meridian/services/availability/internal/wire"
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

// ahead is what a member has that is not over.
func (w *world) ahead(p person) (n int) {
	w.t.Helper()
	s := store.New(w.db.App, w.db.Owner, w.box, wire.Encoder("meridian.test"))
	require.NoError(w.t, s.InTx(w.ctx, p.Workspace, func(ctx context.Context, tx app.Tx) error {
		var err error
		n, err = tx.CountAhead(ctx, p.Member, w.clock.Now())
		return err
	}))
	return n
}

// A focus block is laid window by window, so that its windows count.
func TestWeeklyWindowsStandAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	w.override(ben, on("2026-12-05", "10:00", "12:00"))
	w.focus(ben, weeklyFocus("2026-12-02", hours("09:00", "10:00"), hours("11:00", "12:00"), hours("13:00", "14:00")))
	w.focus(ben, &availabilityv1.FocusBlock{DisplayName: "once", StartTime: stamp("2026-12-03T20:00:00Z"), EndTime: stamp("2026-12-04T16:00:00Z")})
	require.Equal(t, 5, w.ahead(ben))
}

// A request that was declined is over, and so is who acts for a member on a time off that is.
func TestWhatIsOverDoesNotStandAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	carol := w.member(ws, auth.Member, "Carol", "UTC")
	offs := []*availabilityv1.TimeOff{w.off(ben, "2026-12-14", "2026-12-15"), w.off(ben, "2026-12-17", "2026-12-17"), w.off(ben, "2026-12-21", "2026-12-21")}
	for _, off := range offs {
		_, err := w.delegate(ben, ben.name(), &availabilityv1.Delegation{
			Delegate: carol.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS}, TimeOff: off.GetName(),
		})
		require.NoError(t, err)
	}
	require.Equal(t, 6, w.ahead(ben))
	_, err := w.timeOffs.DeclineTimeOff(ana.ctx, &availabilityv1.DeclineTimeOffRequest{Name: offs[0].GetName(), Reason: "the release"})
	require.NoError(t, err)
	require.Equal(t, 4, w.ahead(ben))
	_, err = w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: offs[1].GetName()})
	require.NoError(t, err)
	require.Equal(t, 2, w.ahead(ben))
	_, err = w.timeOffs.ApproveTimeOff(ana.ctx, &availabilityv1.ApproveTimeOffRequest{Name: offs[2].GetName()})
	require.NoError(t, err)
	require.Equal(t, 2, w.ahead(ben), "what is approved stays one thing")
	w.clock.Advance(at("2026-12-24T00:00:00Z").Sub(w.clock.Now()))
	require.Zero(t, w.ahead(ben))
}
