package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// check asks as notifications does.
func (w *world) check(source string, members ...person) []*notificationsv1.SourceState {
	w.t.Helper()
	req := &notificationsv1.CheckSourcesRequest{Parent: domain.WorkspaceName(members[0].Workspace)}
	for _, m := range members {
		req.Checks = append(req.Checks, &notificationsv1.SourceCheck{Source: source, Member: m.name()})
	}
	resp, err := notificationsv1.NewSourceServiceClient(w.conn).CheckSources(w.authority.AsService(w.t, w.ctx, "notifications"), req)
	require.NoError(w.t, err)
	require.Len(w.t, resp.GetStates(), len(members))
	return resp.GetStates()
}

func gone() string { return (&notificationsv1.SourceState{Gone: true}).String() }

// A request waits for whoever may decide on it, and is there for them and its member alone: it is told with why.
func TestSourcesOfTimesOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	mia, other := w.member(ws, auth.Member, "Mia", "UTC"), w.member(ws, auth.Member, "Other", "UTC")
	left, guest := w.memberIn(ws, auth.Admin, "Left", "UTC", "DEACTIVATED"), w.member(ws, auth.Guest, "Guest", "UTC")
	w.managed(ben, mia)
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	asked := w.off(ben, "2026-12-07", "2026-12-11").GetName()
	states := w.check(asked, ana, mia, ben, other, left, guest)
	for _, state := range states[:2] {
		require.True(t, state.GetWaiting())
		require.Empty(t, state.GetSettledReason())
		require.Nil(t, state.GetDueTime(), "of whole days")
		require.Empty(t, state.GetTitle()+state.GetText())
	}
	require.False(t, states[2].GetGone())
	require.False(t, states[2].GetWaiting(), "not for whose it is")
	for _, state := range states[3:] {
		require.Equal(t, gone(), state.String())
	}

	w.managed(ben, guest)
	states = w.check(asked, mia, guest)
	require.Equal(t, gone(), states[0].String(), "no longer their manager")
	require.Equal(t, gone(), states[1].String(), "a guest decides on nothing")
	w.managed(ben, mia)

	end := func(name string, f func(name string) error, want, own string) {
		require.NoError(t, f(name))
		states := w.check(name, mia, ben)
		for i, reason := range []string{want, own} {
			require.False(t, states[i].GetGone())
			require.False(t, states[i].GetWaiting())
			require.Equal(t, reason, states[i].GetSettledReason())
		}
	}
	cancel := func(name string) error {
		_, err := w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: name})
		return err
	}
	end(asked, func(name string) error {
		_, err := w.timeOffs.ApproveTimeOff(mia.ctx, &availabilityv1.ApproveTimeOffRequest{Name: name})
		return err
	}, "approved", "")
	end(asked, cancel, "cancelled", "cancelled")
	end(w.off(ben, "2026-12-14", "2026-12-14").GetName(), func(name string) error {
		_, err := w.timeOffs.DeclineTimeOff(mia.ctx, &availabilityv1.DeclineTimeOffRequest{Name: name, Reason: "no"})
		return err
	}, "declined", "")
	end(w.off(ben, "2026-12-15", "2026-12-15").GetName(), cancel, "cancelled", "cancelled")

	timed, err := w.timeOffs.CreateTimeOff(ben.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_VACATION, StartTime: stamp("2026-12-16T15:00:00Z"), EndTime: stamp("2026-12-16T17:00:00Z"),
	}})
	require.NoError(t, err)
	require.Equal(t, at("2026-12-16T15:00:00Z"), w.check(timed.GetName(), mia)[0].GetDueTime().AsTime())
	require.Equal(t, gone(), w.check(ana.name()+"/timeOffs/"+domain.LastID(timed.GetName()), ana)[0].String(), "not hers")
}

func TestSourcesOfSwaps(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	guest := r.member(r.ws, auth.Guest, "Guest", "UTC")
	made := r.rotation(r.daily(r.amy, r.ben, r.cleo)).GetName()
	const start, end = "2026-12-02T12:00:00Z", "2026-12-02T18:00:00Z"
	offer := func(to person) *availabilityv1.RotationSwap { return r.offer(r.ben, made, start, end, to) }
	s := offer(r.cleo)
	states := r.check(s.GetName(), r.cleo, r.ben, r.oda, guest)
	require.True(t, states[0].GetWaiting())
	require.Equal(t, at(start), states[0].GetDueTime().AsTime())
	for _, state := range states[1:3] {
		require.Equal(t, (&notificationsv1.SourceState{}).String(), state.String(), "it never waited for them")
	}
	require.Equal(t, gone(), states[3].String())
	require.False(t, r.check(offer(person{}).GetName(), r.cleo)[0].GetWaiting(), "offered to all it waits for nobody by name")

	_, err := r.rotations.DeclineRotationSwap(r.cleo.ctx, &availabilityv1.DeclineRotationSwapRequest{Name: s.GetName()})
	require.NoError(t, err)
	require.Equal(t, "declined", r.check(s.GetName(), r.cleo)[0].GetSettledReason())
	withdrawn, expired, taken := offer(r.cleo), offer(r.cleo), offer(r.cleo)
	_, err = r.rotations.WithdrawRotationSwap(r.ben.ctx, &availabilityv1.WithdrawRotationSwapRequest{Name: withdrawn.GetName()})
	require.NoError(t, err)
	require.Equal(t, "withdrawn", r.check(withdrawn.GetName(), r.cleo)[0].GetSettledReason())
	_, err = r.take(r.cleo, taken)
	require.NoError(t, err)
	require.Equal(t, "taken", r.check(taken.GetName(), r.cleo)[0].GetSettledReason())
	r.clock.Advance(27 * time.Hour)
	state := r.check(expired.GetName(), r.cleo)[0]
	require.False(t, state.GetWaiting())
	require.Equal(t, "expired", state.GetSettledReason())

	_, err = r.rotations.DeleteRotation(r.lead.ctx, &availabilityv1.DeleteRotationRequest{Name: made})
	require.NoError(t, err)
	require.Equal(t, gone(), r.check(s.GetName(), r.cleo)[0].String())
}

func TestSourcesOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	for _, source := range []string{
		ben.name() + "/timeOffs/" + uuid.NewString(), domain.SwapName(ws, uuid.New(), uuid.New(), uuid.New()),
		domain.WorkspaceName(ws) + "/asks/" + uuid.NewString(), domain.WorkspaceName(ws) + "/tasks/" + uuid.NewString(),
	} {
		require.Equal(t, gone(), w.check(source, ana)[0].String(), source)
	}
	sources, asService := notificationsv1.NewSourceServiceClient(w.conn), w.authority.AsService(t, t.Context(), "notifications")
	elsewhere := domain.MemberName(uuid.New(), ben.Member)
	for field, check := range map[string]*notificationsv1.SourceCheck{
		"checks[0].source": {Source: elsewhere + "/timeOffs/" + uuid.NewString(), Member: ana.name()},
		"checks[0].member": {Source: ben.name() + "/timeOffs/" + uuid.NewString(), Member: elsewhere},
	} {
		_, err := sources.CheckSources(asService, &notificationsv1.CheckSourcesRequest{
			Parent: domain.WorkspaceName(ws), Checks: []*notificationsv1.SourceCheck{check},
		})
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
	}
	_, err := sources.CheckSources(ana.ctx, &notificationsv1.CheckSourcesRequest{
		Parent: domain.WorkspaceName(ws), Checks: []*notificationsv1.SourceCheck{{Source: ben.name() + "/timeOffs/" + uuid.NewString(), Member: ana.name()}},
	})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	none, err := sources.ListFollowedActivity(asService, &notificationsv1.ListFollowedActivityRequest{Parent: domain.WorkspaceName(ws), Member: ana.name()})
	require.NoError(t, err)
	require.Empty(t, none.GetActivities())
}
