package notifications

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/outbox"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/channel"
	"github.com/meridianhq/meridian/services/notifications/internal/channel/email"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store"
	"github.com/meridianhq/meridian/services/notifications/internal/wire"
)

var errDirectoryAway = fault.New(fault.Unavailable, fault.ReasonUnavailable, "rights cannot be confirmed")

// While availability cannot be asked nothing but URGENT goes, and that without its excerpt; then all of it catches up, at the
// right hours.
func TestAvailabilityIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.office.switchOff(true)
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.thread(n.ws, n.space).mention(n.ana, low, n.ana.name(), n.ben.name())
	w.settle()
	undecided := w.list(n.ben, "urgency = HIGH")[0]
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(undecided).GetDecision())
	require.Contains(t, inApp(undecided).GetExplanation(), "cannot be asked for now")
	require.Equal(t, notificationsv1.Delivery_SUPPRESSED, inApp(w.list(n.ben, "urgency = LOW")[0]).GetDecision(), "that needs no answer")

	w.thread(n.ws, n.space).mention(n.ana, urgent, n.ben.name())
	w.settle()
	require.Len(t, w.delivered(n.ben), 1)
	require.Empty(t, w.delivered(n.ben)[0].payload.(*notificationsv1.NotificationDelivered).GetNotification().GetExcerpt())
	require.Len(t, w.post.letters(), 1)
	require.NotContains(t, w.post.letters()[0].text, "look at")
	require.Equal(t, "Please look at this", w.list(n.ben, "urgency = URGENT")[0].GetExcerpt(), "it stands in the inbox all the same")

	require.NoError(t, w.clock.Set(local(chicago, 1, 9, 30)))
	w.settle()
	require.Len(t, w.delivered(n.ben), 1, "nothing is known of his hours")
	w.office.switchOff(false)
	require.Eventually(t, func() bool { w.settle(); return len(w.delivered(n.ben)) == 2 }, 20*time.Second, 100*time.Millisecond)
	require.Len(t, w.post.letters(), 2)
	w.audit()
}

// While the owner of a source cannot be asked, what is about its things is held, and the rest goes.
func TestAnOwnerIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	w.desk.switchOff(domain.Threads, true)
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	b := w.baton(n.ws, n.space, n.ana, 1).offer(n.ben)
	w.thread(n.ws, n.space).mention(n.ana, urgent, n.ben.name())
	w.settle()
	var sources []string
	for _, e := range w.delivered(n.ben) {
		one := e.payload.(*notificationsv1.NotificationDelivered).GetNotification()
		sources = append(sources, one.GetSource())
		if one.GetUrgency() == urgent {
			require.Empty(t, one.GetExcerpt())
		}
	}
	require.Len(t, sources, 2)
	require.Contains(t, sources, b.GetName())
	w.desk.switchOff(domain.Threads, false)
	require.Eventually(t, func() bool { w.settle(); return len(w.delivered(n.ben)) == 3 }, 20*time.Second, 100*time.Millisecond)
	w.audit()
}

// While the projection of rights cannot be confirmed nothing but URGENT goes.
func TestRightsCannotBeConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	w.directory.set(errDirectoryAway)
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.thread(n.ws, n.space).mention(n.ana, urgent, n.ben.name())
	w.settle()
	require.Len(t, w.delivered(n.ben), 1)
	w.directory.set(nil)
	require.Eventually(t, func() bool { w.settle(); return len(w.delivered(n.ben)) == 2 }, 20*time.Second, 100*time.Millisecond)
}

// A mail server that cannot take it for now is asked again; one that refuses for good ends it, and the recipient is told.
func TestTheMailServerRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	w.post.refuse(&smtp.SMTPError{Code: 450, Message: "later"})
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.settle()
	one := w.only(n.ben, "MENTIONED")
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(one).GetState(), "a failure of one channel is no other's")
	require.Equal(t, notificationsv1.Delivery_PENDING, mailed(one).GetState())
	require.Contains(t, mailed(one).GetLastError(), "later")
	require.EqualValues(t, 1, mailed(one).GetAttempts())
	require.Eventually(t, func() bool { w.settle(); return len(w.post.letters()) == 1 }, 20*time.Second, 100*time.Millisecond)
	one = w.only(n.ben, "MENTIONED")
	require.Equal(t, notificationsv1.Delivery_SENT, mailed(one).GetState())
	require.EqualValues(t, 2, mailed(one).GetAttempts())
	require.Empty(t, mailed(one).GetLastError())
	require.Len(t, w.delivered(n.ben), 1)

	w.post.refuse(&smtp.SMTPError{Code: 550, Message: "no such user"})
	a := w.thread(n.ws, n.space).ask(n.ana, high, n.ben).open()
	w.settle()
	failed := w.list(n.ben, `source = "`+a.GetName()+`"`)[0]
	require.Equal(t, notificationsv1.Delivery_FAILED, mailed(failed).GetState())
	told := w.events("DeliveryFailed")
	require.Len(t, told, 1)
	e := told[0].payload.(*notificationsv1.DeliveryFailed)
	require.Contains(t, e.GetError(), "no such user")
	require.Equal(t, notificationsv1.Channel_EMAIL, e.GetChannel())
	require.Equal(t, failed.GetName(), told[0].aggregate)
	w.audit()
}

// The process stops while it sends what is due for somebody: the next one sends the rest at once.
func TestStoppedBetweenTwoMails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	for range 5 {
		w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	}
	w.settle()
	w.crew.stop()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	due, err := w.app.DueDeliveries(t.Context(), w.clock.Now(), time.Minute, 100)
	require.NoError(t, err)
	require.Len(t, due, 1)
	ctx, stop := context.WithCancel(t.Context())
	w.post.taken = stop
	require.ErrorIs(t, w.app.Deliver(ctx, due[0]), context.Canceled)
	require.Len(t, w.post.letters(), 1)
	w.crew = w.startCrew(w.app)
	w.settle()
	sent := map[string]bool{}
	for _, l := range w.post.letters() {
		sent[l.id] = true
	}
	require.Len(t, sent, 5)
}

// The process dies between the sending and its record: the mail comes once more, with the same id, and never again.
func TestKilledBetweenSendAndRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	// The record fails as if the process had died: the database takes no outcome of the first attempt.
	w.exec(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF (SELECT count(*) FROM attempts WHERE channel = 'EMAIL') = 1 THEN RAISE EXCEPTION 'the process died'; END IF;
		RETURN new; END $$`)
	w.exec(`CREATE TRIGGER die BEFORE UPDATE ON attempts FOR EACH ROW EXECUTE FUNCTION die()`)
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.settle()
	require.Len(t, w.post.letters(), 1)
	require.Equal(t, notificationsv1.Delivery_PENDING, mailed(w.only(n.ben, "MENTIONED")).GetState())
	w.exec(`UPDATE deliveries SET lease_until = NULL`) // its minute is over
	w.settle()
	letters := w.post.letters()
	require.Len(t, letters, 2)
	require.Equal(t, letters[0].id, letters[1].id, "the receiver can drop it")
	require.Equal(t, notificationsv1.Delivery_SENT, mailed(w.only(n.ben, "MENTIONED")).GetState())
	w.exec(`UPDATE deliveries SET lease_until = NULL`)
	w.to(local(chicago, 1, 12, 0))
	require.Len(t, w.post.letters(), 2)
	var outcomes []string
	for _, a := range w.attempts() {
		if a.channel == "EMAIL" {
			outcomes = append(outcomes, a.outcome)
		}
	}
	require.ElementsMatch(t, []string{string(app.Begun), string(app.Handed)}, outcomes)
	require.Len(t, w.delivered(n.ben), 1, "in-app cannot come twice")
}

// Read while it is on its way: what was sent is recorded as sent.
func TestReadWhileItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	w.post.mu.Lock()
	w.post.taken = func() {
		one := w.list(n.ben, "")[0]
		_, err := w.inbox.MarkNotificationsRead(n.ben.ctx, &notificationsv1.MarkNotificationsReadRequest{
			Parent: domain.WorkspaceName(n.ws), Names: []string{one.GetName()},
		})
		require.NoError(t, err)
	}
	w.post.mu.Unlock()
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	w.settle()
	one := w.only(n.ben, "MENTIONED")
	require.Equal(t, notificationsv1.Notification_READ, one.GetState())
	require.Equal(t, notificationsv1.Delivery_SENT, mailed(one).GetState())
}

// Working time changes while a mail is on its way: it is not sent a second time.
func TestChangedWhileItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	w.post.mu.Lock()
	w.post.taken = func() {
		w.workingTimeChanged(n.ben)
		require.NoError(t, w.router.Idle(w.ctx))
		require.NoError(t, w.crew.workers[1].Settled(w.ctx), "who decides has looked")
		thread := w.thread(n.ws, n.space)
		thread.post(n.ana, thread.message(n.ana, low, "another", n.ben.name()))
		require.NoError(t, w.router.Idle(w.ctx))
	}
	w.post.mu.Unlock()
	a := w.thread(n.ws, n.space).ask(n.ana, high, n.ben).open()
	w.settle()
	w.release()
	require.Len(t, w.post.letters(), 1)
	one := w.list(n.ben, `source = "`+a.GetName()+`"`)[0]
	require.Equal(t, notificationsv1.Delivery_SENT, mailed(one).GetState())
	require.EqualValues(t, 1, mailed(one).GetAttempts())
}

// While an owner hangs, and with it everybody who delivers, URGENT goes all the same.
func TestUrgentWaitsBehindNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	thread := w.thread(n.ws, n.space)
	alarm := thread.message(n.ana, urgent, "now", n.ben.name())
	w.desk.mu.Lock()
	w.desk.hang, w.desk.prompt = make(chan struct{}), alarm.GetName()
	w.desk.mu.Unlock()
	for i := range 10 { // more than one process sends at once
		w.thread(n.ws, n.space).mention(n.ana, high, w.member(n.ws, auth.Member, "m"+strconv.Itoa(i), chicago).name())
	}
	require.NoError(t, w.router.Idle(w.ctx))
	thread.post(n.ana, alarm)
	require.Eventually(t, func() bool { return len(w.delivered(n.ben)) == 1 && len(w.post.letters()) == 1 }, 10*time.Second, 20*time.Millisecond)
	w.desk.mu.Lock()
	close(w.desk.hang)
	w.desk.hang = nil
	w.desk.mu.Unlock()
	w.release()
	require.Len(t, w.post.letters(), 11)
	w.audit()
}

// stopping is a channel during whose sending the process is told to stop.
type stopping struct {
	app.Channel
	stop func()
}

func (c stopping) Send(ctx context.Context, p app.Parcel) error {
	defer c.stop()
	return c.Channel.Send(ctx, p)
}

// The process is told to stop while a mail is on its way: that it was sent is recorded.
func TestStoppedWhileItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	w.crew.stop()
	w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	require.NoError(t, w.router.Idle(w.ctx))

	running, stop := context.WithCancel(w.ctx)
	defer stop()
	mail, err := email.New(email.Config{URL: w.post.url, From: "Meridian <meridian@meridian.test>", PublicURL: "https://meridian.test"})
	require.NoError(t, err)
	channels := channel.All(mail)
	for i, c := range channels {
		channels[i] = stopping{Channel: c, stop: stop}
	}
	last := app.New(app.Deps{
		Store: store.New(w.db.App, w.db.Owner, outbox.New(nil), wire.Encoder("meridian.test")), Access: w.directory,
		Clock: w.clock, Machine: clock.Machine(), WorkingTime: w.office, Sources: w.desk, Channels: channels, Digests: mail,
	})
	batches, err := last.DueDeliveries(running, w.clock.Now(), time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, batches, 1)
	require.NoError(t, last.Deliver(running, batches[0]))
	require.Error(t, running.Err())
	require.Len(t, w.post.letters(), 1)
	require.Equal(t, notificationsv1.Delivery_SENT, mailed(w.only(n.ben, "MENTIONED")).GetState())
}

// An answer that came too late to send by is asked for again at once.
func TestALateAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.crew.stop()
	w.thread(n.ws, n.space).mention(n.ana, urgent, n.ben.name())
	require.NoError(t, w.router.Idle(w.ctx))
	w.office.mu.Lock()
	w.office.asking = func() { w.clock.Advance(6 * time.Second) }
	w.office.mu.Unlock()
	for range 2 {
		batches, err := w.app.DueUrgent(w.ctx, w.clock.Now(), time.Hour, 10)
		require.NoError(t, err)
		require.Len(t, batches, 1)
		require.Len(t, batches[0].Keys, 2)
		require.NoError(t, w.app.Deliver(w.ctx, batches[0]))
		require.Empty(t, w.delivered(n.ben))
	}
	require.Empty(t, w.post.letters())
}
