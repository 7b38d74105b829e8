package availability

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

const year = 365 * 24 * time.Hour

// requireWhole fails unless shifts are all of a range, without a gap and without a double.
func requireWhole(t require.TestingT, shifts []*availabilityv1.Shift, start, end time.Time) {
	at := start
	for _, s := range shifts {
		require.Equal(t, at, s.GetStartTime().AsTime(), "no gap and no double")
		require.True(t, s.GetEndTime().AsTime().After(at))
		require.NotEmpty(t, s.GetMembers())
		at = s.GetEndTime().AsTime()
	}
	require.Equal(t, end, at)
}

// requireSame fails unless shifts are the same but for the last, which may be cut.
func requireSame(t require.TestingT, want, got []*availabilityv1.Shift) {
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, proto.Equal(want[i], got[i]), "shift %d\nwant %v\ngot  %v", i, want[i], got[i])
	}
}

// drawnTurns are turns of any unit but the sun.
func (r *rota) drawnTurns(t *rapid.T) *availabilityv1.Turns {
	turns := r.daily(r.amy, r.ben, r.cleo)
	turns.Unit = rapid.SampledFrom([]availabilityv1.Turns_Unit{
		availabilityv1.Turns_HOUR, availabilityv1.Turns_DAY, availabilityv1.Turns_WEEK, availabilityv1.Turns_MONTH,
	}).Draw(t, "unit")
	turns.Every = rapid.Int32Range(1, 12).Draw(t, "every")
	if turns.GetUnit() == availabilityv1.Turns_HOUR {
		turns.Every *= 12
	}
	turns.TimeZone = rapid.SampledFrom([]string{"Europe/London", "America/Santiago", "Australia/Lord_Howe", "Africa/Cairo"}).Draw(t, "zone")
	turns.HandOverTime = timeOfDay(rapid.SampledFrom([]string{"00:00", "01:30", "02:15", "23:59", "09:00"}).Draw(t, "hand-over"))
	return turns
}

// drawnOverrides makes overrides within a year, each longer than a least length, that put somebody in.
func (r *rota) drawnOverrides(t *rapid.T, rotation string, from time.Time, least time.Duration) (names []string) {
	people := []person{r.amy, r.ben, r.cleo, r.oda}
	for i := range rapid.IntRange(0, 6).Draw(t, "overrides") {
		start := from.Add(time.Duration(rapid.Int64Range(0, int64(year/time.Minute)).Draw(t, fmt.Sprint("start ", i))) * time.Minute)
		end := start.Add(least + time.Duration(rapid.Int64Range(1, 30*24*60).Draw(t, fmt.Sprint("length ", i)))*time.Minute)
		out, in := rapid.IntRange(0, 3).Draw(t, fmt.Sprint("out ", i)), rapid.IntRange(0, 2).Draw(t, fmt.Sprint("in ", i))
		made, err := r.rotations.CreateRotationOverride(r.lead.ctx, &availabilityv1.CreateRotationOverrideRequest{Parent: rotation, RotationOverride: &availabilityv1.RotationOverride{
			StartTime: timestamppb.New(start), EndTime: timestamppb.New(end), OutMember: people[out].name(), InMember: people[(out+in+1)%4].name(),
		}})
		require.NoError(t, err)
		names = append(names, made.GetName())
	}
	return names
}

// Over a year with two changes of the clocks and overrides somebody is on at every instant, once; who was on at an instant
// that has passed stays so, whatever is changed then.
func TestARotationOverAYear(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	rapid.Check(t, func(t *rapid.T) {
		r.team = r.crew(r.ws, r.lead)
		r.exec(`UPDATE team_members SET lead = true WHERE member_id = $1`, r.lead.Member)
		start := r.clock.Now().UTC()
		made := r.rotation(r.drawnTurns(t))
		name := made.GetName()
		overrides := r.drawnOverrides(t, name, start, 0)
		shifts := r.shifts(name, start, start.Add(year), 200)
		requireWhole(t, shifts, start, start.Add(year))
		sizes := rapid.Int32Range(40, 200).Draw(t, "page size")
		requireSame(t, shifts, r.shifts(name, start, start.Add(year), sizes))

		r.clock.Advance(time.Duration(rapid.Int64Range(1, int64(year/time.Minute)).Draw(t, "pass")) * time.Minute)
		now := r.clock.Now().UTC()
		before := r.shifts(name, start, now, 200)
		var asked []*availabilityv1.Shift
		instants := []time.Time{start, now.Add(-time.Microsecond)}
		for i := range 5 {
			instants = append(instants, start.Add(time.Duration(rapid.Int64Range(0, int64(now.Sub(start))-1).Draw(t, fmt.Sprint("asked ", i)))))
		}
		for _, at := range instants {
			asked = append(asked, r.on(name, at))
		}
		_, err := r.rotations.UpdateRotation(r.lead.ctx, &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: name, Turns: r.drawnTurns(t)}})
		require.NoError(t, err)
		for _, o := range overrides {
			_, err := r.rotations.DeleteRotationOverride(r.lead.ctx, &availabilityv1.DeleteRotationOverrideRequest{Name: o})
			require.NoError(t, err)
		}
		const ago = 100 * 24 * time.Hour
		r.drawnOverrides(t, name, now.Add(-ago), ago) // some of which would have begun before
		again := func() {
			requireSame(t, before, r.shifts(name, start, now, 200))
			for i, at := range instants {
				require.Equal(t, asked[i].GetMembers(), r.on(name, at).GetMembers(), "%s", at)
				require.True(t, proto.Equal(asked[i].GetStartTime(), r.on(name, at).GetStartTime()))
			}
		}
		again()
		requireWhole(t, r.shifts(name, start, start.Add(year+24*time.Hour), 200), start, start.Add(year+24*time.Hour))
		_, err = r.rotations.DeleteRotation(r.lead.ctx, &availabilityv1.DeleteRotationRequest{Name: name})
		require.NoError(t, err)
		r.clock.Advance(24 * time.Hour)
		again()
	})
}

// The hand-overs of a year are at their local time, also on the days on which the clocks change.
func TestHandOversOverAYear(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	turns := r.daily(r.amy, r.ben, r.cleo)
	turns.Unit = availabilityv1.Turns_WEEK
	made := r.rotation(turns)
	london, err := worktime.LoadZone("Europe/London")
	require.NoError(t, err)
	shifts := r.shifts(made.GetName(), epoch, epoch.AddDate(1, 0, 0), 0)
	requireWhole(t, shifts, epoch, epoch.AddDate(1, 0, 0))
	require.Len(t, shifts, 53)
	offsets := map[time.Duration]bool{}
	for i, s := range shifts {
		local := london.Local(s.GetStartTime().AsTime())
		require.Equal(t, "Tue 09:00", local.Format("Mon 15:04"))
		offsets[s.GetEndTime().AsTime().Sub(s.GetStartTime().AsTime())] = true
		require.Equal(t, []string{[]person{r.amy, r.ben, r.cleo}[i%3].name()}, s.GetMembers())
	}
	require.Contains(t, offsets, 7*24*time.Hour-time.Hour)
	require.Contains(t, offsets, 7*24*time.Hour+time.Hour)
}

// Where a rotation follows the sun, what was stays also when somebody's hours change.
func TestThePastOfTheSunStays(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(sun(r.ben, r.cleo, r.amy))
	r.clock.Advance(30*24*time.Hour + 4*time.Hour)
	now := r.clock.Now().UTC()
	before := r.shifts(made.GetName(), epoch, now, 200)
	requireWhole(t, before, epoch, now)
	r.set(r.boss, r.ben.name(), "Asia/Tokyo", "", hours("00:00", "24:00", 1, 2, 3, 4, 5, 6, 7))
	r.set(r.boss, r.amy.name(), "Asia/Tokyo", "")
	r.off(r.cleo, "2027-01-01", "2027-12-31")
	requireSame(t, before, r.shifts(made.GetName(), epoch, now, 200))
	later := r.shifts(made.GetName(), epoch, now.Add(30*24*time.Hour), 200)
	requireWhole(t, later, epoch, now.Add(30*24*time.Hour))
	require.Equal(t, []string{r.ben.name()}, later[len(later)-1].GetMembers())
	_, err := r.rotations.UpdateRotation(r.lead.ctx, &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: made.GetName(), Turns: r.daily(r.oda)}})
	require.NoError(t, err)
	requireSame(t, before, r.shifts(made.GetName(), epoch, now, 200))
}
