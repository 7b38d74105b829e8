package availability

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// Floating times stand for those of the zone that their member is in: at once when that changes, and where a stay begins later,
// then.
func TestFloatingTimesFollowTheirMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	w.profile(ben, "America/Chicago", "ACTIVE", 1)
	floating := file("DTSTART:20261207T120000\nDURATION:PT1H")
	made, err := w.upload(ben, ben, floating)
	require.NoError(t, err)
	fixed, err := w.calendars.CreateCalendar(ben.ctx, &availabilityv1.CreateCalendarRequest{Parent: ben.name(), Calendar: &availabilityv1.Calendar{
		DisplayName: "Office", Content: floating, TimeZone: "Europe/London",
	}})
	require.NoError(t, err)
	chicago, tokyo, london := "2026-12-07T18:00:00Z 2026-12-07T19:00:00Z", "2026-12-07T03:00:00Z 2026-12-07T04:00:00Z", "2026-12-07T12:00:00Z 2026-12-07T13:00:00Z"
	reads := func(want string) {
		t.Helper()
		w.run()
		require.Equal(t, []string{want}, w.busy(ben, made.GetName()))
		require.Equal(t, []string{london}, w.busy(ben, fixed.GetName()), "it has a zone of its own")
	}
	reads(chicago)
	now := w.travel(ben, toTokyo("2026-12-01", "2026-12-20"))
	reads(tokyo)
	_, err = w.travels.DeleteTravel(ben.ctx, &availabilityv1.DeleteTravelRequest{Name: now.GetName()})
	require.NoError(t, err)
	reads(chicago)
	w.set(ben, ben.name(), "Asia/Tokyo", "", hours("09:00", "17:00"))
	reads(tokyo)
	w.set(ben, ben.name(), "America/Chicago", "", hours("09:00", "17:00"))
	reads(chicago)

	// A stay that begins tomorrow, which is at 15:00 today.
	w.travel(ben, toTokyo("2026-12-02", "2026-12-20"))
	reads(chicago)
	next, some, err := w.app.NextCalendarDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, at("2026-12-01T15:00:00Z"), next)
	w.clock.Advance(6 * time.Hour)
	reads(tokyo)
}

// The zone of a profile is that of the floating times of who inherits their hours.
func TestFloatingTimesFollowAProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	w.profile(ben, "America/Chicago", "ACTIVE", 1)
	made, err := w.upload(ben, ben, file("DTSTART:20261207T120000\nDURATION:PT1H"))
	require.NoError(t, err)
	w.profile(ben, "Asia/Tokyo", "ACTIVE", 2)
	w.run()
	require.Equal(t, []string{"2026-12-07T03:00:00Z 2026-12-07T04:00:00Z"}, w.busy(ben, made.GetName()))
}

// A URL that is surely never fetched is refused when it is given, by its field and the rule.
func TestURLsOfPrivateNetworksAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // which may fetch from 127.0.0.1
	_, _, ben := w.team()
	create := func(url string) (*availabilityv1.Calendar, error) {
		return w.calendars.CreateCalendar(ben.ctx, &availabilityv1.CreateCalendarRequest{
			Parent: ben.name(), Calendar: &availabilityv1.Calendar{DisplayName: "Home", SourceUrl: url},
		})
	}
	for _, url := range []string{
		"http://10.0.0.1/me.ics", "https://192.168.1.1:8443/me.ics", "http://169.254.169.254/latest", "https://[::1]/me.ics", "https://[::ffff:10.0.0.1]/me.ics",
		"http://127.0.0.2/me.ics", "https://[fe80::1%25eth0]/me.ics", "http://0.0.0.0/",
	} {
		_, err := create(url)
		require.Error(t, err, url)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "calendar.source_url")
		require.ErrorContains(t, err, "must be one of the public internet")
	}
	made, err := create("http://127.0.0.1:9/me.ics")
	require.NoError(t, err)
	_, err = w.calendars.UpdateCalendar(ben.ctx, &availabilityv1.UpdateCalendarRequest{Calendar: &availabilityv1.Calendar{Name: made.GetName(), SourceUrl: "http://10.0.0.1/"}})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "calendar.source_url")
	_, err = create("https://calendar.example/me.ics")
	require.NoError(t, err, "where a name leads is known when it is fetched")
}

// The largest file, as base64 in JSON, is a body that the gateway takes.
func TestTheLargestFileIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	_, err := w.upload(ben, ben, make([]byte, 3_000_001))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "calendar.content")
	require.ErrorContains(t, err, "3000000")
}
