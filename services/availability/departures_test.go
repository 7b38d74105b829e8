package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/inbox"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store"
)

// profile tells the service of a member's profile, as the consumer would, once the projection has it.
func (w *world) profile(p person, zone, state string, version int64) {
	w.t.Helper()
	w.exec(`UPDATE members SET time_zone = $2, state = $3, version = $4 WHERE member_id = $1`, p.Member, zone, states[state], version)
	ctx := inbox.NewContext(w.ctx, inbox.Key{Consumer: "availability", EventID: uuid.Must(uuid.NewV7())})
	require.NoError(w.t, w.app.OnProfile(ctx, app.ProfileZone{
		Workspace: p.Workspace, Member: p.Member, Zone: zone, Version: version,
	}))
	require.NoError(w.t, w.app.OnPresence(ctx, app.Presence{
		Workspace: p.Workspace, Member: p.Member, Here: state != "DEACTIVATED", Version: version,
	}))
}

// Who was deactivated does not work from then on, whatever lies over their hours, until they are activated again; what was
// before stays.
func TestWhoIsDeactivatedDoesNotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	w.profile(ben, "America/Chicago", "ACTIVE", 1)
	w.override(ben, on("2026-12-05", "10:00", "12:00"))
	w.focus(ben, weeklyFocus("2026-12-01", hours("09:00", "10:00")))
	w.off(ben, "2026-12-04", "2026-12-04")
	before := w.timeline(ana, ben.name(), "2026-11-30T00:00:00Z", "2026-12-02T17:00:00Z")
	w.clock.Advance(32 * time.Hour) // 2 December, 11:00 in Chicago
	told := len(w.unpublished())
	w.profile(ben, "America/Chicago", "DEACTIVATED", 2)
	require.Equal(t, before, w.timeline(ana, ben.name(), "2026-11-30T00:00:00Z", "2026-12-02T17:00:00Z"), "the past stays")
	require.Equal(t, []string{"2026-12-02T17:00:00Z 2026-12-12T00:00:00Z OFF"}, w.timeline(ana, ben.name(), "2026-12-02T17:00:00Z", "2026-12-12T00:00:00Z"))
	found, err := w.ask.FindOverlap(ana.ctx, &availabilityv1.FindOverlapRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{ben.name()}, MinDuration: durationpb.New(30 * time.Minute),
		StartTime: stamp("2026-12-02T17:00:00Z"), EndTime: stamp("2026-12-12T00:00:00Z"),
	})
	require.NoError(t, err)
	require.Empty(t, found.GetWindows())
	events := w.unpublished()[told:]
	require.Len(t, events, 1)
	changed, ok := events[0].payload.(*availabilityv1.WorkingTimeChanged)
	require.True(t, ok)
	require.Equal(t, at("2026-12-02T17:00:00Z"), changed.GetStartTime().AsTime())
	require.Nil(t, changed.GetEndTime())

	w.profile(ben, "America/Chicago", "DEACTIVATED", 3)
	require.Len(t, w.unpublished(), told+1, "the same again changes nothing")

	w.clock.Advance(5 * 24 * time.Hour) // Monday 7 December, 11:00 in Chicago
	w.profile(ben, "America/Chicago", "ACTIVE", 4)
	require.Equal(t, []string{
		"2026-12-02T17:00:00Z 2026-12-07T17:00:00Z OFF", "2026-12-07T17:00:00Z 2026-12-07T23:00:00Z WORKING", "2026-12-07T23:00:00Z 2026-12-08T00:00:00Z OFF",
	}, w.timeline(ana, ben.name(), "2026-12-02T17:00:00Z", "2026-12-08T00:00:00Z"))
	require.Len(t, w.unpublished(), told+2)
}

// What a replica of a version before departures and watches took up meanwhile is noted by the next start.
func TestWhatTheVersionBeforeTookUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	w.profile(ben, "America/Chicago", "ACTIVE", 1)
	w.clock.Advance(32 * time.Hour) // 2 December, 11:00 in Chicago
	w.exec(`UPDATE members SET state = 3, version = 2 WHERE member_id = $1`, ben.Member)
	told := len(w.unpublished())
	for range 2 {
		require.NoError(t, w.app.NotePresence(t.Context()))
	}
	require.Equal(t, []string{"2026-12-02T17:00:00Z 2026-12-12T00:00:00Z OFF"}, w.timeline(ana, ben.name(), "2026-12-02T17:00:00Z", "2026-12-12T00:00:00Z"))
	require.Len(t, w.unpublished(), told+1, "it is told once")
	w.exec(`UPDATE members SET state = 2, version = 3 WHERE member_id = $1`, ben.Member)
	require.NoError(t, w.app.NotePresence(t.Context()))
	require.Len(t, w.unpublished(), told+2)

	w.exec(`INSERT INTO core_hours (workspace_id, team_id, time_zone, windows, need, revision, update_time)
		VALUES ($1, $2, 'UTC', '[{"days": [1], "start": 540, "end": 600}]', 1, 1, $3)`, ben.Workspace, uuid.New(), w.clock.Now())
	for range 2 {
		require.NoError(t, store.LayWatches(t.Context(), w.db.Owner))
	}
	var watched int
	require.NoError(t, w.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(*) FROM coverage_watches WHERE due_time = 'epoch'`).Scan(&watched))
	require.Equal(t, 1, watched)
}
