package availability

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// acting is who acts at an instant for those who are on, by both questions.
func (r *rota) acting(rotation string, at time.Time) []*availabilityv1.DelegateResolution {
	r.t.Helper()
	found, err := r.rotations.WhoIsOn(r.oda.ctx, &availabilityv1.WhoIsOnRequest{Name: rotation, AtTime: timestamppb.New(at)})
	require.NoError(r.t, err)
	all, err := r.rotations.TeamWhoIsOn(r.oda.ctx, &availabilityv1.TeamWhoIsOnRequest{Name: r.teamName(), AtTime: timestamppb.New(at)})
	require.NoError(r.t, err)
	require.True(r.t, proto.Equal(found, all))
	return found.GetShifts()[0].GetDelegates()
}

// Who is on stays on, and who acts for them then is named; of a past instant the same is answered ever after.
func TestWhoActsForThoseOnDutyIsNamed(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	name := r.rotation(r.daily(r.amy, r.ben)).GetName() // Amy is on until the 2nd, 09:00
	duty := []availabilityv1.Delegation_Kind{availabilityv1.Delegation_DUTY}
	require.Empty(t, r.acting(name, epoch))
	_, err := r.delegate(r.amy, r.amy.name(), &availabilityv1.Delegation{Delegate: r.cleo.name()}) // in asks
	require.NoError(t, err)
	require.Empty(t, r.acting(name, epoch))
	d, err := r.delegate(r.amy, r.amy.name(), &availabilityv1.Delegation{Delegate: r.ben.name(), Kinds: duty})
	require.NoError(t, err)
	onward, err := r.delegate(r.ben, r.ben.name(), &availabilityv1.Delegation{Delegate: r.cleo.name(), Kinds: duty, EndTime: stamp("2026-12-01T12:00:00Z")})
	require.NoError(t, err)
	first := &availabilityv1.DelegateResolution{
		Member: r.amy.name(), Outcome: availabilityv1.DelegateResolution_FOUND, Delegate: r.cleo.name(), Chain: []string{r.ben.name(), r.cleo.name()},
	}
	got := r.acting(name, epoch.Add(time.Hour))
	require.Len(t, got, 1)
	require.True(t, proto.Equal(first, got[0]), "%v", got)
	require.Equal(t, []string{r.amy.name()}, r.on(name, epoch.Add(time.Hour)).GetMembers())
	require.Equal(t, r.ben.name(), r.acting(name, at("2026-12-01T12:00:00Z"))[0].GetDelegate())
	require.Empty(t, r.acting(name, at("2026-12-02T09:00:00Z")), "Ben is on, for whom nobody acts then")

	// A last one who is away is answered as such.
	r.off(r.ben, "2026-12-01", "2026-12-01")
	absent := r.acting(name, at("2026-12-01T12:00:00Z"))[0]
	require.Equal(t, availabilityv1.DelegateResolution_ABSENT, absent.GetOutcome())
	require.Empty(t, absent.GetDelegate())

	r.clock.Advance(4 * time.Hour)
	for _, ended := range []*availabilityv1.Delegation{d, onward} {
		_, err := r.delegations.DeleteDelegation(r.boss.ctx, &availabilityv1.DeleteDelegationRequest{Name: ended.GetName()})
		require.NoError(t, err)
	}
	_, err = r.rotations.DeleteRotation(r.lead.ctx, &availabilityv1.DeleteRotationRequest{Name: name})
	require.NoError(t, err)
	require.True(t, proto.Equal(first, r.acting(name, epoch.Add(time.Hour))[0]))
	require.True(t, proto.Equal(absent, r.acting(name, at("2026-12-01T12:30:00Z"))[0]))
}

// One on a time off acts while that one counts.
func TestWhoActsDuringATimeOffIsNamed(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	name := r.rotation(r.daily(r.ben)).GetName()
	off := r.off(r.ben, "2026-12-03", "2026-12-03")
	_, err := r.delegate(r.ben, r.ben.name(), &availabilityv1.Delegation{
		Delegate: r.cleo.name(), TimeOff: off.GetName(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_DUTY},
	})
	require.NoError(t, err)
	require.Empty(t, r.acting(name, at("2026-12-02T23:59:59Z")))
	require.Equal(t, r.cleo.name(), r.acting(name, at("2026-12-03T00:00:00Z"))[0].GetDelegate())
	require.Empty(t, r.acting(name, at("2026-12-04T00:00:00Z")))
}
