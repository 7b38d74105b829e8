package availability

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// Each shift is told of when it begins and when it ends, once, whatever changes on the way.
func TestShiftsAreToldOf(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben, r.cleo))
	worker := r.work()
	pass := func(d time.Duration) {
		r.clock.Advance(d)
		require.NoError(t, worker.Settled(r.ctx))
	}
	pass(0)
	want := []string{"started 01 09:00 ... amy"}
	require.Equal(t, want, r.tales())
	pass(24*time.Hour - time.Microsecond)
	require.Equal(t, want, r.tales())
	pass(time.Microsecond)
	want = append(want, "ended 01 09:00 02 09:00 amy", "started 02 09:00 ... ben")
	require.Equal(t, want, r.tales())

	// An override parts the shift under way; taken back, it is another's again.
	o := r.override(made.GetName(), "2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z", r.ben, r.oda)
	pass(3 * time.Hour)
	pass(3 * time.Hour)
	_, err := r.rotations.DeleteRotationOverride(r.lead.ctx, &availabilityv1.DeleteRotationOverrideRequest{Name: o.GetName()})
	require.NoError(t, err)
	pass(0)
	want = append(want, "ended 02 09:00 02 12:00 ben", "started 02 12:00 ... oda", "ended 02 12:00 02 15:00 oda", "started 02 15:00 ... ben")
	require.Equal(t, want, r.tales())

	// A name is no change of who is on.
	_, err = r.rotations.UpdateRotation(r.lead.ctx, &availabilityv1.UpdateRotationRequest{
		Rotation: &availabilityv1.Rotation{Name: made.GetName(), DisplayName: "Days"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
	})
	require.NoError(t, err)
	pass(0)
	require.Equal(t, want, r.tales())

	// Deleted, the last one ends.
	pass(24 * time.Hour)
	_, err = r.rotations.DeleteRotation(r.lead.ctx, &availabilityv1.DeleteRotationRequest{Name: made.GetName()})
	require.NoError(t, err)
	pass(time.Hour)
	want = append(want, "ended 02 15:00 03 09:00 ben", "started 03 09:00 ... cleo", "ended 03 09:00 03 15:00 cleo")
	require.Equal(t, want, r.tales())
	pass(1000 * time.Hour)
	require.Equal(t, want, r.tales())
}

// After a long while without anybody there, everything is told of late, in order, and nothing twice.
func TestShiftsAreToldOfLate(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	turns := r.daily(r.amy, r.ben)
	turns.Unit = availabilityv1.Turns_HOUR
	made := r.rotation(turns)
	r.clock.Advance(40 * 24 * time.Hour)
	worker := r.work()
	require.NoError(t, worker.Settled(r.ctx))
	shifts := r.shifts(made.GetName(), epoch, epoch.Add(40*24*time.Hour+time.Microsecond), 200)
	var want []string
	for i, line := range r.lines(shifts) {
		start := line[:len("02 15:04")]
		who := line[len("02 15:04 02 15:04 "):]
		want = append(want, fmt.Sprintf("started %s ... %s", start, who))
		if i < len(shifts)-1 {
			want = append(want, "ended "+line)
		}
	}
	require.Len(t, shifts, 40*24+1)
	require.Equal(t, want, r.tales())
	versions := map[int64]bool{}
	for _, e := range r.unpublished() {
		if started, ok := e.payload.(*availabilityv1.ShiftStarted); ok {
			require.False(t, versions[started.GetVersion()])
			versions[started.GetVersion()] = true
		}
	}
}

// Two who look at once tell of each shift once.
func TestShiftsAreToldOfByManyReplicas(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	r.rotation(r.daily(r.amy, r.ben))
	r.rotation(r.daily(r.cleo))
	first, other := r.work(), r.work()
	for range 10 {
		r.clock.Advance(24 * time.Hour)
		require.NoError(t, first.Settled(r.ctx))
		require.NoError(t, other.Settled(r.ctx))
	}
	tales := r.tales()
	seen := map[string]bool{}
	for _, tale := range tales {
		require.False(t, seen[tale], tale)
		seen[tale] = true
	}
	require.Len(t, tales, 2*(11+10))
}

// Where a rotation follows the sun, who works is on, and a change of working time is told of at its time.
func TestARotationThatFollowsTheSun(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(sun(r.ben, r.cleo, r.amy)) // London to 17:00, Chicago 15:00 to 23:00, Kolkata 03:30 to 11:30
	require.Equal(t, []string{"01 09:00 01 17:00 ben", "01 17:00 02 03:30 cleo", "02 03:30 02 09:00 amy", "02 09:00 02 17:00 ben"},
		r.listed(made.GetName(), "2026-12-01T09:00:00Z", "2026-12-02T17:00:00Z"))
	worker := r.work()
	pass := func(d time.Duration) {
		r.clock.Advance(d)
		require.NoError(t, worker.Settled(r.ctx))
	}
	pass(0)
	pass(3 * time.Hour)
	_, err := r.timeOffs.CreateTimeOff(r.ben.ctx, &availabilityv1.CreateTimeOffRequest{Parent: r.ben.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_SICK, StartTime: stamp("2026-12-01T13:00:00Z"), EndTime: stamp("2026-12-02T13:00:00Z"),
	}})
	require.NoError(t, err)
	pass(0)
	pass(time.Hour) // nobody works: who worked last stays on
	pass(2 * time.Hour)
	require.Equal(t, []string{"started 01 09:00 ... ben", "ended 01 09:00 01 15:00 ben", "started 01 15:00 ... cleo"}, r.tales())
	require.Equal(t, []string{"01 15:00 02 03:30 cleo", "02 03:30 02 13:00 amy", "02 13:00 02 17:00 ben"},
		r.listed(made.GetName(), "2026-12-01T15:00:00Z", "2026-12-02T17:00:00Z"))
}
