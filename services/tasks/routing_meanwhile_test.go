package tasks

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/natstest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/wire"
)

// An AUTO that ends while the routing looks at it as an open one goes on to the next all the same.
func TestAnAutoEndsWhileItIsLookedAt(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(o *office, ben person, h string){
		"declined": func(o *office, ben person, h string) {
			_, err := o.decline(ben, h)
			require.NoError(o.t, err)
		},
		"expired and announced": func(o *office, _ person, _ string) {
			o.clock.Advance(5 * time.Hour)
			refs, err := o.app.ClaimExpired(o.t.Context(), o.clock.Now(), time.Minute, 10)
			require.NoError(o.t, err)
			require.Len(o.t, refs, 1)
			require.NoError(o.t, o.app.ExpireHandoff(o.t.Context(), refs[0]))
		},
		"expired": func(o *office, _ person, _ string) { o.clock.Advance(5 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			ben, chitra := o.joins("Ben"), o.joins("Chitra")
			h := o.offerAuto(o.ana, o.held(o.ana).GetName(), o.team(o.ws, "relay", ben, chitra)).GetName()
			o.route(1)
			require.Equal(t, ben.name(), o.handoff(o.ana, h).GetRecipient())
			require.NoError(t, o.app.OnWorkingTime(t.Context(), o.ws, ben.Member))
			o.rota.meanwhile(func() { end(o, ben, h) })
			o.route(1)
			require.False(t, o.handoff(o.ana, h).GetReturned(), "Chitra was not asked yet")
			o.route(1)
			require.Equal(t, chitra.name(), o.handoff(o.ana, o.handoff(o.ana, h).GetNext()).GetRecipient())
		})
	}
}

// An offer of a route that only a newer version knows is left to that one: it is neither routed nor ended here.
func TestARouteOfANewerVersionIsLeftToIt(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	h := o.offer(o.ana, o.held(o.ana).GetName(), ben).GetName()
	o.route(1)
	require.NotNil(t, o.handoff(ben, h).GetExpireTime())
	require.NoError(t, o.app.OnWorkingTime(t.Context(), o.ws, ben.Member))
	o.exec(`ALTER TABLE handoffs DROP CONSTRAINT handoffs_route_check`)
	o.exec(`UPDATE handoffs SET route = 'SKILL'`)
	o.clock.Advance(48 * time.Hour)
	routing, err := o.app.ClaimRouting(t.Context(), o.clock.Now(), time.Minute, 10)
	require.NoError(t, err)
	require.Empty(t, routing)
	expired, err := o.app.ClaimExpired(t.Context(), o.clock.Now(), time.Minute, 10)
	require.NoError(t, err)
	require.Empty(t, expired)
	for _, next := range []func(ctx context.Context) (time.Time, bool, error){o.app.NextRouting, o.app.NextExpiry} {
		_, due, err := next(t.Context())
		require.NoError(t, err)
		require.False(t, due)
	}
	o.exec(`UPDATE handoffs SET route = 'MEMBER'`)
	expired, err = o.app.ClaimExpired(t.Context(), o.clock.Now(), time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, expired, 1)
	o.route(1)
}

// A routing whose claim has run out, and what it found out with it, undoes nothing of the one that came after it.
func TestTwoRoutingsOfOneOffer(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	task := o.held(o.ana).GetName()
	h := o.offerAuto(o.ana, task, o.team(o.ws, "relay", ben)).GetName()
	refs, err := o.app.ClaimRouting(t.Context(), o.clock.Now(), time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, refs, 1)
	o.rota.meanwhile(func() {
		require.NoError(t, o.app.RouteHandoff(t.Context(), refs[0]))
		o.rota.set(ben, hours{never: true})
	})
	require.NoError(t, o.app.RouteHandoff(t.Context(), refs[0]))
	got := o.handoff(o.ana, h)
	require.Equal(t, ben.name(), got.GetRecipient())
	require.NotNil(t, got.GetExpireTime())
	require.Equal(t, epoch.Add(4*time.Hour), got.GetExpireTime().AsTime())
	require.Equal(t, []string{"HandoffOffered", "HandoffUpdated"}, o.since(task, 2))
	o.route(0)
}

// Somebody of a team refuses while the routing looks: the offer is looked at again as it is now, at once.
func TestATeamRefusesWhileItIsLookedAt(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	task := o.held(o.ana).GetName()
	h := o.offerTeam(o.ana, task, o.team(o.ws, "relay", ben, chitra)).GetName()
	o.rota.meanwhile(func() {
		_, err := o.decline(ben, h)
		require.NoError(t, err)
	})
	o.route(1)
	require.Nil(t, o.handoff(o.ana, h).GetExpireTime())
	o.route(1)
	require.Equal(t, epoch.Add(4*time.Hour), o.handoff(o.ana, h).GetExpireTime().AsTime())
	o.route(0)
}

// The hours of AUTO's next change after they were asked for and before the offer to them is there to be marked.
func TestHoursChangeWhileAutoGoesOn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	task := o.held(o.ana).GetName()
	h := o.offerAuto(o.ana, task, o.team(o.ws, "relay", ben, chitra)).GetName()
	o.route(1)
	_, err := o.decline(ben, h)
	require.NoError(t, err)
	o.rota.meanwhile(func() { require.NoError(t, o.app.OnWorkingTime(t.Context(), o.ws, chitra.Member)) })
	o.route(1)
	next := o.handoff(o.ana, h).GetNext()
	require.Equal(t, chitra.name(), o.handoff(o.ana, next).GetRecipient())
	require.Equal(t, epoch.Add(4*time.Hour), o.handoff(o.ana, next).GetExpireTime().AsTime())
	o.rota.set(chitra, hours{from: 10, to: 18})
	o.route(1)
	require.Equal(t, epoch.Add(5*time.Hour), o.handoff(o.ana, next).GetExpireTime().AsTime())
	o.route(0)
}

// An offer to a team of whom nobody is left who could take it is over, and its giver is told.
func TestATeamsOfferLapsesWithItsTeam(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(o *office, h string, ben, chitra person){
		"all have left": func(o *office, _ string, _, _ person) {
			o.exec(`UPDATE members SET state = 3 WHERE display_name <> 'Ana'`)
		},
		"they are of the team no more": func(o *office, _ string, _, _ person) { o.exec(`UPDATE team_members SET removed = true`) },
		"who has not refused has left": func(o *office, h string, ben, chitra person) {
			_, err := o.decline(ben, h)
			require.NoError(o.t, err)
			o.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, chitra.Member)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			ben, chitra := o.joins("Ben"), o.joins("Chitra")
			task := o.held(o.ana).GetName()
			h := o.offerTeam(o.ana, task, o.team(o.ws, "relay", ben, chitra)).GetName()
			o.clock.Advance(time.Minute)
			leave(o, h, ben, chitra)
			o.route(1)
			got := o.handoff(o.ana, h)
			require.Equal(t, tasksv1.Handoff_EXPIRED, got.GetState())
			require.Equal(t, epoch.Add(time.Minute), got.GetEndTime().AsTime())
			require.True(t, got.GetReturned())
			events := o.of(task)
			require.Equal(t, "HandoffExpired", events[len(events)-1])
			require.Empty(t, o.task(o.ana, task).GetOpenHandoff())
			o.route(0)
		})
	}
}

// Who is deactivated leaves their open offers: those to them end, an AUTO goes on, a team is timed without them.
func TestOffersFollowADeactivation(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	js := natstest.New(t).JS(t)
	o.work()
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	o.rota.set(ben, hours{from: 9, to: 12})
	team := o.team(o.ws, "relay", ben, chitra)
	alone := o.offer(o.ana, o.held(o.ana).GetName(), ben).GetName()
	auto := o.offerAuto(o.ana, o.held(o.ana).GetName(), team).GetName()
	toTeam := o.offerTeam(o.ana, o.held(o.ana).GetName(), team).GetName()
	o.settle()
	require.Equal(t, ben.name(), o.handoff(o.ana, auto).GetRecipient())
	require.Equal(t, epoch.Add(25*time.Hour), o.handoff(o.ana, toTeam).GetExpireTime().AsTime())

	err := o.app.OnMemberDeactivated(t.Context(), o.ws, ben.Member, 2)
	require.True(t, fault.Is(err, fault.Unavailable), "the projection has them still: %v", err)
	o.exec(`UPDATE members SET state = 3, version = 2 WHERE member_id = $1`, ben.Member)

	router := eventbus.NewRouter(eventbus.RouterConfig{
		Durable: wire.Service, JS: js, DB: o.db.Owner, Log: slog.New(slog.DiscardHandler), Machine: clock.Machine(),
	})
	wire.React(router, o.app)
	o.run(router.Run)
	message, err := eventbus.Encode(t.Context(), "meridian.test", "directory", epoch, "services/directory", &directoryv1.MemberDeactivated{
		Member: &directoryv1.Member{Name: ben.name(), Uid: ben.Member.String(), State: directoryv1.Member_DEACTIVATED, Version: 2},
	})
	require.NoError(t, err)
	told := &nats.Msg{Subject: message.Subject, Data: message.Payload, Header: nats.Header{}}
	for key, value := range message.Headers {
		told.Header.Set(key, value)
	}
	_, err = js.PublishMsg(t.Context(), told)
	require.NoError(t, err)
	require.NoError(t, router.Idle(t.Context()))
	o.settle()

	require.Equal(t, tasksv1.Handoff_EXPIRED, o.handoff(o.ana, alone).GetState())
	require.True(t, o.handoff(o.ana, alone).GetReturned())
	require.Equal(t, tasksv1.Handoff_EXPIRED, o.handoff(o.ana, auto).GetState())
	require.Equal(t, chitra.name(), o.handoff(o.ana, o.handoff(o.ana, auto).GetNext()).GetRecipient())
	require.Equal(t, epoch.Add(4*time.Hour), o.handoff(o.ana, toTeam).GetExpireTime().AsTime())
	require.NoError(t, o.app.OnMemberDeactivated(t.Context(), o.ws, uuid.Must(uuid.NewV7()), 2), "whom nobody knows, nothing waits for")
}
