package availability

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func toTokyo(first, last string) *availabilityv1.Travel {
	return &availabilityv1.Travel{TimeZone: "Asia/Tokyo", StartDate: day(first), EndDate: day(last)}
}

func (w *world) travel(by person, t *availabilityv1.Travel) *availabilityv1.Travel {
	w.t.Helper()
	made, err := w.travels.CreateTravel(by.ctx, &availabilityv1.CreateTravelRequest{Parent: by.name(), Travel: t})
	require.NoError(w.t, err)
	return made
}

func TestATravelTakesHoursAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	before := w.timeline(ana, ben.name(), "2026-12-01T00:00:00Z", "2026-12-12T00:00:00Z")
	made := w.travel(ben, toTokyo("2026-12-07", "2026-12-09"))
	require.Equal(t, []string{
		"2026-12-04T15:00:00Z 2026-12-04T23:00:00Z", "2026-12-07T00:00:00Z 2026-12-07T08:00:00Z", "2026-12-08T00:00:00Z 2026-12-08T08:00:00Z",
		"2026-12-09T00:00:00Z 2026-12-09T08:00:00Z", "2026-12-09T15:00:00Z 2026-12-09T23:00:00Z",
	}, working(w.timeline(ana, ben.name(), "2026-12-04T00:00:00Z", "2026-12-10T00:00:00Z")))
	require.Equal(t, []string{"2026-12-07T00:00:00Z 2026-12-09T08:00:00Z"}, w.ranges())
	require.Equal(t, "America/Chicago", w.effective(ana, ben.name()).GetTimeZone())
	w.clock.Advance(6 * 24 * time.Hour) // Monday, 18:00 in Tokyo
	require.Equal(t, "Asia/Tokyo", w.effective(ana, ben.name()).GetTimeZone())
	reached, err := w.ask.NextReachable(ana.ctx, &availabilityv1.NextReachableRequest{Parent: domain.WorkspaceName(ben.Workspace), Members: []string{ben.name()}})
	require.NoError(t, err)
	require.Equal(t, "Asia/Tokyo", reached.GetMembers()[0].GetTimeZone())
	require.Equal(t, at("2026-12-08T00:00:00Z"), reached.GetMembers()[0].GetReachableTime().AsTime())

	// Taken back, what has passed stays.
	deleted, err := w.travels.DeleteTravel(ben.ctx, &availabilityv1.DeleteTravelRequest{Name: made.GetName(), Etag: made.GetEtag()})
	require.NoError(t, err)
	require.Equal(t, at("2026-12-07T09:00:00Z"), deleted.GetDeleteTime().AsTime())
	after := w.timeline(ana, ben.name(), "2026-12-01T00:00:00Z", "2026-12-12T00:00:00Z")
	require.Contains(t, after, "2026-12-07T00:00:00Z 2026-12-07T08:00:00Z WORKING")
	require.Equal(t, before[len(before)-8:], after[len(after)-8:])
	require.Equal(t, "2026-12-07T15:00:00Z 2026-12-09T08:00:00Z", w.ranges()[1])
	require.Equal(t, "America/Chicago", w.effective(ana, ben.name()).GetTimeZone())
}

// One that changes no working time tells none.
func TestATravelWithinTheSameClocksTellsNoRange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	w.travel(ben, &availabilityv1.Travel{TimeZone: "America/Winnipeg", StartDate: day("2026-12-07"), EndDate: day("2026-12-09")})
	require.Empty(t, w.ranges())
	require.Len(t, w.unpublished(), 1)
}

func TestTravelsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	made := w.travel(ben, toTokyo("2026-12-07", "2026-12-09"))
	for name, c := range map[string]struct {
		travel *availabilityv1.Travel
		field  string
	}{
		"an unknown zone": {&availabilityv1.Travel{TimeZone: "Tokyo", StartDate: day("2027-12-07"), EndDate: day("2027-12-09")}, "travel.time_zone"},
		"no zone":         {&availabilityv1.Travel{StartDate: day("2027-12-07"), EndDate: day("2027-12-09")}, "travel.time_zone"},
		"no start":        {&availabilityv1.Travel{TimeZone: "UTC", EndDate: day("2027-12-09")}, "travel.start_date"},
		"no end":          {&availabilityv1.Travel{TimeZone: "UTC", StartDate: day("2027-12-09")}, "travel.end_date"},
		"backwards":       {toTokyo("2027-12-09", "2027-12-08"), "travel.end_date"},
		"367 days":        {toTokyo("2027-01-01", "2028-01-02"), "travel.end_date"},
		"over":            {toTokyo("2026-11-20", "2026-11-30"), "travel.end_date"},
		"the same date":   {toTokyo("2026-12-09", "2026-12-10"), "travel.start_date"},
		"around":          {toTokyo("2026-12-01", "2026-12-30"), "travel.start_date"},
	} {
		_, err := w.travels.CreateTravel(ben.ctx, &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: c.travel})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}
	w.travel(ben, toTokyo("2027-01-01", "2028-01-01"))
	w.travel(ben, toTokyo("2026-12-10", "2026-12-10"))
	w.travel(ana, toTokyo("2026-12-07", "2026-12-09"))
	_, err := w.travels.DeleteTravel(ben.ctx, &availabilityv1.DeleteTravelRequest{Name: made.GetName()})
	require.NoError(t, err)
	w.travel(ben, toTokyo("2026-12-06", "2026-12-08"))
	require.Len(t, w.ranges(), 6)
}
