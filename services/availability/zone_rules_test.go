package availability

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/jobs"
)

// former are the carried files of zones, but for some that have those of others.
func former(t *testing.T, as map[string]string) domain.ZoneFiles {
	t.Helper()
	files, err := domain.CarriedFiles()
	require.NoError(t, err)
	files = maps.Clone(files)
	for name, other := range as {
		files[name], err = worktime.ZoneFile(other)
		require.NoError(t, err)
	}
	return files
}

// tellRules does all that is due of zone updates, as a service that carries a version.
func (w *world) tellRules(version string) {
	w.t.Helper()
	worker := jobs.TellRules(w.app, version, w.clock, nil)
	for {
		claimed, err := worker.Claim(w.ctx, w.clock.Now(), time.Minute, 10)
		require.NoError(w.t, err)
		if len(claimed) == 0 {
			return
		}
		for _, u := range claimed {
			require.NoError(w.t, worker.Do(w.ctx, u))
			require.NoError(w.t, worker.Do(w.ctx, u), "twice is once")
		}
	}
}

// told are the ranges of working time that the service told of, by member.
func (w *world) toldOf(since int) map[string]string {
	w.t.Helper()
	found := map[string]string{}
	for _, e := range w.unpublished()[since:] {
		changed, ok := e.payload.(*availabilityv1.WorkingTimeChanged)
		require.True(w.t, ok, "%T", e.payload)
		require.Empty(w.t, found[changed.GetMember()], "once")
		until := "open"
		if changed.GetEndTime() != nil {
			until = changed.GetEndTime().AsTime().Format(time.RFC3339)
		}
		found[changed.GetMember()] = changed.GetStartTime().AsTime().Format(time.RFC3339) + " " + until
	}
	return found
}

// A newer version of the time-zone database is told of once, to those alone whose working time it changes, with the range that it
// does. Before, Chicago had the clocks of Bogota, which are the same in winter, and Lisbon those of Abidjan.
func TestANewerVersionOfTimeZonesIsToldOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team() // London and Chicago
	own := w.member(ws, auth.Member, "Own", "Asia/Tokyo")
	idle := w.member(ws, auth.Member, "Idle", "America/Chicago")
	travels := w.member(ws, auth.Member, "Tess", "UTC")
	left := w.memberIn(ws, auth.Member, "Left", "America/Chicago", "DEACTIVATED")
	w.set(own, own.name(), "Europe/Lisbon", "", hours("09:00", "17:00"))
	w.set(idle, idle.name(), "Asia/Tokyo", "", hours("09:00", "17:00")) // the profile's zone has no say
	_, err := w.travels.CreateTravel(travels.ctx, &availabilityv1.CreateTravelRequest{Parent: travels.name(), Travel: &availabilityv1.Travel{
		TimeZone: "America/Chicago", StartDate: day("2027-06-01"), EndDate: day("2027-06-01"),
	}})
	require.NoError(t, err)
	since := len(w.unpublished())
	carried, err := domain.CarriedFiles()
	require.NoError(t, err)

	// The first version is noted, and nobody is told: nothing was before it.
	older := former(t, map[string]string{"America/Chicago": "America/Bogota", "Europe/Lisbon": "Africa/Abidjan"})
	require.NoError(t, w.app.TakeRules(t.Context(), "2020a", older))
	w.clock.Advance(time.Hour)
	w.tellRules("2020a")
	require.Empty(t, w.toldOf(since))

	// Several replicas start with a newer one at the same time, and an older one beside them.
	done := make(chan error, 6)
	for i := range cap(done) {
		go func() {
			if i%3 == 0 {
				done <- w.app.TakeRules(t.Context(), "2020a", older)
				return
			}
			done <- w.app.TakeRules(t.Context(), worktime.Version(), carried)
		}()
	}
	for range cap(done) {
		require.NoError(t, <-done)
	}
	w.tellRules(worktime.Version())
	require.Empty(t, w.toldOf(since), "replicas of the older version still answer")
	w.clock.Advance(domain.RulesPause)
	w.tellRules("2020a")
	require.Empty(t, w.toldOf(since), "who has the older rules does not know what changed")
	w.tellRules(worktime.Version())
	require.Equal(t, map[string]string{
		// Bogota is as far behind UTC as Chicago is in summer: from now on, in winter, it differs; and so until the rules' end.
		ben.name(): "2026-12-01T14:00:00Z open",
		// Abidjan is as Lisbon in winter. The clocks go forward on 28 March; its hours are those of Monday.
		own.name(): "2027-03-29T08:00:00Z open",
	}, w.toldOf(since))

	// An older one comes back, the same one starts again: nothing follows.
	since = len(w.unpublished())
	require.NoError(t, w.app.TakeRules(t.Context(), "2020a", older))
	require.NoError(t, w.app.TakeRules(t.Context(), worktime.Version(), carried))
	w.clock.Advance(time.Hour)
	w.tellRules(worktime.Version())
	require.Empty(t, w.toldOf(since))
	_ = ana
	_ = left
}

// Of versions that come one after the other before anybody is told, all is told at once.
func TestVersionsOfTimeZonesThatFollowEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	require.NoError(t, w.app.TakeRules(t.Context(), "2020a", former(t, map[string]string{"America/Chicago": "Asia/Tokyo"})))
	require.NoError(t, w.app.TakeRules(t.Context(), "2020b", former(t, map[string]string{"America/Chicago": "Asia/Kolkata"})))
	require.NoError(t, w.app.TakeRules(t.Context(), worktime.Version(), former(t, nil)))
	w.clock.Advance(domain.RulesPause)
	w.tellRules(worktime.Version())
	require.Len(t, w.toldOf(0), 1)
	require.Contains(t, w.toldOf(0), ben.name())
	var versions int
	require.NoError(t, w.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(DISTINCT version) FROM zone_rules`).Scan(&versions))
	require.Equal(t, 3, versions)
	// With the next one, those that nobody waits for are forgotten.
	require.NoError(t, w.app.TakeRules(t.Context(), "2999a", former(t, nil)))
	require.NoError(t, w.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(DISTINCT version) FROM zone_rules`).Scan(&versions))
	require.Equal(t, 2, versions)
}

// What a claim took and did not do comes again when its lease is over, to whoever has the rules.
func TestAZoneUpdateIsLeased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	require.NoError(t, w.app.TakeRules(t.Context(), "2020a", former(t, map[string]string{"America/Chicago": "Asia/Tokyo"})))
	require.NoError(t, w.app.TakeRules(t.Context(), worktime.Version(), former(t, nil)))
	next, some, err := w.app.NextZoneUpdate(t.Context(), worktime.Version())
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, epoch.Add(domain.RulesPause), next)
	_, some, err = w.app.NextZoneUpdate(t.Context(), "2020a")
	require.NoError(t, err)
	require.False(t, some)
	w.clock.Advance(domain.RulesPause)
	claimed, err := w.app.ClaimZoneUpdates(t.Context(), worktime.Version(), w.clock.Now(), time.Hour, 10)
	require.NoError(t, err)
	require.Equal(t, []app.ZoneUpdate{{Workspace: ben.Workspace, Member: ben.Member, Version: worktime.Version()}}, claimed)
	again, err := w.app.ClaimZoneUpdates(t.Context(), worktime.Version(), w.clock.Now(), time.Hour, 10)
	require.NoError(t, err)
	require.Empty(t, again)
	w.exec(`UPDATE zone_updates SET lease_time = 'epoch'`)
	again, err = w.app.ClaimZoneUpdates(t.Context(), worktime.Version(), w.clock.Now(), time.Hour, 10)
	require.NoError(t, err)
	require.Equal(t, claimed, again)
}
