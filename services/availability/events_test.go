package availability

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func (w *world) told(js jetstream.JetStream, n int) []told {
	w.t.Helper()
	consumer, err := js.OrderedConsumer(w.ctx, eventbus.Stream, jetstream.OrderedConsumerConfig{})
	require.NoError(w.t, err)
	var all []told
	for range n {
		message, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		require.NoError(w.t, err, "after %d events", len(all))
		meta, payload, err := eventbus.Decode(message.Headers(), message.Subject(), message.Data())
		require.NoError(w.t, err)
		all = append(all, told{meta, payload})
	}
	return all
}

// Every event of the service, in one story: each change tells what it is, and then the range of working time it changed.
func TestEveryEventTellsWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := w.broker()
	ws, ana, ben := w.team()
	var want []proto.Message
	version := int64(0)
	next := func() int64 { version++; return version }
	changed := func(start, end string) {
		e := &availabilityv1.WorkingTimeChanged{Member: ben.name(), StartTime: stamp(start), Version: next()}
		if end != "" {
			e.EndTime = stamp(end)
		}
		want = append(want, e)
		w.clock.Advance(time.Hour)
	}

	// From now on.
	s := w.set(ben, ben.name(), "America/Chicago", "", hours("10:00", "18:00"))
	want = append(want, &availabilityv1.ScheduleChanged{WorkingSchedule: s, Member: ben.name(), Version: next()})
	changed("2026-12-01T09:00:00Z", "")
	// From a date on.
	s = w.set(ana, ben.name(), "America/Chicago", "2026-12-05", hours("10:00", "18:00"))
	want = append(want, &availabilityv1.ScheduleChanged{WorkingSchedule: s, Member: ben.name(), Version: next()})
	changed("2026-12-05T06:00:00Z", "")
	// Whole days to come.
	off := w.off(ben, "2026-12-07", "2026-12-08")
	want = append(want, &availabilityv1.TimeOffApproved{TimeOff: off, Member: ben.name(), Version: next()})
	changed("2026-12-07T06:00:00Z", "2026-12-09T06:00:00Z")
	cancelled, err := w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: off.GetName()})
	require.NoError(t, err)
	want = append(want, &availabilityv1.TimeOffCancelled{TimeOff: cancelled, Member: ben.name(), Version: next()})
	changed("2026-12-07T06:00:00Z", "2026-12-09T06:00:00Z")
	// A time that has begun already: only what is left of it changes, when it is taken and when it is taken back.
	timed, err := w.timeOffs.CreateTimeOff(ana.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_SICK, StartTime: stamp("2026-12-01T00:00:00Z"), EndTime: stamp("2026-12-01T20:00:00Z"),
	}})
	require.NoError(t, err)
	want = append(want, &availabilityv1.TimeOffApproved{TimeOff: timed, Member: ben.name(), Version: next()})
	changed("2026-12-01T13:00:00Z", "2026-12-01T20:00:00Z")
	cancelled, err = w.timeOffs.CancelTimeOff(ana.ctx, &availabilityv1.CancelTimeOffRequest{Name: timed.GetName()})
	require.NoError(t, err)
	want = append(want, &availabilityv1.TimeOffCancelled{TimeOff: cancelled, Member: ben.name(), Version: next()})
	changed("2026-12-01T14:00:00Z", "2026-12-01T20:00:00Z")

	// What needs an approval is told when it is asked for, and when it is declined.
	w.exec(`INSERT INTO time_off_policies VALUES ($1, '{VACATION}', 1, now())`, ws)
	asked := w.off(ben, "2026-12-07", "2026-12-08")
	want = append(want, &availabilityv1.TimeOffRequested{
		TimeOff: asked, Member: ben.name(), Version: next(), StartTime: stamp("2026-12-07T06:00:00Z"),
	})
	declined, err := w.timeOffs.DeclineTimeOff(ana.ctx, &availabilityv1.DeclineTimeOffRequest{Name: asked.GetName(), Reason: "release week"})
	require.NoError(t, err)
	want = append(want, &availabilityv1.TimeOffDeclined{TimeOff: declined, Member: ben.name(), Version: next()})
	// Who acts for a member is everybody's to know.
	acting, err := w.delegate(ben, ben.name(), &availabilityv1.Delegation{Delegate: ana.name()})
	require.NoError(t, err)
	want = append(want, &availabilityv1.DelegationChanged{Delegation: acting, Member: ben.name(), Version: next()})

	heard := w.told(js, len(want))
	for i, e := range heard {
		require.True(t, proto.Equal(want[i], e.payload), "%s\nwant %v\ngot  %v", e.Type, want[i], e.payload)
		require.Equal(t, ben.name(), e.Aggregate)
		require.EqualValues(t, i+1, e.Version, e.Type)
		require.Equal(t, "//meridian.test/workspaces/"+ws.String()+"/availability", e.Source)
		switch e.payload.(type) {
		case *availabilityv1.TimeOffApproved, *availabilityv1.TimeOffCancelled, *availabilityv1.TimeOffRequested, *availabilityv1.TimeOffDeclined:
			require.Equal(t, eventbus.AudiencePerson, e.Audience, "why somebody is off is theirs")
		default:
			require.Equal(t, eventbus.AudienceWorkspace, e.Audience)
		}
	}
	require.Equal(t, ben.name(), heard[0].Actor)
	require.Equal(t, ana.name(), heard[2].Actor)
	require.Equal(t, version, w.effective(ana, ben.name()).GetVersion())
}

// Default hours have the workspace as their aggregate, and tell the date alone. The time-off policy has the same.
func TestDefaultHoursAreToldOfTheWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	var made []*availabilityv1.DefaultSchedule
	for _, date := range []string{"2026-12-01", "2026-12-09"} {
		d, err := w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
			Parent: domain.WorkspaceName(ws), DefaultSchedule: &availabilityv1.DefaultSchedule{EffectiveDate: day(date)},
		})
		require.NoError(t, err)
		made = append(made, d)
	}
	policy := w.approvals(ana, availabilityv1.TimeOff_SICK)
	events := w.unpublished()
	require.Len(t, events, 3)
	require.True(t, proto.Equal(&availabilityv1.TimeOffPolicyChanged{
		TimeOffPolicy: policy, Workspace: domain.WorkspaceName(ws), Version: 3,
	}, events[2].payload))
	require.Equal(t, domain.WorkspaceName(ws), events[2].Aggregate)
	for i, e := range events[:2] {
		require.True(t, proto.Equal(&availabilityv1.DefaultScheduleChanged{
			DefaultSchedule: made[i], Workspace: domain.WorkspaceName(ws), Version: int64(i + 1),
		}, e.payload))
		require.Equal(t, domain.WorkspaceName(ws), e.Aggregate)
		require.Equal(t, made[i].GetName(), e.Subject)
		require.Equal(t, eventbus.AudienceWorkspace, e.Audience)
	}
	require.Zero(t, w.effective(ana, ben.name()).GetVersion(), "a member's own working time is counted by itself")
	require.Equal(t, timestamppb.New(epoch).AsTime(), made[0].GetCreateTime().AsTime())
}

// Every event of a rotation, in one story: who is on may be another over a range, and shifts begin, end and are swapped.
func TestEveryEventOfARotationTellsWhatHappened(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	js := r.broker()
	worker := r.work()
	made := r.rotation(r.daily(r.amy, r.ben))
	require.NoError(t, worker.Settled(r.ctx))
	name := made.GetName()
	amy := &availabilityv1.Shift{StartTime: stamp("2026-12-01T09:00:00Z"), Members: []string{r.amy.name()}}
	want := []proto.Message{
		&availabilityv1.RotationChanged{Rotation: made, StartTime: stamp("2026-12-01T09:00:00Z"), Version: 1},
		&availabilityv1.ShiftStarted{Rotation: name, DisplayName: "On call", Shift: amy, Version: 2},
	}
	r.clock.Advance(time.Hour)
	renamed, err := r.rotations.UpdateRotation(r.boss.ctx, &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: name, DisplayName: "Days"}})
	require.NoError(t, err)
	want = append(want, &availabilityv1.RotationChanged{Rotation: renamed, Version: 3})
	r.override(name, "2026-12-01T00:00:00Z", "2026-12-01T12:00:00Z", r.amy, r.oda) // of which the rest counts
	require.NoError(t, worker.Settled(r.ctx))
	ended := proto.CloneOf(amy)
	ended.EndTime = stamp("2026-12-01T10:00:00Z")
	oda := &availabilityv1.Shift{StartTime: ended.GetEndTime(), Members: []string{r.oda.name()}}
	want = append(want,
		&availabilityv1.RotationChanged{Rotation: renamed, StartTime: stamp("2026-12-01T10:00:00Z"), EndTime: stamp("2026-12-01T12:00:00Z"), Version: 4},
		&availabilityv1.ShiftEnded{Rotation: name, DisplayName: "Days", Shift: ended, Version: 5},
		&availabilityv1.ShiftStarted{Rotation: name, DisplayName: "Days", Shift: oda, Version: 6},
	)
	offered := r.offer(r.ben, name, "2026-12-02T09:00:00Z", "2026-12-03T09:00:00Z", person{})
	want = append(want, &availabilityv1.RotationSwapChanged{Swap: offered, Rotation: name, DisplayName: "Days", Version: 7})
	taken, err := r.take(r.amy, offered)
	require.NoError(t, err)
	want = append(want,
		&availabilityv1.RotationChanged{Rotation: renamed, StartTime: stamp("2026-12-02T09:00:00Z"), EndTime: stamp("2026-12-03T09:00:00Z"), Version: 8},
		&availabilityv1.ShiftSwapped{Swap: taken, Rotation: name, DisplayName: "Days", Version: 9},
	)
	deleted, err := r.rotations.DeleteRotation(r.boss.ctx, &availabilityv1.DeleteRotationRequest{Name: name})
	require.NoError(t, err)
	require.NoError(t, worker.Settled(r.ctx))
	want = append(want,
		&availabilityv1.RotationChanged{Rotation: deleted, StartTime: stamp("2026-12-01T10:00:00Z"), Deleted: true, Version: 10},
	)
	heard := r.told(js, len(want))
	for i, e := range heard {
		require.True(t, proto.Equal(want[i], e.payload), "%s\nwant %v\ngot  %v", e.Type, want[i], e.payload)
		require.Equal(t, name, e.Aggregate)
		require.EqualValues(t, i+1, e.Version, e.Type)
		require.Equal(t, eventbus.AudienceWorkspace, e.Audience)
	}
	require.Equal(t, "services/availability", heard[1].Actor)
	require.Equal(t, r.amy.name(), heard[8].Actor)
}

// Every event that the protos declare for this service was in the stories above, or in those of layers and of gaps.
func TestTheStoryHasEveryEvent(t *testing.T) {
	t.Parallel()
	var declared []string
	for _, d := range eventbus.Describe() {
		if d.Service == "availability" {
			declared = append(declared, string(d.Type.Name()))
		}
	}
	require.ElementsMatch(t, []string{
		"ScheduleChanged", "DefaultScheduleChanged", "WorkingTimeChanged", "TimeOffApproved", "TimeOffCancelled",
		"TravelCreated", "TravelDeleted", "DateOverrideCreated", "DateOverrideDeleted", "FocusBlockCreated", "FocusBlockDeleted",
		"RotationChanged", "ShiftStarted", "ShiftEnded", "ShiftSwapped", "RotationSwapChanged", "CoreHoursChanged",
		"TimeOffRequested", "TimeOffDeclined", "TimeOffPolicyChanged", "DelegationChanged", "OverlapChosen", "OverlapWithdrawn",
		"CoverageGapFound",
	}, declared)
}
