package notifications

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// requestFor is a request of which somebody is told who acts for the manager.
func (l *leave) requestFor(manager, delegate person) *leave {
	m := l.requested(manager.name())
	m.Delegate = delegate.name()
	l.w.publish("availability", l.p.name(), m)
	return l
}

// unread is how much stands in a person's inbox unread, and how much of it waits.
func (w *world) unread(p person) (unread, waiting int32) {
	w.t.Helper()
	counts, err := w.inbox.GetInboxCounts(p.ctx, &notificationsv1.GetInboxCountsRequest{Name: domain.WorkspaceName(p.Workspace) + "/inboxCounts"})
	require.NoError(w.t, err)
	return counts.GetUnreadCount(), counts.GetWaitingCount()
}

// absence is Ben, who reports to Ana, for whom Dan acts.
func (w *world) absence() (n night, dan person) {
	w.t.Helper()
	n = w.night()
	dan = w.member(n.ws, auth.Member, "dan", london)
	w.managed(n.ben, n.ana)
	w.office.acts(dan, n.ana)
	return n, dan
}

// Who acts for the manager is told as well, with why, is reminded, and it settles for both when either decides.
func TestWhoActsForTheManagerIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, dan := w.absence()
	l := w.leave(n.ben)
	m := l.requested(n.ana.name())
	m.Delegate = dan.name()
	w.publishTwice("availability", n.ben.name(), m, 2)
	w.settle()
	require.Equal(t, "Ben asks you to approve or decline their time off", w.only(n.ana, "APPROVING").GetSummary())
	got := w.only(dan, "APPROVING")
	require.Equal(t, "You act for Ana: Ben asks you to approve or decline their time off", got.GetSummary())
	require.Equal(t, "Time off: Mon 7 Dec to Fri 11 Dec 2026", got.GetTitle())
	require.Equal(t, "my knee", got.GetExcerpt())
	require.Equal(t, n.ben.name(), got.GetActor())
	require.Equal(t, starts(), got.GetDueTime().AsTime())
	require.True(t, got.GetWaiting())
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(got).GetState())
	unread, waiting := w.unread(dan)
	require.Equal(t, []int32{1, 1}, []int32{unread, waiting})
	_, err := w.inbox.MarkNotificationsRead(dan.ctx, &notificationsv1.MarkNotificationsReadRequest{
		Parent: domain.WorkspaceName(n.ws), Names: []string{got.GetName()},
	})
	require.NoError(t, err)

	w.to(epoch.Add(starts().Sub(epoch) / 4 * 3))
	require.Equal(t, "Reminder: You act for Ana: Ben asks you to approve or decline their time off", w.only(dan, "REMINDED").GetSummary())
	w.publish("availability", dan.name(), l.approved(dan))
	w.settle()
	for _, p := range []person{n.ana, dan} {
		settled := w.only(p, "APPROVING")
		require.False(t, settled.GetWaiting())
		require.Equal(t, "approved", settled.GetSettledReason())
	}
	require.Equal(t, "Dan approved your time off", w.only(n.ben, "DECIDED").GetSummary())
	w.audit()
}

// Who acts for the manager reads it while they do, and while it is the manager's.
func TestWhoActsReadsWhileTheyDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, dan := w.absence()
	l := w.leave(n.ben).requestFor(n.ana, dan)
	own := w.leave(n.ana).request("") // he is none of who decides on this
	w.managed(n.ana, dan)
	also := w.leave(n.ana).request(dan.name())
	w.settle()
	held := w.list(dan, `source = "`+l.GetName()+`"`)[0]
	reads := func(want bool) {
		t.Helper()
		var seen []string
		for _, one := range w.list(dan, "") {
			seen = append(seen, one.GetSource())
		}
		_, err := w.inbox.GetNotification(dan.ctx, &notificationsv1.GetNotificationRequest{Name: held.GetName()})
		_, read := w.inbox.MarkNotificationsRead(dan.ctx, &notificationsv1.MarkNotificationsReadRequest{
			Parent: domain.WorkspaceName(n.ws), Names: []string{held.GetName()},
		})
		_, waiting := w.unread(dan)
		if want {
			require.ElementsMatch(t, []string{also.GetName(), l.GetName()}, seen)
			require.NoError(t, err)
			require.NoError(t, read)
			require.EqualValues(t, 2, waiting)
			return
		}
		require.Equal(t, []string{also.GetName()}, seen)
		rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
		rpctest.Failed(t, read, codes.NotFound, fault.ReasonResourceNotFound)
		require.EqualValues(t, 1, waiting)
	}
	require.NotEmpty(t, own.GetName())
	reads(true)
	for name, lose := range map[string]func() (back func()){
		"their time is over": func() func() {
			w.office.acts(person{}, n.ana)
			return func() { w.office.acts(dan, n.ana) }
		},
		"another acts": func() func() {
			w.office.acts(n.ben, n.ana)
			return func() { w.office.acts(dan, n.ana) }
		},
		"availability cannot be asked": func() func() {
			w.office.switchOff(true)
			return func() { w.office.switchOff(false) }
		},
		"the manager is another": func() func() {
			w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, n.ben.Member, uuid.New())
			return func() { w.managed(n.ben, n.ana) }
		},
		"nobody is the manager": func() func() {
			w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, n.ben.Member, uuid.Nil)
			return func() { w.managed(n.ben, n.ana) }
		},
		"they are a guest": func() func() {
			w.exec(`UPDATE members SET role = 1 WHERE member_id = $1`, dan.Member)
			w.managed(n.ana, n.ben)
			return func() {
				w.exec(`UPDATE members SET role = 2 WHERE member_id = $1`, dan.Member)
				w.managed(n.ana, dan)
			}
		},
	} {
		t.Log(name)
		back := lose()
		if name == "they are a guest" {
			require.Empty(t, w.list(dan, ""))
		} else {
			reads(false)
		}
		back()
		reads(true)
	}
}

// What is held of one who no longer acts is cancelled when it would be sent, without its words.
func TestWhoNoLongerActsGetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, dan := w.absence()
	require.NoError(t, w.clock.Set(local(london, 1, 20, 0)))
	l := w.leave(n.ben).requestFor(n.ana, dan)
	w.settle()
	held := w.only(dan, "APPROVING")
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(held).GetDecision())
	w.office.acts(person{}, n.ana)
	w.desk.stands(l.GetName(), dan.Member, domain.SourceState{Gone: true})
	w.to(local(london, 2, 9, 15))
	cancelled := w.events("NotificationCancelled")
	require.Len(t, cancelled, 1)
	told := cancelled[0].payload.(*notificationsv1.NotificationCancelled)
	require.Equal(t, held.GetName(), told.GetNotification().GetName())
	require.Empty(t, told.GetNotification().GetTitle()+told.GetNotification().GetExcerpt())
	letters := w.post.letters()
	require.Len(t, letters, 1, "Ana's")
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(w.only(n.ana, "APPROVING")).GetState())
}

// Only who acts by the time that it is told, and may, is told; and once, where they decide themselves.
func TestWhoIsNotToldInAnothersPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, dan := w.absence()
	guest, boss := w.member(n.ws, auth.Guest, "guest", london), w.member(n.ws, auth.Admin, "boss", london)
	w.office.acts(person{}, n.ana)
	w.leave(n.ben).requestFor(n.ana, dan)
	w.settle()
	require.Empty(t, w.list(dan, ""))
	w.office.acts(guest, n.ana)
	w.leave(n.ben).requestFor(n.ana, guest)
	w.settle()
	require.Empty(t, w.list(guest, ""))
	w.office.acts(dan, n.ana)
	w.office.switchOff(true)
	w.leave(n.ben).requestFor(n.ana, dan)
	w.office.switchOff(false)
	w.settle()
	require.Len(t, w.list(dan, ""), 1)
	require.Len(t, w.list(n.ana, ""), 3)

	// The manager has left: the administrators decide, and who acts for the manager still may.
	w.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, n.ana.Member)
	w.leave(n.ben).requestFor(n.ana, dan)
	w.settle()
	require.Len(t, w.list(dan, ""), 2)
	require.Len(t, w.list(boss, ""), 1)
	w.office.acts(boss, n.ana)
	w.leave(n.ben).requestFor(n.ana, boss)
	w.settle()
	require.Len(t, w.list(boss, ""), 2)
	require.Equal(t, "Ben asks you to approve or decline their time off", w.list(boss, "")[0].GetSummary())
}

// A request that is told of again waits for the new manager, and for nobody before them.
func TestARequestFollowsTheManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, dan := w.absence()
	boss, mia := w.member(n.ws, auth.Admin, "boss", london), w.member(n.ws, auth.Member, "mia", london)
	require.NoError(t, w.clock.Set(local(london, 1, 20, 0)))
	l := w.leave(n.ben).requestFor(n.ana, dan)
	w.settle()
	again := func(m person) {
		t.Helper()
		w.clock.Advance(time.Minute)
		manager := ""
		w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, n.ben.Member, m.Member)
		if m.Member != uuid.Nil {
			manager = m.name()
		}
		w.publish("availability", "services/availability", l.requested(manager))
		w.settle()
	}
	passed := func(p person) {
		t.Helper()
		var row struct {
			waiting bool
			reason  string
		}
		require.NoError(t, w.db.Owner.Pool().QueryRow(t.Context(), `SELECT waiting, settled_reason FROM notifications WHERE recipient_id = $1`,
			p.Member).Scan(&row.waiting, &row.reason))
		require.False(t, row.waiting, p.handle)
		require.Equal(t, "another decides", row.reason)
		require.Empty(t, w.list(p, "reason = APPROVING AND waiting = true"), p.handle)
	}
	again(mia)
	got := w.only(mia, "APPROVING")
	require.True(t, got.GetWaiting())
	require.Equal(t, n.ben.name(), got.GetActor(), "it is his request")
	passed(n.ana)
	passed(dan)
	require.Empty(t, w.list(n.ana, ""), "she may no longer read it")
	require.Len(t, w.events("NotificationCancelled"), 2)

	again(person{}) // nobody: the administrators decide
	passed(mia)
	require.True(t, w.only(boss, "APPROVING").GetWaiting())
	w.publish("availability", boss.name(), l.approved(boss))
	w.settle()
	require.Equal(t, "approved", w.only(boss, "APPROVING").GetSettledReason())
	w.to(local(london, 2, 9, 15))
	require.Empty(t, w.post.letters())
}
