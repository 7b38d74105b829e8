package availability

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/store"
	"github.com/meridianhq/meridian/services/availability/internal/wire"
)

// tell brings an event of the directory to the stream, as its relay would.
func tell(t *testing.T, js jetstream.JetStream, event proto.Message) {
	t.Helper()
	msg, err := eventbus.Encode(t.Context(), "test", "directory", epoch, "services/directory", event)
	require.NoError(t, err)
	out := &nats.Msg{Subject: msg.Subject, Data: msg.Payload, Header: nats.Header{}}
	for name, value := range msg.Headers {
		out.Header[name] = []string{value}
	}
	_, err = js.PublishMsg(t.Context(), out)
	require.NoError(t, err)
}

func profile(c auth.Caller, zone string, version int64) *directoryv1.Member {
	return &directoryv1.Member{
		Name: c.Principal(), Uid: c.Member.String(), DisplayName: "Ben", Handle: "ben", Role: directoryv1.Member_MEMBER,
		State: directoryv1.Member_ACTIVE, Kind: directoryv1.Member_PERSON, TimeZone: zone, Version: version,
	}
}

// Whoever inherits their hours and moves to another zone works there from now on, and is told of; the past stays.
func TestTheZoneOfAProfileIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := w.broker()
	_, ana, ben := w.team()
	require.NoError(t, store.LayZones(t.Context(), w.db.Owner))
	router := eventbus.NewRouter(eventbus.RouterConfig{Durable: wire.Service, JS: js, DB: w.db.Owner, Log: slog.New(slog.DiscardHandler), Machine: clock.Machine()})
	wire.React(router, w.app)
	done := make(chan error, 1)
	go func() { done <- router.Run(w.ctx) }()
	t.Cleanup(func() { require.NoError(t, <-done) })
	settle := func() {
		t.Helper()
		require.NoError(t, router.Idle(t.Context()))
	}
	w.clock.Advance(9 * time.Hour) // 18:00 UTC, 12:00 in Chicago, 07:00 of the next day in Auckland
	past := w.timeline(ana, ben.name(), "2026-11-20T00:00:00Z", "2026-12-01T18:00:00Z")

	// The projection may have it already, as here, or not yet.
	w.exec(`UPDATE members SET time_zone = 'Pacific/Auckland', version = 2 WHERE member_id = $1`, ben.Member)
	tell(t, js, &directoryv1.MemberUpdated{Member: profile(ben.Caller, "Pacific/Auckland", 2)})
	settle()
	require.Equal(t, "Pacific/Auckland", w.effective(ana, ben.name()).GetTimeZone())
	require.Equal(t, past, w.timeline(ana, ben.name(), "2026-11-20T00:00:00Z", "2026-12-01T18:00:00Z"))
	require.Equal(t, []string{
		"2026-12-01T15:00:00Z 2026-12-01T18:00:00Z", "2026-12-01T20:00:00Z 2026-12-02T04:00:00Z",
	}, working(w.timeline(ana, ben.name(), "2026-12-01T12:00:00Z", "2026-12-02T12:00:00Z")))

	// With hours of one's own to come, the change ends where they begin.
	w.set(ben, ben.name(), "Pacific/Auckland", "2026-12-10", hours("09:00", "17:00"))
	tell(t, js, &directoryv1.MemberActivated{Member: profile(ben.Caller, "Asia/Kolkata", 4)})
	settle()
	// What is older, or says the same again, changes nothing; nor does an invitation without a zone.
	tell(t, js, &directoryv1.MemberUpdated{Member: profile(ben.Caller, "Europe/Paris", 3)})
	tell(t, js, &directoryv1.MemberUpdated{Member: profile(ben.Caller, "Asia/Kolkata", 6)})
	settle()
	tell(t, js, &directoryv1.MemberUpdated{Member: profile(ben.Caller, "Europe/Paris", 5)})
	tell(t, js, &directoryv1.MemberInvited{Member: profile(rpctest.Member(ben.Workspace, auth.Member), "", 1)})
	// Of somebody new the first zone has held since ever.
	tell(t, js, &directoryv1.MemberActivated{Member: profile(rpctest.Member(ben.Workspace, auth.Member), "Asia/Tokyo", 1)})
	settle()
	require.Equal(t, "Asia/Kolkata", w.effective(ana, ben.name()).GetTimeZone())

	// With hours of one's own, one's profile decides nothing.
	w.clock.Advance(14 * 24 * time.Hour)
	tell(t, js, &directoryv1.MemberUpdated{Member: profile(ben.Caller, "Europe/Paris", 7)})
	settle()
	require.Equal(t, "Pacific/Auckland", w.effective(ana, ben.name()).GetTimeZone())

	// The directory's events and ours, in one stream.
	var ours []*availabilityv1.WorkingTimeChanged
	for _, e := range w.told(js, 12) {
		if changed, ok := e.payload.(*availabilityv1.WorkingTimeChanged); ok {
			ours = append(ours, changed)
			require.Contains(t, []string{"services/availability", ben.name()}, e.Actor)
		}
	}
	want := []*availabilityv1.WorkingTimeChanged{
		{Member: ben.name(), StartTime: stamp("2026-12-01T18:00:00Z"), Version: 1},
		{Member: ben.name(), StartTime: stamp("2026-12-09T11:00:00Z"), Version: 3},
		{Member: ben.name(), StartTime: stamp("2026-12-01T18:00:00Z"), EndTime: stamp("2026-12-09T11:00:00Z"), Version: 4},
	}
	require.Len(t, ours, len(want))
	for i := range want {
		require.True(t, proto.Equal(want[i], ours[i]), "%v", ours[i])
	}
	require.EqualValues(t, 4, w.effective(ana, ben.name()).GetVersion())
}

// An event that comes twice has its effect once, also at the same time and before the projection has the member.
func TestAProfileIsFollowedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	newcomer := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	follow := func(zone string, version int64) {
		t.Helper()
		ctx := inbox.NewContext(t.Context(), inbox.Key{Consumer: "availability", EventID: uuid.Must(uuid.NewV7())})
		seen := app.ProfileZone{Workspace: newcomer.Workspace, Member: newcomer.Member, Zone: zone, Version: version}
		done := make(chan error, 4)
		for range cap(done) {
			go func() { done <- w.app.OnProfile(ctx, seen) }()
		}
		for range cap(done) {
			require.NoError(t, <-done)
		}
	}
	follow("Asia/Tokyo", 1)
	require.Empty(t, w.unpublished())
	follow("Europe/Paris", 2)
	follow("Asia/Tokyo", 3) // and back, while the clock stands still
	require.Len(t, w.unpublished(), 2)
	w.lay(newcomer, "Nora", "Asia/Tokyo", "ACTIVE")
	ana := w.member(newcomer.Workspace, auth.Admin, "Ana", "UTC")
	require.Equal(t, "Asia/Tokyo", w.effective(ana, newcomer.Principal()).GetTimeZone())
	require.EqualValues(t, 2, w.effective(ana, newcomer.Principal()).GetVersion())
	// Laying the first zones again finds nothing to do.
	require.NoError(t, store.LayZones(t.Context(), w.db.Owner))
	var open int
	require.NoError(t, w.db.Owner.Pool().QueryRow(t.Context(),
		`SELECT count(*) FROM member_zones WHERE member_id = $1 AND end_time IS NULL`, newcomer.Member).Scan(&open))
	require.Equal(t, 1, open)
}
