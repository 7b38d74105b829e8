package threads

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/workingtime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// again ends all leases, as time would, and has the worker look.
func (w *world) again() {
	w.t.Helper()
	w.exec(`UPDATE ask_recipients SET lease_time = 'epoch'`)
	w.dues.Wake()
}

func TestDueTimesAreComputed(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	c.hours.set(func(a *availability) {
		a.delay[c.carl.Member] = 16 * time.Hour
		a.reason[c.dora.Member] = workingtime.NoWorkingTime
	})
	ask := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl, c.dora))
	settle()
	got := c.getAsk(c.ada, ask.GetName())
	require.EqualValues(t, 2, got.GetVersion())
	bob, carl, dora := got.GetRecipients()[0], got.GetRecipients()[1], got.GetRecipients()[2]
	require.Equal(t, epoch.Add(24*time.Hour), bob.GetDueTime().AsTime())
	require.Equal(t, epoch.Add(18*time.Hour), bob.GetRemindTime().AsTime(), "three quarters")
	require.Equal(t, epoch.Add(40*time.Hour), carl.GetDueTime().AsTime())
	require.Nil(t, dora.GetDueTime())
	require.Nil(t, dora.GetRemindTime())
	require.Equal(t, availabilityv1.Deadline_NO_WORKING_TIME, dora.GetDueReason())
	require.Equal(t, epoch.Add(40*time.Hour), got.GetDueTime().AsTime())
	calls, queries := c.hours.asked()
	require.Equal(t, []int{1, 6}, []int{calls, queries}, "all in one question")
	require.Equal(t, []string{"ThreadCreated", "MessagePosted", "AskOpened", "AskDueChanged"}, kinds(c.unpublished()))

	// A window of one working day has no reminder.
	day := askOf(threadsv1.Ask_REPLY, c.bob)
	day.Window = &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingDays{WorkingDays: 1}}
	name := c.ask(c.ada, c.thread, day).GetName()
	settle()
	require.NotNil(t, c.getAsk(c.ada, name).GetRecipients()[0].GetDueTime())
	require.Nil(t, c.getAsk(c.ada, name).GetRecipients()[0].GetRemindTime())
}

// What there is no time for waits for the end of its lease, and fails as one thing however much it is.
func TestDueTimesWithoutTime(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	for range 3 {
		c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob))
	}
	claimed, _, err := c.app.ClaimDues(c.ctx, time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, claimed[0].Rows, 3)
	over, cancel := context.WithCancel(c.ctx)
	cancel()
	require.EqualError(t, c.app.ComputeDues(over, claimed[0]), context.Canceled.Error())
	require.NoError(t, c.app.ComputeDues(c.ctx, claimed[0]))
	_, some, err := c.app.NextPendingDue(c.ctx)
	require.NoError(t, err)
	require.False(t, some)
}

// While the availability service is away posting goes on, and nothing is lost: due times come when it is back.
func TestAvailabilityAway(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	c.hours.set(func(a *availability) { a.down = true })
	var names []string
	for range 3 {
		names = append(names, c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl)).GetName())
		settle()
		c.again()
	}
	settle()
	_, err := c.answerAsk(c.bob, names[0], "")
	require.NoError(t, err)
	_, err = c.withdrawAsk(c.ada, names[1])
	require.NoError(t, err)
	for _, name := range names {
		require.Nil(t, c.getAsk(c.ada, name).GetDueTime())
	}
	calls, _ := c.hours.asked()
	require.GreaterOrEqual(t, calls, 3)
	_, some, err := c.dues.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)

	c.hours.set(func(a *availability) { a.down = false })
	c.again()
	settle()
	require.Nil(t, c.getAsk(c.ada, names[0]).GetRecipients()[0].GetDueTime(), "nothing is due of one who answered")
	require.NotNil(t, c.getAsk(c.ada, names[0]).GetRecipients()[1].GetDueTime())
	require.Nil(t, c.getAsk(c.ada, names[1]).GetDueTime())
	require.Equal(t, epoch.Add(24*time.Hour), c.getAsk(c.ada, names[2]).GetDueTime().AsTime())
	_, some, err = c.dues.NextDue(t.Context())
	require.NoError(t, err)
	require.False(t, some)
}

// The lease alone brings back what could not be computed, within seconds.
func TestAvailabilityBackByItself(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	c.hours.set(func(a *availability) { a.down = true })
	name := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob)).GetName()
	settle()
	c.hours.set(func(a *availability) { a.down = false })
	require.Eventually(t, func() bool { return c.getAsk(c.ada, name).GetDueTime() != nil }, 30*time.Second, 50*time.Millisecond)
}

func (w *world) onWorkingTime(member uuid.UUID, ws uuid.UUID, from, until time.Time) {
	w.t.Helper()
	ctx := inbox.NewContext(w.ctx, inbox.Key{Consumer: "threads", EventID: uuid.Must(uuid.NewV7())})
	require.NoError(w.t, w.app.OnWorkingTime(ctx, app.WorkingTimeChange{Workspace: ws, Member: member, From: from, Until: until}))
}

// Due times follow a change of working time, both ways; what is not touched is not asked for, what stays has no event.
func TestDueTimesFollowWorkingTime(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	name := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl)).GetName()
	settle()
	version := func() int64 { return c.getAsk(c.ada, name).GetVersion() }
	require.EqualValues(t, 2, version())
	changed := func(p person, delay time.Duration, from, until time.Time) (asked int) {
		_, before := c.hours.asked()
		c.hours.set(func(a *availability) { a.delay[p.Member] = delay })
		c.onWorkingTime(p.Member, c.ws, from, until)
		settle()
		_, after := c.hours.asked()
		return after - before
	}
	require.Equal(t, 2, changed(c.bob, 10*time.Hour, epoch, time.Time{}), "Bob's alone")
	require.EqualValues(t, 3, version())
	require.Equal(t, epoch.Add(34*time.Hour), c.getAsk(c.ada, name).GetRecipients()[0].GetDueTime().AsTime())
	require.Equal(t, 2, changed(c.bob, 0, epoch.Add(time.Hour), epoch.Add(2*time.Hour)))
	require.EqualValues(t, 4, version())
	require.Equal(t, epoch.Add(24*time.Hour), c.getAsk(c.ada, name).GetRecipients()[0].GetDueTime().AsTime())
	require.Equal(t, 2, changed(c.bob, 0, epoch, time.Time{}), "again")
	require.EqualValues(t, 4, version(), "what stays as it was is no news")
	require.Zero(t, changed(c.bob, time.Hour, epoch.Add(25*time.Hour), time.Time{}), "after its end")
	require.Zero(t, changed(c.bob, time.Hour, epoch.Add(-2*time.Hour), epoch), "before its start")
	require.Zero(t, changed(c.dora, 0, epoch, time.Time{}), "not asked")
	// Who has left has no due time any more, and the ask stays.
	c.exec(`UPDATE members SET state = $2 WHERE member_id = $1`, c.carl.Member, states["DEACTIVATED"])
	c.hours.set(func(a *availability) { a.reason[c.carl.Member] = workingtime.NoMember })
	require.Equal(t, 2, changed(c.carl, 0, epoch, time.Time{}))
	require.Equal(t, availabilityv1.Deadline_MEMBER_NOT_FOUND, c.getAsk(c.ada, name).GetRecipients()[1].GetDueReason())
	require.Equal(t, "OPEN: bob OPEN, carl OPEN", c.standing(c.getAsk(c.ada, name)))
	_, err := c.answerAsk(c.bob, name, "")
	require.NoError(t, err)
	require.Zero(t, changed(c.bob, time.Hour, epoch, time.Time{}), "answered")
}

// One whom the availability service has not heard of yet, and who is active here, has a due time once it has; until then
// nothing is told of them, and the others of the ask do not wait for that.
func TestAMemberWhomAvailabilityDoesNotKnowYet(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	c.hours.set(func(a *availability) { a.reason[c.carl.Member] = workingtime.NoMember })
	name := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl)).GetName()
	settle()
	got := c.getAsk(c.ada, name)
	require.NotNil(t, got.GetRecipients()[0].GetDueTime())
	require.Nil(t, got.GetRecipients()[1].GetDueTime())
	require.Zero(t, got.GetRecipients()[1].GetDueReason(), "it is still to be known")
	require.EqualValues(t, 2, got.GetVersion())
	c.again()
	settle()
	require.EqualValues(t, 2, c.getAsk(c.ada, name).GetVersion())

	c.hours.set(func(a *availability) { a.reason[c.carl.Member] = workingtime.Known })
	c.again()
	settle()
	require.Equal(t, epoch.Add(24*time.Hour), c.getAsk(c.ada, name).GetRecipients()[1].GetDueTime().AsTime())
	_, some, err := c.dues.NextDue(t.Context())
	require.NoError(t, err)
	require.False(t, some)
}

// A change that comes while an answer is on its way is not lost: the answer of before is dropped.
func TestAChangeOvertakesAnAnswer(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.hours.set(func(a *availability) { a.asking, a.released = make(chan struct{}), make(chan struct{}) })
	settle := c.working()
	name := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob)).GetName()
	<-c.hours.asking // the worker has asked, and is being answered by the hours of before
	released := c.hours.released
	c.hours.set(func(a *availability) { a.asking, a.released, a.delay[c.bob.Member] = nil, nil, 5*time.Hour })
	c.onWorkingTime(c.bob.Member, c.ws, epoch, time.Time{})
	close(released)
	settle()
	got := c.getAsk(c.ada, name)
	require.Equal(t, epoch.Add(29*time.Hour), got.GetDueTime().AsTime())
	require.EqualValues(t, 2, got.GetVersion(), "what was overtaken was never told")
}

// A second change that comes while the first one's answer is on its way is not lost either, although what is still due by the
// hours of before both is past by the time from which it holds.
func TestASecondChangeOvertakesAnAnswer(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	name := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob)).GetName()
	settle()
	require.Equal(t, epoch.Add(24*time.Hour), c.getAsk(c.ada, name).GetDueTime().AsTime())
	c.hours.set(func(a *availability) {
		a.asking, a.released, a.delay[c.bob.Member] = make(chan struct{}), make(chan struct{}), 5*time.Hour
	})
	asking, released := c.hours.asking, c.hours.released
	c.onWorkingTime(c.bob.Member, c.ws, epoch, time.Time{})
	<-asking // the worker has asked, and is being answered by the first change
	c.hours.set(func(a *availability) { a.asking, a.released, a.delay[c.bob.Member] = nil, nil, 6*time.Hour })
	c.onWorkingTime(c.bob.Member, c.ws, epoch.Add(26*time.Hour), time.Time{})
	close(released)
	settle()
	require.Equal(t, epoch.Add(30*time.Hour), c.getAsk(c.ada, name).GetDueTime().AsTime())
}

// publishTime publishes an event of the availability service into the stream.
func (w *world) publishTime(payload proto.Message) {
	w.t.Helper()
	m, err := eventbus.Encode(w.ctx, "meridian.test", "availability", w.clock.Now(), "services/availability", payload)
	require.NoError(w.t, err)
	header := nats.Header{}
	for key, value := range m.Headers {
		header[key] = []string{value}
	}
	_, err = w.js.PublishMsg(w.ctx, &nats.Msg{Subject: m.Subject, Header: header, Data: m.Payload})
	require.NoError(w.t, err)
}

// The events themselves, twice, late and out of order, leave what holds in the end.
func TestTheEventsOfWorkingTime(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	follow, settle := c.reacting(), c.working()
	name := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl)).GetName()
	elsewhere := newNeighbour(c)
	settle()
	c.hours.set(func(a *availability) { a.delay[c.bob.Member] = 3 * time.Hour })
	change := func(version int64, p person) *availabilityv1.WorkingTimeChanged {
		return &availabilityv1.WorkingTimeChanged{Member: p.name(), StartTime: timestamppb.New(epoch), Version: version}
	}
	for _, version := range []int64{2, 1, 2} {
		c.publishTime(change(version, c.bob))
		follow()
		settle()
	}
	got := c.getAsk(c.ada, name)
	require.Equal(t, epoch.Add(27*time.Hour), got.GetRecipients()[0].GetDueTime().AsTime())
	require.EqualValues(t, 3, got.GetVersion())

	c.hours.set(func(a *availability) { a.delay[c.carl.Member], a.delay[elsewhere.asked.Member] = time.Hour, time.Hour })
	ws := domain.WorkspaceName(c.ws)
	for version := range int64(2) {
		c.publishTime(&availabilityv1.DefaultScheduleChanged{
			Workspace: ws, Version: version + 1, DefaultSchedule: &availabilityv1.DefaultSchedule{Name: ws + "/defaultSchedule"},
		})
		follow()
		settle()
	}
	got = c.getAsk(c.ada, name)
	require.Equal(t, epoch.Add(25*time.Hour), got.GetRecipients()[1].GetDueTime().AsTime())
	require.EqualValues(t, 4, got.GetVersion())
	require.EqualValues(t, 2, c.getAsk(elsewhere.asked, elsewhere.ask).GetVersion(), "another workspace is not touched")
}

// neighbour is another workspace with an ask of its own.
type neighbour struct {
	asked person
	ask   string
}

func newNeighbour(c *crowd) neighbour {
	c.t.Helper()
	ws, space, ann := c.open()
	n := neighbour{asked: c.member(ws, ann.Role, "ben")}
	n.ask = c.ask(ann, c.begin(ann, space, "t").GetName(), askOf(threadsv1.Ask_REPLY, n.asked)).GetName()
	return n
}

// Overdue is told by the time alone; the event of it comes once for each, and again only when it had time once more.
func TestOverdue(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.hours.set(func(a *availability) { a.delay[c.carl.Member] = time.Hour })
	short := askOf(threadsv1.Ask_REPLY, c.bob, c.carl, c.dora)
	short.Window = &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_ElapsedTime{ElapsedTime: durationpb.New(time.Hour)}}
	name := c.ask(c.ada, c.thread, short).GetName()
	stand := func() string { return c.standing(c.getAsk(c.ada, name)) }
	// No worker runs: the due times are computed by hand, and nothing announces.
	claimed, _, err := c.app.ClaimDues(t.Context(), time.Minute, 10)
	require.NoError(t, err)
	require.NoError(t, c.app.ComputeDues(t.Context(), claimed[0]))
	c.clock.Advance(time.Hour - time.Microsecond)
	require.Equal(t, "OPEN: bob OPEN, carl OPEN, dora OPEN", stand())
	c.clock.Advance(time.Microsecond)
	require.Equal(t, "OPEN: bob OVERDUE, carl OPEN, dora OVERDUE", stand())
	require.Equal(t, "OPEN: bob OVERDUE, carl OPEN, dora OVERDUE", c.standing(c.message(c.bob, c.getAsk(c.ada, name).GetMessage()).GetAsks()[0]))
	require.EqualValues(t, 2, c.getAsk(c.ada, name).GetVersion(), "nobody announced it")

	settle := c.working()
	settle()
	settle()
	told := func() (n int) {
		for _, e := range c.unpublished() {
			if e.kind == "meridian.threads.v1.AskOverdue" {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, told(), "both in one event")
	require.EqualValues(t, 3, c.getAsk(c.ada, name).GetVersion())
	c.clock.Advance(time.Hour)
	settle()
	require.Equal(t, 2, told())
	require.Equal(t, "OPEN: bob OVERDUE, carl OVERDUE, dora OVERDUE", stand())

	// Dora was off, as it turns out: she has time again, and is told of again when that is over.
	c.hours.set(func(a *availability) { a.delay[c.dora.Member] = 9 * time.Hour })
	c.onWorkingTime(c.dora.Member, c.ws, epoch, time.Time{})
	settle()
	require.Equal(t, "OPEN: bob OVERDUE, carl OVERDUE, dora OPEN", stand())
	require.Equal(t, 2, told())
	next, some, err := c.overdue.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, epoch.Add(10*time.Hour), next)
	c.clock.Advance(8 * time.Hour)
	settle()
	require.Equal(t, 3, told())

	// They can still answer.
	_, err = c.answerAsk(c.bob, name, "late")
	require.NoError(t, err)
	_, err = c.declineAsk(c.carl, name, "late")
	require.NoError(t, err)
	_, err = c.reassignAsk(c.dora, name, c.member(c.ws, c.ada.Role, "eve"))
	require.NoError(t, err)
	c.clock.Advance(100 * time.Hour)
	settle()
	require.Equal(t, 4, told(), "of Eve alone")
}

// What may have moved is not called overdue before that is known; the time alone tells how it stands.
func TestOverdueWaitsForWhatIsPending(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	name := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob)).GetName()
	settle()
	c.hours.set(func(a *availability) { a.down = true; a.delay[c.bob.Member] = 48 * time.Hour })
	c.onWorkingTime(c.bob.Member, c.ws, epoch, time.Time{})
	settle()
	c.clock.Advance(25 * time.Hour)
	settle()
	require.Equal(t, "OPEN: bob OVERDUE", c.standing(c.getAsk(c.ada, name)))
	require.NotContains(t, kinds(c.unpublished()), "AskOverdue")
	c.hours.set(func(a *availability) { a.down = false })
	c.again()
	settle()
	require.Equal(t, "OPEN: bob OPEN", c.standing(c.getAsk(c.ada, name)))
	require.NotContains(t, kinds(c.unpublished()), "AskOverdue")
}

// Two replicas share the work, and each thing is told once.
func TestTwoReplicasTellOnce(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	const n = 40
	for range n {
		c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl, c.dora))
	}
	other := c.replica()
	settle, settleOther := c.working(), other.working()
	settle()
	settleOther()
	c.clock.Advance(30 * time.Hour)
	settle()
	settleOther()
	settle()
	count := map[string]int{}
	versions := map[string][]int64{}
	for _, e := range c.unpublished() {
		count[e.kind]++
		versions[e.aggregate] = append(versions[e.aggregate], e.version)
	}
	require.Equal(t, n, count["meridian.threads.v1.AskOverdue"])
	for aggregate, all := range versions {
		for i, v := range all {
			require.EqualValues(t, i+1, v, aggregate)
		}
	}
}
