package notifications

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// Events twice and out of order end where they would have ended in order.
func TestEventsCommute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	thread := w.thread(n.ws, n.space)
	a := thread.ask(n.ana, normal, n.ben)
	opened := a.opened()
	due := local(chicago, 2, 15, 0)
	changed := a.dueChanged(due, time.Time{}, n.ben)
	opened.Ask = clone(opened.GetAsk())
	opened.Ask.Version, opened.Ask.Recipients[0].DueTime = 1, nil
	w.publish("threads", "services/threads", changed)
	w.settle()
	w.publishTwice("threads", n.ana.name(), opened, 2)
	w.settle()
	asked := w.only(n.ben, "ASKED")
	require.Equal(t, due, asked.GetDueTime().AsTime(), "the newer event is not undone")
	require.True(t, asked.GetWaiting())

	// It was answered before the news of it came.
	b := thread.ask(n.ana, normal, n.ben)
	late := b.opened()
	late.Ask = clone(late.GetAsk())
	b.answer(n.ben, "", "Yes")
	w.settle()
	w.publish("threads", n.ana.name(), late)
	w.settle()
	found := w.list(n.ben, `source = "`+b.GetName()+`"`)
	require.Len(t, found, 1)
	require.False(t, found[0].GetWaiting())
	require.Equal(t, "answered", found[0].GetSettledReason())
	require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(found[0]).GetState())

	// The same for a baton.
	c := w.baton(n.ws, n.space, n.ana, tasksv1.Handoff_MEMBER)
	early := &tasksv1.HandoffOffered{Handoff: clone(c.next()), Space: c.where(), Recipients: []string{n.ben.name()}}
	c.accept(n.ben)
	w.settle()
	w.publish("tasks", n.ana.name(), early)
	w.settle()
	require.False(t, w.only(n.ben, "OFFERED").GetWaiting())
}

// After it was opened an ask's events tell of some of those asked alone. One that comes before the opening says nothing of the
// others: they are asked.
func TestAPartOvertakesTheWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	chitra, dan := w.member(n.ws, auth.Member, "chitra", chicago), w.member(n.ws, auth.Member, "dan", chicago)
	a := w.thread(n.ws, n.space).ask(n.ana, normal, n.ben, chitra, dan)
	opened := a.opened()
	opened.Ask = clone(opened.GetAsk())
	due := local(chicago, 2, 15, 0)
	changed := a.dueChanged(due, time.Time{}, n.ben)
	changed.Ask = clone(changed.GetAsk())
	changed.Ask.Recipients = changed.GetAsk().GetRecipients()[:1]
	answered := &threadsv1.AskAnswered{Space: a.space(), ThreadTitle: "The night", Member: chitra.name(), SettledMembers: []string{chitra.name()}}
	a.of(chitra).State, a.of(chitra).AnsweredBy = threadsv1.AskRecipient_ANSWERED, chitra.name()
	answered.Ask = clone(a.next())
	answered.Ask.Recipients = answered.GetAsk().GetRecipients()[1:2]
	w.publish("threads", chitra.name(), answered)
	w.settle()
	w.publish("threads", "services/threads", changed)
	w.settle()
	w.publish("threads", n.ana.name(), opened)
	w.settle()
	first := w.only(n.ben, "ASKED")
	require.True(t, first.GetWaiting())
	require.Equal(t, due, first.GetDueTime().AsTime())
	require.Equal(t, "answered", w.only(chitra, "ASKED").GetSettledReason())
	last := w.only(dan, "ASKED")
	require.True(t, last.GetWaiting(), "nothing was said of Dan")
	require.Equal(t, notificationsv1.Delivery_PENDING, inApp(last).GetState())
	w.to(local(chicago, 1, 9, 0))
	require.Len(t, w.delivered(dan), 1)
	require.Len(t, w.delivered(n.ben), 1)
	require.Empty(t, w.delivered(chitra))
}

// A message was deleted before the news of it came: its words come into no inbox, and nothing about it is sent.
func TestADeletedMessageIsOvertaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	require.NoError(t, w.clock.Set(local(chicago, 1, 10, 0)))
	thread := w.thread(n.ws, n.space)
	remove := func(message string) {
		w.publish("threads", n.ana.name(), &threadsv1.MessageDeleted{
			Message: &threadsv1.Message{Name: message, Author: n.ana.name()}, Thread: thread.name, Space: domain.SpaceName(n.ws, n.space),
			ThreadVersion: w.version(thread.name),
		})
		w.settle()
	}
	m := thread.message(n.ana, high, "secret words", n.ben.name())
	remove(m.GetName())
	thread.post(n.ana, m)
	w.settle()
	mentioned := w.only(n.ben, "MENTIONED")
	require.Empty(t, mentioned.GetExcerpt())
	require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(mentioned).GetState())
	require.Equal(t, "The message was deleted.", mailed(mentioned).GetExplanation())
	require.Empty(t, w.post.letters())

	a := thread.ask(n.ana, normal, n.ben)
	remove(a.GetMessage())
	a.open()
	w.settle()
	require.Empty(t, w.only(n.ben, "ASKED").GetExcerpt(), "the ask ends by an event of its own")
	for _, e := range w.events("NotificationCreated") {
		require.Empty(t, e.payload.(*notificationsv1.NotificationCreated).GetNotification().GetExcerpt())
	}
}
