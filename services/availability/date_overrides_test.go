package availability

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// on is an override of a date with windows such as 10:00 and 12:00.
func on(date string, clocks ...string) *availabilityv1.DateOverride {
	o := &availabilityv1.DateOverride{Date: day(date)}
	for pair := range slices.Chunk(clocks, 2) {
		o.Windows = append(o.Windows, &availabilityv1.DateWindow{StartTime: timeOfDay(pair[0]), EndTime: timeOfDay(pair[1])})
	}
	return o
}

func (w *world) override(by person, o *availabilityv1.DateOverride) *availabilityv1.DateOverride {
	w.t.Helper()
	made, err := w.overrides.CreateDateOverride(by.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: by.name(), DateOverride: o})
	require.NoError(w.t, err)
	return made
}

func TestAnOverrideReplacesADate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	made := w.override(ben, on("2026-12-25", "10:00", "12:00", "12:00", "13:00", "22:00", "02:00"))
	w.override(ben, on("2026-12-26", "09:00", "10:00")) // a Saturday
	w.override(ben, on("2026-12-28"))
	want := []string{
		"2026-12-25T16:00:00Z 2026-12-25T19:00:00Z", "2026-12-26T04:00:00Z 2026-12-26T08:00:00Z", "2026-12-26T15:00:00Z 2026-12-26T16:00:00Z",
	}
	require.Equal(t, want, working(w.timeline(ana, ben.name(), "2026-12-25T00:00:00Z", "2026-12-29T00:00:00Z")))
	require.Equal(t, []string{
		"2026-12-25T15:00:00Z 2026-12-26T08:00:00Z", "2026-12-26T15:00:00Z 2026-12-26T16:00:00Z", "2026-12-28T15:00:00Z 2026-12-28T23:00:00Z",
	}, w.ranges())

	_, err := w.overrides.CreateDateOverride(ana.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: ben.name(), DateOverride: on("2026-12-25")})
	s := rpctest.Failed(t, err, codes.AlreadyExists, fault.ReasonAlreadyExists)
	require.Contains(t, s.Message(), made.GetName())
	for name, c := range map[string]struct {
		override *availabilityv1.DateOverride
		field    string
	}{
		"no date":            {&availabilityv1.DateOverride{}, "date_override.date"},
		"yesterday":          {on("2026-11-30"), "date_override.date"},
		"a window twice":     {on("2026-12-30", "09:00", "12:00", "13:00", "14:00", "11:59", "12:30"), "date_override.windows[2]"},
		"after midnight":     {on("2026-12-30", "24:00", "12:00"), "date_override.windows[0].start_time"},
		"a window of itself": {on("2026-12-30", "09:00", "09:00", "10:00", "11:00"), "date_override.windows[1]"},
	} {
		_, err := w.overrides.CreateDateOverride(ben.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: ben.name(), DateOverride: c.override})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}

	_, err = w.overrides.DeleteDateOverride(ben.ctx, &availabilityv1.DeleteDateOverrideRequest{Name: made.GetName()})
	require.NoError(t, err)
	w.override(ben, on("2026-12-25", "11:00", "12:00"))
	require.Equal(t, []string{"2026-12-25T17:00:00Z 2026-12-25T18:00:00Z"},
		working(w.timeline(ana, ben.name(), "2026-12-25T00:00:00Z", "2026-12-26T00:00:00Z")))
}

// Today is that of the zone in force: in Chicago it is still yesterday.
func TestTodayOfAnOverrideIsTheMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	w.clock.Advance(18 * time.Hour) // Wednesday, 03:00 UTC, Tuesday, 21:00 in Chicago
	w.override(ben, on("2026-12-01", "20:00", "22:00"))
	require.Equal(t, []string{"2026-12-02T03:00:00Z 2026-12-02T04:00:00Z"}, w.ranges(), "what has passed does not change")
	w.clock.Advance(3 * time.Hour)
	_, err := w.overrides.CreateDateOverride(ben.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: ben.name(), DateOverride: on("2026-12-01")})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "date_override.date")
}
