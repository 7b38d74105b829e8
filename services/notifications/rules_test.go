package notifications

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// A mention reaches members and those of teams once each, but neither its author nor who is asked by the same message, nor who
// may not read the space or has left.
func TestWhoIsMentioned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	chitra, dai, eve := w.member(n.ws, auth.Member, "chitra", "Asia/Kolkata"), w.member(n.ws, auth.Member, "dai", "Pacific/Auckland"),
		w.member(n.ws, auth.Guest, "eve", london)
	gone := w.member(n.ws, auth.Member, "gone", london)
	w.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, gone.Member)
	crew := w.team(n.ws, "crew", n.ana, n.ben, chitra, dai, eve, gone)
	thread := w.thread(n.ws, n.space)
	m := thread.message(n.ana, high, "Hello **@ben** and [@crew](https://x.test)", n.ben.name(), domain.WorkspaceName(n.ws)+"/teams/"+crew.String())
	m.Asks = []*threadsv1.Ask{{Recipients: []*threadsv1.AskRecipient{{Member: dai.name()}}}}
	thread.post(n.ana, m)
	w.settle()
	for _, p := range []person{n.ana, dai, eve} {
		require.Empty(t, w.list(p, ""), p.handle)
	}
	got := w.only(n.ben, "MENTIONED")
	require.Equal(t, m.GetName(), got.GetSource())
	require.Equal(t, thread.name, got.GetContext())
	require.Equal(t, domain.SpaceName(n.ws, n.space), got.GetSpace())
	require.Equal(t, "The night", got.GetTitle())
	require.Equal(t, "Hello @ben and @crew", got.GetExcerpt())
	require.Equal(t, "Ana mentioned you", got.GetSummary())
	require.Equal(t, n.ana.name(), got.GetActor())
	require.Equal(t, high, got.GetUrgency())
	require.Equal(t, epoch, got.GetCreateTime().AsTime())
	require.False(t, got.GetWaiting())
	require.Equal(t, "Ana mentioned your team", w.only(chitra, "MENTIONED").GetSummary())
	var rows int
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT count(*) FROM notifications`).Scan(&rows))
	require.Equal(t, 2, rows)

	// An edit notifies whom it mentions anew, and those once.
	m.Mentions = append(m.Mentions, dai.name())
	w.publish("threads", n.ana.name(), &threadsv1.MessageEdited{
		Message: m, Thread: thread.name, Space: domain.SpaceName(n.ws, n.space), ThreadVersion: w.version(thread.name),
		AddedMentions: []string{n.ben.name(), chitra.name()}, ThreadTitle: "The night",
	})
	w.settle()
	w.only(n.ben, "MENTIONED")
	w.only(chitra, "MENTIONED")

	// What is imported is old news.
	imported := thread.message(n.ana, normal, "old", n.ben.name())
	w.publish("threads", n.ana.name(), &threadsv1.MessagePosted{
		Message: imported, Thread: thread.name, Space: domain.SpaceName(n.ws, n.space), ThreadVersion: w.version(thread.name), Imported: true,
	})
	w.settle()
	w.only(n.ben, "MENTIONED")
}

// Who is mentioned by an edit is not woken: it was not asked who may.
func TestAnEditBreaksNoGlass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	thread := w.thread(n.ws, n.space)
	w.publish("threads", n.ana.name(), &threadsv1.MessageEdited{
		Message: thread.message(n.ana, urgent, "Hello", n.ben.name()), Thread: thread.name, Space: domain.SpaceName(n.ws, n.space),
		ThreadVersion: w.version(thread.name), AddedMentions: []string{n.ben.name()}, ThreadTitle: "The night",
	})
	w.settle()
	mentioned := w.only(n.ben, "MENTIONED")
	require.Equal(t, high, mentioned.GetUrgency())
	require.Empty(t, mentioned.GetUrgentReason())
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(mentioned).GetDecision())
	require.Empty(t, w.post.letters())
}

// A right that the projection has not heard of yet is asked for before somebody is passed over.
func TestALateRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	eve := w.member(n.ws, auth.Guest, "eve", london)
	w.directory.answer = func() { w.grant(n.ws, n.space, eve.Member, auth.Reader) }
	w.thread(n.ws, n.space).mention(n.ana, normal, eve.name())
	w.settle()
	w.only(eve, "MENTIONED")
	require.Equal(t, 1, w.directory.asked)
}

// The life of an ask, from the asked to the asker.
func TestAnAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	chitra := w.member(n.ws, auth.Member, "chitra", "Asia/Kolkata")
	thread := w.thread(n.ws, n.space)
	a := thread.ask(n.ana, normal, n.ben, chitra)
	a.Recipients[1].OfTeam = true
	a.open()
	w.settle()
	asked := w.only(n.ben, "ASKED")
	require.Equal(t, a.GetName(), asked.GetSource())
	require.Equal(t, "Ana asks you for a reply", asked.GetSummary())
	require.Equal(t, "Can you take this?", asked.GetExcerpt())
	require.True(t, asked.GetWaiting())
	require.Nil(t, asked.GetDueTime())
	require.Equal(t, "Ana asks you for a reply, as one of your team", w.only(chitra, "ASKED").GetSummary())

	due := local(chicago, 2, 15, 0)
	a.due(due, due.Add(-time.Hour), n.ben)
	w.settle()
	later := w.only(n.ben, "ASKED")
	require.Equal(t, due, later.GetDueTime().AsTime())
	require.Greater(t, later.GetVersion(), asked.GetVersion())

	// Chitra hands it to Dai; it no longer waits for her.
	dai := w.member(n.ws, auth.Member, "dai", "Pacific/Auckland")
	a.of(chitra).State, a.of(chitra).ReassignedTo = threadsv1.AskRecipient_REASSIGNED, dai.name()
	a.Recipients = append(a.Recipients, &threadsv1.AskRecipient{Member: dai.name(), State: threadsv1.AskRecipient_OPEN, ReassignedFrom: chitra.name()})
	w.publish("threads", chitra.name(), &threadsv1.AskReassigned{
		Ask: a.next(), Space: a.space(), ThreadTitle: "The night", Member: chitra.name(), To: dai.name(), Excerpt: "Can you *take* this?",
	})
	w.settle()
	require.Equal(t, "Chitra passed it on to you: Ana asks you for a reply", w.only(dai, "ASKED").GetSummary())
	settled := w.only(chitra, "ASKED")
	require.False(t, settled.GetWaiting())
	require.Equal(t, "reassigned", settled.GetSettledReason())
	// It was noon for Chitra, and she had been signalled already; what was still to come was the mail of her digest.
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(settled).GetState())
	require.Equal(t, notificationsv1.Delivery_CANCELLED, mailed(settled).GetState())
	require.Equal(t, "It no longer waits: reassigned.", mailed(settled).GetExplanation())

	// Ben answers with a message: Ana hears of it, and it no longer waits for him.
	answer := thread.message(n.ben, normal, "Yes")
	a.answer(n.ben, answer.GetName(), "")
	w.settle()
	require.Equal(t, "answered", w.only(n.ben, "ASKED").GetSettledReason())
	answered := w.only(n.ana, "ANSWERED")
	require.Equal(t, answer.GetName(), answered.GetSource())
	require.Equal(t, "Ben answered what you asked", answered.GetSummary())
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(answered).GetState(), "her day is on: she hears at once")

	// Dai declines.
	a.of(dai).State, a.of(dai).Comment = threadsv1.AskRecipient_DECLINED, "I am on leave"
	w.publish("threads", dai.name(), &threadsv1.AskDeclined{
		Ask: a.next(), Space: a.space(), ThreadTitle: "The night", Member: dai.name(), Reason: "I am on *leave*",
	})
	w.settle()
	declined := w.only(n.ana, "DECLINED")
	require.Equal(t, "Dai declined what you asked", declined.GetSummary())
	require.Equal(t, "I am on leave", declined.GetExcerpt())
	require.Equal(t, a.GetName(), declined.GetSource())
}

// The first of a team answers for all: for the others it no longer waits.
func TestATeamIsAnsweredFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	chitra := w.member(n.ws, auth.Member, "chitra", "Asia/Kolkata")
	a := w.thread(n.ws, n.space).ask(n.ana, normal, n.ben, chitra).open()
	w.settle()
	a.answer(chitra, "", "Done", n.ben)
	w.settle()
	require.Equal(t, "answered by another", w.only(n.ben, "ASKED").GetSettledReason())
	require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(w.only(n.ben, "ASKED")).GetState())
	answered := w.only(n.ana, "ANSWERED")
	require.Equal(t, "Chitra answered what you asked", answered.GetSummary())
	require.Equal(t, "Done", answered.GetExcerpt())
	require.Equal(t, a.GetName(), answered.GetSource())
}

func TestAnOverdueAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	a := w.thread(n.ws, n.space).ask(n.ana, low, n.ben).open()
	w.settle()
	a.overdue(n.ben)
	w.settle()
	overdue := w.only(n.ben, "OVERDUE")
	require.Equal(t, normal, overdue.GetUrgency(), "at least")
	require.Equal(t, "Overdue: Ana asks you for a reply", overdue.GetSummary())
	require.True(t, overdue.GetWaiting())
	require.Empty(t, overdue.GetActor(), "time alone acted")
	require.Equal(t, "Ben has not answered what you asked in time", w.only(n.ana, "UNANSWERED").GetSummary())
	a.withdraw(n.ana)
	w.settle()
	require.Equal(t, "withdrawn", w.only(n.ben, "OVERDUE").GetSettledReason())
	require.Equal(t, "withdrawn", w.only(n.ben, "ASKED").GetSettledReason())
}

// What has not been told the asker of an ask that was overdue is not told them any more once it is settled.
func TestAnOverdueAskIsSettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	a := w.thread(n.ws, n.space).ask(n.ben, normal, n.ana).open()
	a.overdue(n.ana)
	w.settle()
	require.Equal(t, notificationsv1.Delivery_PENDING, inApp(w.only(n.ben, "UNANSWERED")).GetState(), "it is night")
	w.desk.stands(a.GetName(), n.ben.Member, domain.SourceState{Settled: "settled"})
	w.to(local(chicago, 1, 9, 30))
	require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(w.only(n.ben, "UNANSWERED")).GetState())
}

// The life of a baton, for one and for a team.
func TestABaton(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	b := w.baton(n.ws, n.space, n.ana, tasksv1.Handoff_MEMBER).offer(n.ben)
	w.settle()
	offered := w.only(n.ben, "OFFERED")
	require.Equal(t, "Ana offers you the baton of OPS-17", offered.GetSummary())
	require.Equal(t, "Move the database", offered.GetTitle())
	require.Equal(t, "Switch the replica over", offered.GetExcerpt())
	require.Equal(t, b.GetTask(), offered.GetContext())
	require.Equal(t, normal, offered.GetUrgency())
	require.True(t, offered.GetWaiting())

	b.ExpireTime = timestamppb.New(local(chicago, 2, 12, 0))
	b.update(false, n.ben)
	w.settle()
	require.Equal(t, local(chicago, 2, 12, 0), w.only(n.ben, "OFFERED").GetDueTime().AsTime())

	b.accept(n.ben)
	w.settle()
	require.Equal(t, "accepted", w.only(n.ben, "OFFERED").GetSettledReason())
	require.Equal(t, "Ben accepted the baton of OPS-17", w.only(n.ana, "ACCEPTED").GetSummary())
	require.Equal(t, normal, w.only(n.ana, "ACCEPTED").GetUrgency())
}

// Who acts for the member a baton is offered to is told once, and it waits for them as well.
func TestABatonThatADelegateTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	chitra, dai := w.member(n.ws, auth.Member, "chitra", "Asia/Kolkata"), w.member(n.ws, auth.Member, "dai", "Asia/Kolkata")
	b := w.baton(n.ws, n.space, n.ana, tasksv1.Handoff_MEMBER).offer(n.ben)
	b.Delegate = chitra.name()
	b.update(false, n.ben)
	w.settle()
	told := w.only(chitra, "OFFERED")
	require.Equal(t, "You act for Ben: Ana offers the baton of OPS-17", told.GetSummary())
	require.Equal(t, n.ana.name(), told.GetActor())
	require.True(t, told.GetWaiting())
	require.True(t, w.only(n.ben, "OFFERED").GetWaiting())
	b.ExpireTime = timestamppb.New(local(chicago, 2, 12, 0))
	b.update(false, n.ben)
	w.settle()
	require.Equal(t, local(chicago, 2, 12, 0), w.only(chitra, "OFFERED").GetDueTime().AsTime(), "and is not told again")

	// Who no longer acts has nothing to do.
	b.Delegate = dai.name()
	b.update(false, n.ben)
	w.settle()
	require.Equal(t, "another acts", w.only(chitra, "OFFERED").GetSettledReason())
	require.True(t, w.only(dai, "OFFERED").GetWaiting())
	b.accept(dai)
	w.settle()
	require.Equal(t, "accepted", w.only(dai, "OFFERED").GetSettledReason())
	require.Equal(t, "accepted", w.only(n.ben, "OFFERED").GetSettledReason())
	require.Contains(t, w.only(n.ana, "ACCEPTED").GetSummary(), "accepted the baton of OPS-17")
}

func TestATeamsBaton(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	chitra := w.member(n.ws, auth.Member, "chitra", "Asia/Kolkata")
	b := w.baton(n.ws, n.space, n.ana, tasksv1.Handoff_TEAM).offer(n.ben, chitra, n.ana)
	w.settle()
	require.Equal(t, "Ana offers your team the baton of OPS-17", w.only(chitra, "OFFERED").GetSummary())
	require.Empty(t, w.list(n.ana, ""), "nobody hears of their own act")

	b.Decliners = []string{n.ben.name()}
	b.update(false, chitra)
	w.settle()
	require.Equal(t, "declined", w.only(n.ben, "OFFERED").GetSettledReason())
	require.True(t, w.only(chitra, "OFFERED").GetWaiting())

	b.accept(chitra)
	w.settle()
	require.Equal(t, "accepted", w.only(chitra, "OFFERED").GetSettledReason())
	w.only(n.ana, "ACCEPTED")
}

func TestABatonThatComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	b := w.baton(n.ws, n.space, n.ana, tasksv1.Handoff_MEMBER).offer(n.ben)
	b.expire()
	w.settle()
	require.Equal(t, "expired", w.only(n.ben, "OFFERED").GetSettledReason())
	back := w.only(n.ana, "RETURNED")
	require.Equal(t, high, back.GetUrgency())
	require.Equal(t, "The baton of OPS-17 is back with you: nobody took it", back.GetSummary())

	b = w.baton(n.ws, n.space, n.ana, tasksv1.Handoff_MEMBER).offer(n.ben)
	b.decline(n.ben, "No time")
	w.settle()
	require.Equal(t, "No time", w.only(n.ana, "DECLINED").GetExcerpt())

	b = w.baton(n.ws, n.space, n.ana, tasksv1.Handoff_MEMBER).offer(n.ben)
	b.State = tasksv1.Handoff_WITHDRAWN
	w.publish("tasks", n.ana.name(), &tasksv1.HandoffWithdrawn{Handoff: b.next(), Space: b.where()})
	w.settle()
	withdrawn := w.list(n.ben, `source = "`+b.GetName()+`"`)
	require.Len(t, withdrawn, 1)
	require.Equal(t, "withdrawn", withdrawn[0].GetSettledReason())
}

// AUTO tells nobody until the candidate is found, goes on without a word to the giver, and tells them when none is left.
func TestAnAutomaticBaton(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	chitra := w.member(n.ws, auth.Member, "chitra", "Asia/Kolkata")
	first := w.baton(n.ws, n.space, n.ben, tasksv1.Handoff_AUTO).offer()
	w.settle()
	require.Empty(t, w.list(chitra, ""))
	first.Recipient = chitra.name()
	first.update(true, chitra)
	first.update(false, chitra)
	w.settle()
	w.only(chitra, "OFFERED")
	first.decline(chitra, "no")
	first.Returned = false
	w.publish("tasks", "services/tasks", &tasksv1.HandoffRerouted{Handoff: first.next(), Space: first.where()})
	w.settle()
	require.Empty(t, w.list(n.ben, ""), "it goes on by itself")

	second := w.baton(n.ws, n.space, n.ben, tasksv1.Handoff_AUTO)
	second.Previous, second.Recipient = first.GetName(), n.ana.name()
	second.offer(n.ana)
	w.settle()
	w.only(n.ana, "OFFERED")
	second.expire()
	w.settle()
	require.Empty(t, w.list(n.ben, ""))
	second.Returned = true
	w.publish("tasks", "services/tasks", &tasksv1.HandoffRerouted{Handoff: second.next(), Space: second.where()})
	w.settle()
	require.Equal(t, high, w.only(n.ben, "RETURNED").GetUrgency())
}

func TestAnAssignedTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	name := domain.WorkspaceName(n.ws) + "/tasks/" + uuid.NewString()
	task := &tasksv1.Task{Name: name, Key: "OPS-3", Title: "Rotate keys", Space: domain.SpaceName(n.ws, n.space), Holder: n.ben.name(), Description: "Soon"}
	assign := func(by person, previous string) {
		task.Version = w.version(name)
		w.publish("tasks", by.name(), &tasksv1.TaskAssigned{Task: task, PreviousHolder: previous})
		w.settle()
	}
	assign(n.ben, "")
	require.Empty(t, w.list(n.ben, ""), "who takes it knows")
	assign(n.ana, "")
	require.Equal(t, "Ana made you the holder of OPS-3", w.only(n.ben, "ASSIGNED").GetSummary())
	assign(n.ana, n.ben.name())
	w.only(n.ben, "ASSIGNED")
	task.Holder = ""
	assign(n.ana, n.ben.name())
	w.only(n.ben, "ASSIGNED")
}

// A deleted message takes its words out of every inbox, and nothing of it is sent any more.
func TestADeletedMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	thread := w.thread(n.ws, n.space)
	m := thread.mention(n.ana, normal, n.ben.name())
	w.settle()
	require.NotEmpty(t, w.only(n.ben, "MENTIONED").GetExcerpt())
	w.publish("threads", n.ana.name(), &threadsv1.MessageDeleted{
		Message: &threadsv1.Message{Name: m.GetName(), Author: n.ana.name()}, Thread: thread.name, Space: domain.SpaceName(n.ws, n.space),
		ThreadVersion: w.version(thread.name),
	})
	w.settle()
	erased := w.only(n.ben, "MENTIONED")
	require.Empty(t, erased.GetExcerpt())
	require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(erased).GetState())
	require.Equal(t, "The message was deleted.", inApp(erased).GetExplanation())
	require.Len(t, w.events("NotificationCancelled"), 1)
}

// Five hundred are asked at once: in as many statements as one.
func TestManyAreAskedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version, email)
		SELECT $1, ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'M' || i, 'm' || i, 'UTC', 2, 2, 1, 1, 'm' || i || '@meridian.test' FROM generate_series(1, 500) i`, n.ws)
	a := w.thread(n.ws, n.space).ask(n.ana, normal)
	for i := 1; i <= 500; i++ {
		id := uuid.MustParse("00000000-0000-7000-8000-" + pad(i))
		w.office.set(id, chicago, nineToFive())
		a.Recipients = append(a.Recipients, &threadsv1.AskRecipient{Member: domain.MemberName(n.ws, id), State: threadsv1.AskRecipient_OPEN})
	}
	asked := w.office.asked
	a.open()
	w.settle()
	require.Len(t, w.events("NotificationCreated"), 500)
	var rows int
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT count(*) FROM deliveries WHERE state = 'PENDING' AND decision = 'DEFERRED'`).Scan(&rows))
	require.Equal(t, 500, rows)
	require.Less(t, w.office.asked-asked, 20, "working time is asked for once, and for the digests in batches")
	a.withdraw(n.ana)
	w.settle()
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT count(*) FROM notifications WHERE waiting AND source = $1`, a.GetName()).Scan(&rows))
	require.Zero(t, rows)
	require.Len(t, w.events("NotificationCancelled"), 500)
	few := w.thread(n.ws, n.space).ask(n.ana, normal, n.ben)
	require.Equal(t, w.statementsOf(few.opened()), w.statementsOf(a.opened()), "in as many statements as one")
}
