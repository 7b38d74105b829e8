package tasks

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// The night of the story: Ben's day ends, Dai is on leave, Chitra gets the baton at her nine o'clock and lets it lie, it
// expires in her working time, nobody is left, and it is back with Ben.
func TestABatonCrossesTheNight(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben, chitra, dai := o.joins("Ben"), o.joins("Chitra"), o.joins("Dai")
	o.rota.set(ben, hours{from: 15, to: 23})
	o.rota.set(chitra, hours{from: 3, to: 11})
	o.rota.set(dai, hours{from: 0, to: 5, away: epoch.AddDate(0, 0, 14)})
	team := o.team(o.ws, "relay", ben, chitra, dai)
	task := o.held(ben).GetName()
	require.NoError(t, o.clock.Set(time.Date(2026, 11, 24, 23, 0, 0, 0, time.UTC)))
	h := o.offerAuto(ben, task, team).GetName()
	require.Empty(t, o.handoff(ben, h).GetRecipient(), "it takes a moment")

	o.settle()
	got := o.handoff(ben, h)
	require.Equal(t, chitra.name(), got.GetRecipient(), "Dai could be reached at midnight, were he not away")
	require.Equal(t, tasksv1.Handoff_OFFERED, got.GetState())
	four := time.Date(2026, 11, 25, 7, 0, 0, 0, time.UTC)
	require.Equal(t, four, got.GetExpireTime().AsTime(), "four hours after she starts")
	require.Equal(t, four.Add(-time.Hour), got.GetRemindTime().AsTime())
	next, some, err := o.expiry.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, four, next)

	require.NoError(t, o.clock.Set(four))
	o.settle()
	got = o.handoff(ben, h)
	require.Equal(t, tasksv1.Handoff_EXPIRED, got.GetState())
	require.Equal(t, four, got.GetEndTime().AsTime())
	require.True(t, got.GetReturned())
	require.Empty(t, got.GetNext())
	require.Equal(t, ben.name(), o.task(ben, task).GetHolder())
	require.Equal(t, []string{"HandoffOffered", "HandoffUpdated", "HandoffExpired", "HandoffRerouted"}, o.since(task, 2))
	require.Equal(t, "services/tasks", o.unpublished()[len(o.unpublished())-1].actor)
	require.Len(t, o.legs(ben, task), 1, "the leg went on")
}

// AUTO goes from one to the next: by who can be reached soonest, then by name; declined and expired alike.
func TestAutoGoesOn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	people := []person{o.joins("Dai"), o.joins("Ben"), o.joins("Chitra")}
	dai, ben, chitra := people[0], people[1], people[2]
	reader := o.member(o.ws, auth.Guest, "Aaron")
	o.grant(o.ws, o.space, reader.Member, auth.Reader)
	o.rota.set(dai, hours{from: 12, to: 20})
	team := o.team(o.ws, "relay", append(people, o.ana, reader)...)
	task := o.held(o.ana).GetName()
	first := o.offerAuto(o.ana, task, team).GetName()
	o.settle()
	require.Equal(t, ben.name(), o.handoff(o.ana, first).GetRecipient(), "Ben and Chitra work now, and B stands before C")
	_, err := o.accept(chitra, first)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotRecipient)
	o.clock.Advance(time.Hour)
	_, err = o.decline(ben, first)
	require.NoError(t, err)
	o.settle()

	second := o.handoff(o.ana, o.handoff(o.ana, first).GetNext())
	require.Equal(t, chitra.name(), second.GetRecipient())
	require.Equal(t, first, second.GetPrevious())
	require.Equal(t, tasksv1.Handoff_DECLINED, o.handoff(o.ana, first).GetState())
	require.False(t, o.handoff(o.ana, first).GetReturned())
	require.Equal(t, epoch.Add(time.Hour), second.GetCreateTime().AsTime())
	require.Equal(t, epoch.Add(5*time.Hour), second.GetExpireTime().AsTime(), "her window counts from when she was asked")
	require.Equal(t, second.GetName(), o.task(o.ana, task).GetOpenHandoff())
	require.Equal(t, note().GetNextSteps(), second.GetNote().GetNextSteps())

	o.pass(4 * time.Hour)
	require.Equal(t, tasksv1.Handoff_EXPIRED, o.handoff(o.ana, second.GetName()).GetState())
	third := o.handoff(o.ana, o.handoff(o.ana, second.GetName()).GetNext())
	require.Equal(t, dai.name(), third.GetRecipient())
	require.Equal(t, []string{
		"HandoffOffered", "HandoffUpdated", "HandoffDeclined", "HandoffRerouted", "HandoffOffered",
		"HandoffExpired", "HandoffRerouted", "HandoffOffered",
	}, o.since(task, 2))
	_, err = o.accept(dai, third.GetName())
	require.NoError(t, err)
	require.Equal(t, dai.name(), o.task(o.ana, task).GetHolder())

	// From the last one it is back with its giver.
	task = o.held(o.ana).GetName()
	h := o.offerAuto(o.ana, task, o.team(o.ws, "pair", ben)).GetName()
	o.settle()
	_, err = o.decline(ben, h)
	require.NoError(t, err)
	o.settle()
	require.True(t, o.handoff(o.ana, h).GetReturned())
	require.Equal(t, tasksv1.Handoff_DECLINED, o.handoff(o.ana, h).GetState())
	require.Equal(t, []string{"HandoffOffered", "HandoffUpdated", "HandoffDeclined", "HandoffRerouted"}, o.since(task, 2))
}

// An AUTO for which there is nobody ends at once, and is back with its giver.
func TestAutoWithoutACandidate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	o.rota.set(ben, hours{from: 9, to: 17, away: epoch.Add(domain.MaxAway + time.Second)})
	o.rota.set(chitra, hours{never: true})
	task := o.held(o.ana).GetName()
	h := o.offerAuto(o.ana, task, o.team(o.ws, "relay", ben, chitra)).GetName()
	o.settle()
	got := o.handoff(o.ana, h)
	require.Equal(t, tasksv1.Handoff_EXPIRED, got.GetState())
	require.True(t, got.GetReturned())
	require.Equal(t, epoch, got.GetEndTime().AsTime())
	require.Equal(t, []string{"HandoffOffered", "HandoffExpired", "HandoffRerouted"}, o.since(task, 2))

	o.rota.set(ben, hours{from: 9, to: 17, away: epoch.Add(domain.MaxAway)})
	h = o.offerAuto(o.ana, task, o.team(o.ws, "again", ben)).GetName()
	o.settle()
	require.Equal(t, ben.name(), o.handoff(o.ana, h).GetRecipient(), "up to three days away is not away")
}

// What the giver does with the baton ends the AUTO: no offer comes back from it.
func TestAutoEndsWhenTheGiverActs(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(o *office, task string, to person){
		"another offer": func(o *office, task string, to person) { o.offer(o.ana, task, to) },
		"an offer that was refused": func(o *office, task string, to person) {
			_, err := o.decline(to, o.offer(o.ana, task, to).GetName())
			require.NoError(o.t, err)
		},
		"released and claimed again": func(o *office, task string, _ person) {
			_, err := o.tasks.ReleaseTask(o.ana.ctx, &tasksv1.ReleaseTaskRequest{Name: task})
			require.NoError(o.t, err)
			_, err = o.claim(o.ana, task)
			require.NoError(o.t, err)
		},
		"done": func(o *office, task string, _ person) {
			_, err := o.moveTo(o.ana, task, "done")
			require.NoError(o.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			ben, chitra := o.joins("Ben"), o.joins("Chitra")
			task := o.held(o.ana).GetName()
			h := o.offerAuto(o.ana, task, o.team(o.ws, "relay", ben, chitra)).GetName()
			o.route(1)
			_, err := o.decline(ben, h)
			require.NoError(t, err)
			act(o, task, chitra)
			o.route(-1)
			got := o.handoff(o.ana, h)
			require.Empty(t, got.GetNext())
			require.False(t, got.GetReturned())
			require.NotContains(t, o.of(task), "HandoffRerouted")
		})
	}
}

// route does by hand what the routing's worker would do now: so many, or all for -1.
func (o *office) route(want int) {
	o.t.Helper()
	refs, err := o.app.ClaimRouting(o.t.Context(), o.clock.Now(), time.Minute, 100)
	require.NoError(o.t, err)
	if want >= 0 {
		require.Len(o.t, refs, want)
	}
	for _, ref := range refs {
		require.NoError(o.t, o.app.RouteHandoff(o.t.Context(), ref))
	}
}

// A change of working time moves what was derived from it, in both directions, and only that is published.
func TestTheExpiryFollowsWorkingTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	alone, teams := o.held(o.ana).GetName(), o.held(o.ana).GetName()
	h := o.offer(o.ana, alone, ben).GetName()
	toTeam := o.offerTeam(o.ana, teams, o.team(o.ws, "relay", ben, chitra)).GetName()
	o.settle()
	expiry := func(h string) time.Time { return o.handoff(ben, h).GetExpireTime().AsTime() }
	require.Equal(t, epoch.Add(4*time.Hour), expiry(h))
	require.Equal(t, epoch.Add(4*time.Hour), expiry(toTeam))

	o.rota.set(ben, hours{from: 12, to: 20})
	require.NoError(t, o.app.OnWorkingTime(t.Context(), o.ws, ben.Member))
	o.settle()
	require.Equal(t, epoch.Add(7*time.Hour), expiry(h))
	require.Equal(t, epoch.Add(6*time.Hour), o.handoff(ben, h).GetRemindTime().AsTime())
	require.Equal(t, epoch.Add(7*time.Hour), expiry(toTeam))
	o.rota.set(chitra, hours{from: 9, to: 12})
	require.NoError(t, o.app.OnWorkingTime(t.Context(), o.ws, chitra.Member))
	o.settle()
	require.Equal(t, epoch.Add(7*time.Hour), expiry(h))
	require.Equal(t, epoch.Add(25*time.Hour), expiry(toTeam), "Chitra's is the latest now")
	require.Len(t, o.of(alone), 5, "her hours are none of this offer's")

	// The window still counts from the offer: what is over by the new hours is over now.
	o.clock.Advance(6 * time.Hour)
	o.rota.set(ben, nineToFive)
	require.NoError(t, o.app.OnDefaultSchedule(t.Context(), o.ws))
	o.settle()
	got := o.handoff(ben, h)
	require.Equal(t, tasksv1.Handoff_EXPIRED, got.GetState())
	require.Equal(t, epoch.Add(6*time.Hour), got.GetEndTime().AsTime(), "nobody was told before that it was over")
	require.True(t, got.GetReturned())
	require.Equal(t, []string{"HandoffUpdated", "HandoffExpired"}, o.since(alone, 5))
	asked := o.rota.questions()
	require.NoError(t, o.app.OnWorkingTime(t.Context(), o.ws, o.ana.Member))
	o.settle()
	require.Equal(t, asked, o.rota.questions(), "nothing is open for Ana")
}

// While availability is away offers are made, taken and refused; their times come when it is back.
func TestAvailabilityAwayAndBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	o.rota.setDown(true)
	o.work()
	task, auto, taken := o.held(o.ana).GetName(), o.held(o.ana).GetName(), o.held(o.ana).GetName()
	h := o.offer(o.ana, task, ben).GetName()
	toBest := o.offerAuto(o.ana, auto, o.team(o.ws, "relay", ben, chitra)).GetName()
	_, err := o.accept(ben, o.offer(o.ana, taken, ben).GetName())
	require.NoError(t, err)
	o.settle()
	require.Positive(t, o.rota.questions())
	require.Nil(t, o.handoff(ben, h).GetExpireTime())
	require.Empty(t, o.handoff(ben, toBest).GetRecipient())
	_, some, err := o.expiry.NextDue(t.Context())
	require.NoError(t, err)
	require.False(t, some)

	o.clock.Advance(2 * time.Hour)
	o.rota.setDown(false)
	require.Eventually(t, func() bool {
		return o.handoff(ben, h).GetExpireTime() != nil && o.handoff(ben, toBest).GetRecipient() != ""
	}, 20*time.Second, 20*time.Millisecond, "it is tried again by machine time")
	require.Equal(t, epoch.Add(4*time.Hour), o.handoff(ben, h).GetExpireTime().AsTime(), "Ben was asked at nine")
	require.Equal(t, epoch.Add(6*time.Hour), o.handoff(ben, toBest).GetExpireTime().AsTime(), "whom AUTO found is asked from now on")
}

// A mark that comes while the routing looks is not lost: it looks once more.
func TestAMarkDuringALookStays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	h := o.offer(o.ana, o.held(o.ana).GetName(), ben).GetName()
	var once sync.Once
	o.rota.mu.Lock()
	o.rota.asking = func() {
		once.Do(func() {
			require.NoError(t, o.app.OnWorkingTime(t.Context(), o.ws, ben.Member))
		})
	}
	o.rota.mu.Unlock()
	o.route(1)
	require.Equal(t, epoch.Add(4*time.Hour), o.handoff(ben, h).GetExpireTime().AsTime())
	o.rota.set(ben, hours{from: 10, to: 18})
	o.route(1)
	require.Equal(t, epoch.Add(5*time.Hour), o.handoff(ben, h).GetExpireTime().AsTime())
	o.route(0)
}

// Who leaves while an offer waits for them: it ends when the routing next looks, and an AUTO goes on.
func TestAnOfferLapsesWithItsRecipient(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	alone, auto := o.held(o.ana).GetName(), o.held(o.ana).GetName()
	h := o.offer(o.ana, alone, ben).GetName()
	toBest := o.offerAuto(o.ana, auto, o.team(o.ws, "relay", ben, chitra)).GetName()
	o.settle()
	require.Equal(t, ben.name(), o.handoff(o.ana, toBest).GetRecipient())
	o.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, ben.Member)
	require.NoError(t, o.app.OnDefaultSchedule(t.Context(), o.ws))
	o.settle()
	require.Equal(t, tasksv1.Handoff_EXPIRED, o.handoff(o.ana, h).GetState())
	next := o.handoff(o.ana, o.handoff(o.ana, toBest).GetNext())
	require.Equal(t, chitra.name(), next.GetRecipient())
}

// The worker announces an expiry at its time, and no sooner; two replicas announce it once.
func TestTheJobAnnouncesExpiriesOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben := o.joins("Ben")
	tasks := make([]string, 20)
	for i := range tasks {
		tasks[i] = o.held(o.ana).GetName()
		_, err := o.handoffs.HandOff(o.ana.ctx, &tasksv1.HandOffRequest{
			Name: tasks[i], Recipient: ben.name(), Note: note(), Window: &availabilityv1.ResponseWindow{
				Window: &availabilityv1.ResponseWindow_ElapsedTime{ElapsedTime: durationpb.New(time.Duration(i+1) * time.Minute)},
			},
		})
		require.NoError(t, err)
	}
	o.settle()
	o.pass(10 * time.Minute)
	for i, task := range tasks {
		want := []string{"HandoffOffered", "HandoffUpdated"}
		if i < 10 {
			want = append(want, "HandoffExpired")
		}
		require.Equal(t, want, o.since(task, 2))
	}
	var refs []app.Ref
	for range 2 {
		claimed, err := o.app.ClaimExpired(t.Context(), epoch.Add(time.Hour), time.Minute, 6)
		require.NoError(t, err)
		refs = append(refs, claimed...)
	}
	seen := map[uuid.UUID]bool{}
	for _, ref := range refs {
		require.False(t, seen[ref.Handoff], "no two hold one row")
		seen[ref.Handoff] = true
		require.NoError(t, o.app.ExpireHandoff(t.Context(), ref))
	}
	require.Len(t, seen, 10, "what is not due by the clock is claimed here by a later one")
	for _, task := range tasks[10:] {
		require.NotContains(t, o.of(task), "HandoffExpired", "and decided again before it is done")
	}
}
