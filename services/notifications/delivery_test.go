package notifications

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// delivered are the in-app signals that went to a person, with their times.
func (w *world) delivered(p person) []event {
	var all []event
	for _, e := range w.events("NotificationDelivered") {
		d := e.payload.(*notificationsv1.NotificationDelivered)
		if d.GetNotification().GetRecipient() == p.name() && d.GetChannel() == notificationsv1.Channel_IN_APP {
			all = append(all, e)
		}
	}
	return all
}

// Ben's night: NORMAL and HIGH wait for his nine o'clock, LOW is silent, URGENT comes through; nothing else does.
func TestBensNight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	for _, urgency := range []notificationsv1.Notification_Urgency{low, normal, high} {
		w.thread(n.ws, n.space).mention(n.ana, urgency, n.ben.name())
	}
	w.to(local(chicago, 1, 8, 59))
	require.Empty(t, w.events("NotificationDelivered"), "it is night")
	require.Empty(t, w.post.letters())
	normalOne := w.list(n.ben, "urgency = NORMAL")[0]
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(normalOne).GetDecision())
	require.Equal(t, local(chicago, 1, 9, 0), inApp(normalOne).GetDeliverTime().AsTime())
	require.Equal(t, notificationsv1.Delivery_DIGEST, mailed(normalOne).GetDecision())
	require.Equal(t, local(chicago, 1, 9, 0).Add(domain.Spread(n.ben.Member)), mailed(normalOne).GetDeliverTime().AsTime())
	require.Equal(t, notificationsv1.Delivery_DEFERRED, mailed(w.list(n.ben, "urgency = HIGH")[0]).GetDecision())
	require.Equal(t, notificationsv1.Delivery_SUPPRESSED, inApp(w.list(n.ben, "urgency = LOW")[0]).GetDecision())

	w.thread(n.ws, n.space).mention(n.ana, urgent, n.ben.name())
	w.settle()
	require.Len(t, w.delivered(n.ben), 1, "the glass is broken")
	require.Len(t, w.post.letters(), 1)
	require.Equal(t, "URGENT: Ana mentioned you: The night", w.post.letters()[0].subject)
	require.Contains(t, w.post.letters()[0].text, "Urgent, because: the pager is silent")

	w.to(local(chicago, 1, 9, 0))
	signals := w.delivered(n.ben)
	require.Len(t, signals, 3)
	for _, e := range signals[1:] {
		require.Equal(t, local(chicago, 1, 9, 0), e.at)
	}
	require.Len(t, w.post.letters(), 2, "HIGH goes by mail by itself")
	sent := w.list(n.ben, "urgency = HIGH")[0]
	require.Equal(t, notificationsv1.Delivery_SENT, mailed(sent).GetState())
	require.EqualValues(t, 1, mailed(sent).GetAttempts())
	require.Equal(t, local(chicago, 1, 9, 0), mailed(sent).GetSendTime().AsTime())
	w.audit()
	require.Len(t, w.attempts(), 5)
}

// A focus block at the day's start: HIGH goes through it, NORMAL waits for its end, and so does what comes meanwhile.
func TestAFocusBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.office.concentrate(n.ben.Member, local(chicago, 1, 9, 0), local(chicago, 1, 11, 0))
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.settle()
	require.Equal(t, local(chicago, 1, 11, 0), inApp(w.list(n.ben, "urgency = NORMAL")[0]).GetDeliverTime().AsTime())
	w.to(local(chicago, 1, 9, 30))
	signals := w.delivered(n.ben)
	require.Len(t, signals, 1, "HIGH alone")
	require.Equal(t, local(chicago, 1, 9, 0), signals[0].at)
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.to(local(chicago, 1, 10, 59))
	require.Len(t, w.delivered(n.ben), 2, "HIGH at once, NORMAL not yet")
	w.to(local(chicago, 1, 11, 0))
	signals = w.delivered(n.ben)
	require.Len(t, signals, 4)
	for _, e := range signals[2:] {
		require.Equal(t, local(chicago, 1, 11, 0), e.at)
	}
	w.audit()
}

// What follows within the collapse window is gathered, and told together when it ends.
func TestCollapse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	thread := w.thread(n.ws, n.space)
	thread.mention(n.ana, normal, n.ben.name())
	w.settle()
	require.Len(t, w.delivered(n.ben), 1, "the first at once")
	for range 3 {
		w.clock.Advance(time.Minute)
		thread.mention(n.ana, normal, n.ben.name())
		w.settle()
	}
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	thread.mention(n.ana, high, n.ben.name())
	w.settle()
	require.Len(t, w.delivered(n.ben), 3, "another thread and HIGH are not gathered")
	// HIGH has signalled at 10:03, so that what was gathered since 10:00 waits a little longer.
	w.to(local(chicago, 1, 10, 17))
	require.Len(t, w.delivered(n.ben), 3)
	w.to(local(chicago, 1, 10, 18))
	signals := w.delivered(n.ben)
	require.Len(t, signals, 4)
	last := signals[3].payload.(*notificationsv1.NotificationDelivered)
	require.EqualValues(t, 2, last.GetCollapsedCount())
	for _, one := range w.list(n.ben, `context = "`+thread.name+`"`) {
		require.Equal(t, notificationsv1.Delivery_SENT, inApp(one).GetState())
	}
	w.audit()
}

// What was gathered when the day ended waits for the next.
func TestCollapseOverTheDaysEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 16, 50)))
	thread := w.thread(n.ws, n.space)
	thread.mention(n.ana, normal, n.ben.name())
	w.settle()
	thread.mention(n.ana, normal, n.ben.name())
	w.to(local(chicago, 1, 17, 30))
	require.Len(t, w.delivered(n.ben), 1)
	require.Equal(t, local(chicago, 2, 9, 0), inApp(w.list(n.ben, "")[0]).GetDeliverTime().AsTime())
	require.Len(t, w.events("NotificationDeferred"), 1)
	w.to(local(chicago, 2, 9, 0))
	require.Len(t, w.delivered(n.ben), 2)
	w.audit()
}

// Everything that makes it wrong to send cancels, with the reason kept.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		before func(w *world, n night, source string)
		why    string
		hidden bool
	}{
		"read at its source": {func(w *world, n night, source string) {
			w.desk.stands(source, n.ben.Member, domain.SourceState{Waiting: true, Read: true})
		}, "The recipient has read it already.", false},
		"answered, as its owner says": {func(w *world, n night, source string) {
			w.desk.stands(source, n.ben.Member, domain.SourceState{Settled: "answered"})
		}, "It no longer waits: answered.", false},
		"gone": {func(w *world, n night, source string) {
			w.desk.stands(source, n.ben.Member, domain.SourceState{Gone: true})
		}, "It was deleted, or the recipient may no longer read it.", true},
		"access lost a minute before": {func(w *world, n night, _ string) {
			w.exec(`UPDATE spaces SET visibility = 2 WHERE space_id = $1`, n.space)
		}, "The recipient may no longer read what it is about.", true},
		"left the workspace": {func(w *world, n night, _ string) {
			w.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, n.ben.Member)
		}, "The recipient no longer belongs to the workspace.", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.night()
			a := w.thread(n.ws, n.space).ask(n.ana, high, n.ben).open()
			w.to(local(chicago, 1, 8, 59))
			row.before(w, n, a.GetName())
			w.to(local(chicago, 1, 9, 30))
			require.Empty(t, w.events("NotificationDelivered"))
			require.Empty(t, w.post.letters())
			cancelled := w.events("NotificationCancelled")
			require.Len(t, cancelled, 1, "both channels at once")
			e := cancelled[0].payload.(*notificationsv1.NotificationCancelled)
			require.Equal(t, row.why, e.GetReason())
			require.Equal(t, row.hidden, e.GetNotification().GetTitle() == "")
			require.Equal(t, row.hidden, e.GetNotification().GetExcerpt() == "")
			for _, d := range e.GetNotification().GetDeliveries() {
				require.Equal(t, notificationsv1.Delivery_CANCELLED, d.GetState())
				require.Equal(t, row.why, d.GetExplanation())
			}
			require.Empty(t, w.attempts())
		})
	}
}

// The words that go out are those that the source has when they do.
func TestWordsAreRefreshed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	m := w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.settle()
	w.desk.stands(m.GetName(), n.ben.Member, domain.SourceState{Title: "Renamed", Excerpt: "edited words"})
	w.to(local(chicago, 1, 9, 0))
	require.Contains(t, w.post.letters()[0].text, "edited words")
	require.Contains(t, w.post.letters()[0].subject, "Renamed")
	require.Equal(t, "edited words", w.only(n.ben, "MENTIONED").GetExcerpt())
	require.Equal(t, "edited words", w.delivered(n.ben)[0].payload.(*notificationsv1.NotificationDelivered).GetNotification().GetExcerpt())
}

// Working time that changes has what is held decided again, in both directions.
func TestWorkingTimeChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.settle()
	early, late := nineToFive(), nineToFive()
	late.start = 11 * time.Hour
	w.rehours(n.ben, chicago, late)
	w.settle()
	for _, one := range w.list(n.ben, "") {
		require.Equal(t, local(chicago, 1, 11, 0), inApp(one).GetDeliverTime().AsTime())
		require.EqualValues(t, 2, inApp(one).GetWorkingTimeVersion())
	}
	require.Len(t, w.events("NotificationDeferred"), 4, "two notifications over two channels each")
	w.to(local(chicago, 1, 9, 30))
	require.Empty(t, w.delivered(n.ben))

	early.start = 9*time.Hour + 15*time.Minute
	w.rehours(n.ben, chicago, early)
	w.settle()
	require.Len(t, w.delivered(n.ben), 2, "he works by now")
	require.Equal(t, local(chicago, 1, 9, 30), w.delivered(n.ben)[0].at)
	require.Len(t, w.post.letters(), 2, "the HIGH one, and the digest of his day, which has begun")
	w.audit()
}

// Somebody without working time within 90 days is waited for, and looked at again.
func TestNoWorkingTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.office.leave(n.ben.Member, epoch, epoch.AddDate(0, 0, 97))
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.settle()
	one := w.only(n.ben, "MENTIONED")
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(one).GetDecision())
	require.Nil(t, inApp(one).GetDeliverTime())
	require.Contains(t, inApp(one).GetExplanation(), "no working time within 90 days")
	w.to(epoch.AddDate(0, 0, 15))
	require.NotNil(t, inApp(w.only(n.ben, "MENTIONED")).GetDeliverTime(), "the end of the leave is near enough now")
	w.office.set(n.ben.Member, london, nineToFive())
	w.exec(`UPDATE deliveries SET lease_until = NULL`)
	w.to(epoch.AddDate(0, 0, 100))
	require.Len(t, w.delivered(n.ben), 1)
	w.audit()
}

// Who is not known to availability yet, but to us, is waited for a moment.
func TestANewcomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	dora := w.member(n.ws, auth.Member, "dora", london)
	roster := w.office.rosters[dora.Member]
	w.office.mu.Lock()
	delete(w.office.rosters, dora.Member)
	w.office.mu.Unlock()
	w.thread(n.ws, n.space).mention(n.ana, normal, dora.name())
	w.settle()
	require.Empty(t, w.delivered(dora))
	w.office.mu.Lock()
	w.office.rosters[dora.Member] = roster
	w.office.mu.Unlock()
	require.Eventually(t, func() bool { w.settle(); return len(w.delivered(dora)) == 1 }, 20*time.Second, 100*time.Millisecond)
}

// No mail address, and no mail at all: said so, and the inbox has it.
func TestNoMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.exec(`UPDATE members SET email = '' WHERE member_id = $1`, n.ben.Member)
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.settle()
	got := mailed(w.only(n.ben, "MENTIONED"))
	require.Equal(t, notificationsv1.Delivery_SUPPRESSED, got.GetDecision())
	require.Equal(t, "There is no mail address: it stands in the inbox.", got.GetExplanation())
}

// The reminder comes when three quarters of the window are gone, if it still waits, and once.
func TestReminders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	chitra := w.member(n.ws, auth.Member, "chitra", "Asia/Kolkata")
	thread := w.thread(n.ws, n.space)
	a := thread.ask(n.ana, high, n.ben, chitra).open()
	due, remind := local(chicago, 1, 16, 0), local(chicago, 1, 14, 0)
	a.due(due, remind, n.ben, chitra)
	w.settle()
	w.desk.stands(a.GetName(), chitra.Member, domain.SourceState{Settled: "answered"})
	w.to(remind.Add(-time.Minute))
	require.Empty(t, w.list(n.ben, "reason = REMINDED"))
	w.to(remind)
	reminded := w.only(n.ben, "REMINDED")
	require.Equal(t, "Reminder: Ana asks you for a reply", reminded.GetSummary())
	require.Equal(t, high, reminded.GetUrgency())
	require.Equal(t, due, reminded.GetDueTime().AsTime())
	require.Equal(t, remind, reminded.GetCreateTime().AsTime())
	require.True(t, reminded.GetWaiting())
	require.Empty(t, reminded.GetActor())
	require.Equal(t, "Can you take this?", reminded.GetExcerpt())
	require.Empty(t, w.list(chitra, "reason = REMINDED"), "it no longer waits for her, as its owner says")
	a.due(due.Add(time.Hour), remind.Add(time.Hour), n.ben)
	w.to(local(chicago, 1, 15, 30))
	w.only(n.ben, "REMINDED")
	a.answer(n.ben, "", "yes")
	w.settle()
	require.Equal(t, "answered", w.only(n.ben, "REMINDED").GetSettledReason())

	// One whose reminder would come after its time hears of that time alone.
	b := thread.ask(n.ana, normal, n.ben).open()
	b.due(w.clock.Now().Add(-time.Minute), w.clock.Now().Add(-time.Hour), n.ben)
	w.settle()
	require.Len(t, w.list(n.ben, "reason = REMINDED"), 1)

	// One whose owner cannot be asked waits for it.
	c := thread.ask(n.ana, normal, n.ben).open()
	w.desk.switchOff(domain.Threads, true)
	c.due(w.clock.Now().Add(24*time.Hour), w.clock.Now(), n.ben)
	w.settle()
	require.Len(t, w.list(n.ben, "reason = REMINDED"), 1)
	w.desk.switchOff(domain.Threads, false)
	require.Eventually(t, func() bool { w.settle(); return len(w.list(n.ben, "reason = REMINDED")) == 2 }, 20*time.Second, 100*time.Millisecond)
}

// A reminder that became due before the news of the ask came waits for it.
func TestAReminderOvertakesTheAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	a := w.thread(n.ws, n.space).ask(n.ana, normal, n.ben)
	opened := a.opened()
	opened.Ask = clone(opened.GetAsk())
	a.due(local(chicago, 1, 16, 0), local(chicago, 1, 9, 30), n.ben)
	w.settle()
	require.Empty(t, w.list(n.ben, ""))
	w.publish("threads", n.ana.name(), opened)
	w.release()
	require.Equal(t, "Reminder: Ana asks you for a reply", w.only(n.ben, "REMINDED").GetSummary())
}

// A member of another workspace has no part in any of it.
func TestWorkspacesAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, other := w.night(), w.night()
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name(), domain.MemberName(n.ws, other.ben.Member))
	w.settle()
	require.Empty(t, w.list(other.ben, ""))
	w.only(n.ben, "MENTIONED")
	_, err := w.inbox.GetNotification(other.ben.ctx, &notificationsv1.GetNotificationRequest{Name: w.only(n.ben, "MENTIONED").GetName()})
	require.Error(t, err)
}
