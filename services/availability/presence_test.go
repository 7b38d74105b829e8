package availability

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/wire"
)

// follow has the service follow what the directory tells, until settle returns.
func (w *world) follow() (js jetstream.JetStream, settle func()) {
	w.t.Helper()
	js = natstest.New(w.t).JS(w.t)
	router := eventbus.NewRouter(eventbus.RouterConfig{
		Durable: wire.Service, JS: js, DB: w.db.Owner, Log: slog.New(slog.DiscardHandler), Machine: clock.Machine(),
	})
	wire.React(router, w.app)
	done := make(chan error, 1)
	go func() { done <- router.Run(w.ctx) }()
	w.t.Cleanup(func() { require.NoError(w.t, <-done) })
	return js, func() {
		w.t.Helper()
		require.NoError(w.t, router.Idle(w.t.Context()))
	}
}

// moves sets a member's state in the projection, and tells of it.
func (w *world) moves(js jetstream.JetStream, p person, state directoryv1.Member_State, version int64) {
	w.t.Helper()
	w.exec(`UPDATE members SET state = $2, version = $3 WHERE member_id = $1`, p.Member, int(state), version)
	m := profile(p.Caller, "Europe/London", version)
	m.State = state
	if state == directoryv1.Member_DEACTIVATED {
		tell(w.t, js, &directoryv1.MemberDeactivated{Member: m})
		return
	}
	tell(w.t, js, &directoryv1.MemberActivated{Member: m})
}

// Whoever was deactivated is not on from then on, and the next in order is; what has been stays, and who is let in again takes
// their turns as before.
func TestWhoHasLeftIsNotOn(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	js, settle := r.follow()
	worker, look := r.work(), r.look()
	name := r.rotation(r.daily(r.amy, r.ben, r.cleo)).GetName()
	alone := r.rotation(r.daily(r.ben)).GetName()
	other := r.rotation(r.daily(r.amy)).GetName()
	require.NoError(t, worker.Settled(r.ctx))
	week := func(rotation string) []string {
		return r.listed(rotation, "2026-12-01T09:00:00Z", "2026-12-07T09:00:00Z")
	}
	pass := func(d time.Duration) {
		r.clock.Advance(d)
		require.NoError(t, worker.Settled(r.ctx))
		require.NoError(t, look.Settled(r.ctx))
	}
	pass(27 * time.Hour) // the 2nd, 12:00: Ben is on
	require.NoError(t, look.Settled(r.ctx))
	before := len(r.unpublished())

	r.moves(js, r.ben, directoryv1.Member_DEACTIVATED, 2)
	settle()
	pass(0)
	want := []string{
		"01 09:00 02 09:00 amy", "02 09:00 02 12:00 ben", "02 12:00 03 09:00 cleo", "03 09:00 04 09:00 cleo", "04 09:00 05 09:00 amy",
		"05 09:00 06 09:00 cleo", "06 09:00 07 09:00 cleo",
	}
	require.Equal(t, want, week(name))
	require.Empty(t, r.on(alone, r.clock.Now()).GetMembers(), "nobody else is in order")
	require.Equal(t, []string{r.ben.name()}, r.on(alone, r.clock.Now().Add(-time.Microsecond)).GetMembers())
	changed := map[string]int{}
	for _, e := range r.unpublished()[before:] {
		if c, ok := e.payload.(*availabilityv1.RotationChanged); ok {
			changed[c.GetRotation().GetName()]++
			require.Equal(t, "2026-12-02T12:00:00Z", c.GetStartTime().AsTime().Format(time.RFC3339))
			require.Nil(t, c.GetEndTime())
		}
	}
	require.Equal(t, map[string]int{name: 1, alone: 1}, changed, "not %s", other)
	require.Contains(t, r.tales(), "ended 02 09:00 02 12:00 ben")
	require.Contains(t, r.tales(), "started 02 12:00 ... cleo")
	pass(domain.LookSoon)
	require.Equal(t, []string{"rotation 02 12:01"}, gapLines(r.gaps()))

	// Nobody puts him on again; what is told twice changes nothing.
	_, err := r.rotations.CreateRotationOverride(r.lead.ctx, &availabilityv1.CreateRotationOverrideRequest{
		Parent: name, RotationOverride: &availabilityv1.RotationOverride{StartTime: stamp("2026-12-04T00:00:00Z"), EndTime: stamp("2026-12-05T00:00:00Z"), InMember: r.ben.name()},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "rotation_override.in_member")
	count := len(r.unpublished())
	r.moves(js, r.ben, directoryv1.Member_DEACTIVATED, 2)
	settle()
	require.Len(t, r.unpublished(), count)

	pass(at("2026-12-04T00:00:00Z").Sub(r.clock.Now()))
	r.moves(js, r.ben, directoryv1.Member_ACTIVE, 3)
	settle()
	pass(0)
	want[5] = "05 09:00 06 09:00 ben"
	require.Equal(t, want, week(name), "and the past as it was")
	require.Equal(t, []string{"02 09:00 02 12:00 ben", "02 12:00 03 09:00 ", "03 09:00 04 00:00 ", "04 00:00 04 09:00 ben", "04 09:00 05 09:00 ben"},
		r.listed(alone, "2026-12-02T09:00:00Z", "2026-12-05T09:00:00Z"))
}

// Who acted for somebody on duty before they left is answered ever after.
func TestWhoActedBeforeTheyLeftStays(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	js, settle := r.follow()
	name := r.rotation(r.daily(r.amy)).GetName()
	_, err := r.delegate(r.amy, r.amy.name(), &availabilityv1.Delegation{
		Delegate: r.ben.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_DUTY},
	})
	require.NoError(t, err)
	r.clock.Advance(time.Hour)
	r.moves(js, r.ben, directoryv1.Member_DEACTIVATED, 2)
	settle()
	r.clock.Advance(30 * 24 * time.Hour)
	require.Equal(t, r.ben.name(), r.acting(name, epoch)[0].GetDelegate())
	require.Equal(t, availabilityv1.DelegateResolution_ABSENT, r.acting(name, epoch.Add(time.Hour))[0].GetOutcome())
	require.Equal(t, availabilityv1.DelegateResolution_ABSENT, r.acting(name, r.clock.Now())[0].GetOutcome())
}

// The rotations of a team that was deleted end with it; who was on stays answerable.
func TestTheRotationsOfADeletedTeamEnd(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	js, settle := r.follow()
	worker, look := r.work(), r.look()
	name := r.rotation(r.daily(r.amy, r.ben)).GetName()
	require.NoError(t, worker.Settled(r.ctx))
	r.clock.Advance(3 * time.Hour)
	r.exec(`UPDATE teams SET deleted = true WHERE team_id = $1`, r.team)
	gone := &directoryv1.TeamDeleted{Team: &directoryv1.Team{Name: r.teamName(), Version: 2}}
	tell(t, js, gone)
	settle()
	require.NoError(t, worker.Settled(r.ctx))
	require.Equal(t, []string{"started 01 09:00 ... amy", "ended 01 09:00 01 12:00 amy"}, r.tales())
	events := r.unpublished()
	changed := events[2].payload.(*availabilityv1.RotationChanged)
	require.True(t, changed.GetDeleted())
	require.Equal(t, "services/availability", events[2].Actor)
	tell(t, js, gone)
	settle()
	require.Len(t, r.unpublished(), len(events))

	require.Equal(t, []string{r.amy.name()}, r.on(name, epoch).GetMembers())
	require.Nil(t, r.on(name, r.clock.Now()))
	_, err := r.rotations.GetRotation(r.oda.ctx, &availabilityv1.GetRotationRequest{Name: name})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = r.rotations.TeamWhoIsOn(r.oda.ctx, &availabilityv1.TeamWhoIsOnRequest{Name: r.teamName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	r.clock.Advance(domain.LookSoon)
	require.NoError(t, look.Settled(r.ctx))
	_, some, err := r.app.NextCoverage(r.ctx)
	require.NoError(t, err)
	require.False(t, some)
}

// A GUEST sees no rotation, so nobody can put them on one.
func TestAGuestIsOnNoRotation(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	guest := r.member(r.ws, auth.Guest, "Gus", "UTC")
	_, err := r.rotations.CreateRotation(r.lead.ctx, &availabilityv1.CreateRotationRequest{
		Parent: r.teamName(), Rotation: &availabilityv1.Rotation{DisplayName: "On call", Turns: r.daily(r.amy, guest)},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "rotation.turns.members[1]")
	require.ErrorContains(t, err, "must not be a GUEST")
	made := r.rotation(r.daily(r.amy))
	changed := proto.CloneOf(made)
	changed.Turns = sun(guest)
	_, err = r.rotations.UpdateRotation(r.lead.ctx, &availabilityv1.UpdateRotationRequest{Rotation: changed})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "rotation.turns.members[0]")
	_, err = r.rotations.CreateRotationOverride(r.lead.ctx, &availabilityv1.CreateRotationOverrideRequest{
		Parent: made.GetName(), RotationOverride: &availabilityv1.RotationOverride{StartTime: stamp("2026-12-04T00:00:00Z"), EndTime: stamp("2026-12-05T00:00:00Z"), InMember: guest.name()},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "rotation_override.in_member")
	_, err = r.rotations.CreateRotationSwap(r.amy.ctx, &availabilityv1.CreateRotationSwapRequest{
		Parent: made.GetName(), RotationSwap: &availabilityv1.RotationSwap{StartTime: stamp("2026-12-04T00:00:00Z"), EndTime: stamp("2026-12-05T00:00:00Z"), ToMember: guest.name()},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "rotation_swap.to_member")
}
