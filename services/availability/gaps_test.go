package availability

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/eventbus"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/jobs"
)

// look runs the worker that looks for gaps to the test's end.
func (w *world) look() *due.Worker[app.TeamRef] {
	w.t.Helper()
	worker := jobs.TellGaps(w.app, w.clock, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
	return worker
}

// gaps are the events of gaps that wait in the outbox.
func (w *world) gaps() []*availabilityv1.CoverageGapFound {
	w.t.Helper()
	var all []*availabilityv1.CoverageGapFound
	for _, e := range w.unpublished() {
		if gap, ok := e.payload.(*availabilityv1.CoverageGapFound); ok {
			require.Equal(w.t, gap.GetCoverage(), e.Aggregate)
			require.Equal(w.t, eventbus.AudienceWorkspace, e.Audience)
			require.Equal(w.t, "services/availability", e.Actor)
			all = append(all, gap)
		}
	}
	return all
}

// gapLines are gaps as lines of what is short, start and end.
func gapLines(gaps []*availabilityv1.CoverageGapFound) []string {
	var all []string
	for _, g := range gaps {
		line := "core "
		if g.GetRotation() != "" {
			line = "rotation "
		}
		line += g.GetStartTime().AsTime().Format("02 15:04")
		if g.GetEndTime() != nil {
			line += " " + g.GetEndTime().AsTime().Format("02 15:04")
		}
		all = append(all, line)
	}
	return all
}

// core sets a team's core hours in UTC.
func (w *world) core(by person, team uuid.UUID, windows ...*availabilityv1.WeeklyWindow) {
	w.t.Helper()
	_, err := w.teamTimes.UpdateCoreHours(by.ctx, &availabilityv1.UpdateCoreHoursRequest{CoreHours: &availabilityv1.CoreHours{
		Name: domain.CoreHoursName(by.Workspace, team), TimeZone: "UTC", Windows: windows,
	}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"time_zone", "windows"}}})
	require.NoError(w.t, err)
}

// Each gap in the core hours of the next fourteen days is told of once, and again when it changed or was closed meanwhile.
func TestGapsInCoreHoursAreToldOfOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team() // London works 09:00 to 17:00, Chicago 15:00 to 23:00
	team := w.crew(ws, ana, ben)
	worker := w.look()
	pass := func(d time.Duration) {
		w.clock.Advance(d)
		require.NoError(t, worker.Settled(w.ctx))
	}
	w.core(ana, team, hours("08:00", "16:00", 3)) // Wednesdays: the 2nd, 9th and 16th
	pass(0)
	require.Empty(t, w.gaps(), "what changes together is looked at together")
	pass(domain.LookSoon)
	want := []string{"core 02 08:00 02 09:00", "core 09 08:00 09 09:00"}
	require.Equal(t, want, gapLines(w.gaps()), "the 16th is not within fourteen days")
	first := w.gaps()[0]
	require.True(t, proto.Equal(&availabilityv1.CoverageGapFound{
		Coverage: domain.CoverageName(ws, team), Team: domain.TeamName(ws, team), CoreHours: domain.CoreHoursName(ws, team),
		StartTime: stamp("2026-12-02T08:00:00Z"), EndTime: stamp("2026-12-02T09:00:00Z"),
		HorizonTime: stamp("2026-12-15T09:01:00Z"), Version: 1,
	}, first), "%v", first)
	pass(12 * time.Hour)
	require.Equal(t, want, gapLines(w.gaps()))

	// Time off opens one, and changes none of the others.
	off := w.off(ana, "2026-12-09", "2026-12-09")
	pass(domain.LookSoon)
	want = append(want, "core 09 08:00 09 15:00")
	require.Equal(t, want, gapLines(w.gaps()))
	// Closed, it is not told of; opened again it is.
	cancel := &availabilityv1.CancelTimeOffRequest{Name: off.GetName()}
	_, err := w.timeOffs.CancelTimeOff(ana.ctx, cancel)
	require.NoError(t, err)
	pass(domain.LookSoon)
	want = append(want, "core 09 08:00 09 09:00")
	require.Equal(t, want, gapLines(w.gaps()))
	w.off(ana, "2026-12-09", "2026-12-09")
	pass(domain.LookSoon)
	want = append(want, "core 09 08:00 09 15:00")
	require.Equal(t, want, gapLines(w.gaps()))

	// One that has begun is the same, and a day later the next comes into sight.
	pass(at("2026-12-02T08:30:00Z").Sub(w.clock.Now()))
	w.set(ben, ben.name(), "America/Chicago", "2027-03-01", hours("10:00", "18:00"))
	pass(domain.LookSoon)
	want = append(want, "core 16 08:00 16 09:00")
	require.Equal(t, want, gapLines(w.gaps()))
	for i, gap := range w.gaps() {
		require.EqualValues(t, i+1, gap.GetVersion())
	}
	// Without core hours nothing is looked at, whatever changes.
	w.core(ana, team)
	pass(domain.LookSoon)
	w.off(ana, "2026-12-11", "2026-12-11")
	pass(30 * 24 * time.Hour)
	require.Equal(t, want, gapLines(w.gaps()))
	_, some, err := w.app.NextCoverage(w.ctx)
	require.NoError(t, err)
	require.False(t, some)
}

// A gap whose end is out of sight has none, and is not told of again as time goes on.
func TestAGapWithoutAnEndInSightIsToldOfOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	team := w.crew(ws)
	worker := w.look()
	w.core(ana, team, &availabilityv1.WeeklyWindow{
		Days: hours("00:00", "00:00", 1, 2, 3, 4, 5, 6, 7).GetDays(), StartTime: timeOfDay("00:00"), EndTime: timeOfDay("24:00"),
	})
	for range 30 {
		w.clock.Advance(domain.LookAgain)
		require.NoError(t, worker.Settled(w.ctx))
	}
	require.Equal(t, []string{"core 02 09:00"}, gapLines(w.gaps()))
}

// Nobody on a rotation is a gap, until somebody is put on.
func TestGapsInARotationAreToldOf(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	worker := r.look()
	pass := func(d time.Duration) {
		r.clock.Advance(d)
		require.NoError(t, worker.Settled(r.ctx))
	}
	made := r.rotation(r.daily(r.amy))
	pass(domain.LookSoon)
	require.Empty(t, r.gaps())
	r.override(made.GetName(), "2026-12-05T00:00:00Z", "2026-12-07T00:00:00Z", r.amy, person{})
	pass(domain.LookSoon)
	want := []string{"rotation 05 00:00 07 00:00"}
	require.Equal(t, want, gapLines(r.gaps()))
	require.Equal(t, made.GetName(), r.gaps()[0].GetRotation())
	require.Empty(t, r.gaps()[0].GetCoreHours())
	r.override(made.GetName(), "2026-12-06T00:00:00Z", "2026-12-08T00:00:00Z", person{}, r.ben)
	pass(domain.LookSoon)
	want = append(want, "rotation 05 00:00 06 00:00")
	require.Equal(t, want, gapLines(r.gaps()))
	_, err := r.rotations.DeleteRotation(r.lead.ctx, &availabilityv1.DeleteRotationRequest{Name: made.GetName()})
	require.NoError(t, err)
	pass(domain.LookSoon)
	pass(30 * 24 * time.Hour)
	require.Equal(t, want, gapLines(r.gaps()))
}

// Two who look at once tell of each gap once, and a hundred at once are followed by the rest.
func TestManyGapsAreToldOfByManyReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	team := w.crew(ws)
	first, other := w.look(), w.look()
	var windows []*availabilityv1.WeeklyWindow
	for hour := range 12 {
		start := time.Date(2026, 12, 1, 2*hour, 0, 0, 0, time.UTC)
		windows = append(windows, hours(start.Format("15:04"), start.Add(time.Hour).Format("15:04"), 1, 2, 3, 4, 5, 6, 7))
	}
	w.core(ana, team, windows...)
	for range 3 {
		w.clock.Advance(domain.LookSoon)
		require.NoError(t, first.Settled(w.ctx))
		require.NoError(t, other.Settled(w.ctx))
	}
	gaps := w.gaps()
	require.Len(t, gaps, 14*12)
	for i, gap := range gaps {
		require.EqualValues(t, i+1, gap.GetVersion())
	}
}

// The workspace's default hours bear on all teams.
func TestGapsFollowWhatIsInherited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	team := w.crew(ws, ben)
	worker := w.look()
	pass := func() {
		w.clock.Advance(domain.LookSoon)
		require.NoError(t, worker.Settled(w.ctx))
	}
	w.core(ana, team, hours("15:00", "16:00", 3))
	pass()
	require.Empty(t, w.gaps())
	_, err := w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: domain.WorkspaceName(ws), DefaultSchedule: &availabilityv1.DefaultSchedule{
			EffectiveDate: day("2026-12-09"), Windows: []*availabilityv1.WeeklyWindow{hours("09:30", "17:00")},
		},
	})
	require.NoError(t, err)
	pass()
	require.Equal(t, []string{"core 09 15:00 09 15:30"}, gapLines(w.gaps()))
}
