package notifications

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// leave is a time off from Monday, 7 to Friday, 11 December 2026, as its owner knows it.
type leave struct {
	*availabilityv1.TimeOff
	w *world
	p person
}

func (w *world) leave(p person) *leave {
	return &leave{w: w, p: p, TimeOff: &availabilityv1.TimeOff{
		Name: p.name() + "/timeOffs/" + uuid.Must(uuid.NewV7()).String(), Kind: availabilityv1.TimeOff_SICK, Note: "my *knee*",
		StartDate: &date.Date{Year: 2026, Month: 12, Day: 7}, EndDate: &date.Date{Year: 2026, Month: 12, Day: 11},
		State: availabilityv1.TimeOff_REQUESTED,
	}}
}

// starts is when the leave of somebody in Chicago does.
func starts() time.Time { return local(chicago, 7, 0, 0) }

func (l *leave) requested(manager string) *availabilityv1.TimeOffRequested {
	return &availabilityv1.TimeOffRequested{
		TimeOff: clone(l.TimeOff), Member: l.p.name(), Version: l.w.version(l.p.name()), Manager: manager, StartTime: timestamppb.New(starts()),
	}
}

func (l *leave) request(manager string) *leave {
	l.w.publish("availability", l.p.name(), l.requested(manager))
	return l
}

func (l *leave) approved(by person) *availabilityv1.TimeOffApproved {
	l.State, l.DecidedBy = availabilityv1.TimeOff_APPROVED, by.name()
	return &availabilityv1.TimeOffApproved{TimeOff: clone(l.TimeOff), Member: l.p.name(), Version: l.w.version(l.p.name())}
}

func (l *leave) decline(by person, reason string) {
	l.State, l.DecidedBy, l.DeclineReason = availabilityv1.TimeOff_DECLINED, by.name(), reason
	l.w.publish("availability", by.name(), &availabilityv1.TimeOffDeclined{
		TimeOff: clone(l.TimeOff), Member: l.p.name(), Version: l.w.version(l.p.name()),
	})
}

func (l *leave) cancel(by person) {
	l.State = availabilityv1.TimeOff_CANCELLED
	l.w.publish("availability", by.name(), &availabilityv1.TimeOffCancelled{
		TimeOff: clone(l.TimeOff), Member: l.p.name(), Version: l.w.version(l.p.name()),
	})
}

// managed has somebody report to another.
func (w *world) managed(member, manager person) {
	w.t.Helper()
	w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, member.Member, manager.Member)
}

// A request stands in the manager's inbox at once, interrupts in their working time, and ends with the decision, which the
// member hears in theirs.
func TestATimeOffIsAskedForAndApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	mia, boss := w.member(n.ws, auth.Member, "mia", "Asia/Kolkata"), w.member(n.ws, auth.Admin, "boss", london)
	w.managed(n.ben, mia)
	w.to(local("Asia/Kolkata", 1, 20, 0)) // her evening, and Ben's morning
	l := w.leave(n.ben)
	m := l.requested(mia.name())
	w.publishTwice("availability", n.ben.name(), m, 2)
	w.settle()
	got := w.only(mia, "APPROVING")
	require.Equal(t, l.GetName(), got.GetSource())
	require.Equal(t, l.GetName(), got.GetContext())
	require.Empty(t, got.GetSpace())
	require.Equal(t, "Ben asks you to approve or decline their time off", got.GetSummary())
	require.Equal(t, "Time off: Mon 7 Dec to Fri 11 Dec 2026", got.GetTitle())
	require.Equal(t, "my knee", got.GetExcerpt(), "she decides on it, and may read why")
	require.Equal(t, normal, got.GetUrgency())
	require.Equal(t, n.ben.name(), got.GetActor())
	require.Equal(t, starts(), got.GetDueTime().AsTime())
	require.True(t, got.GetWaiting())
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(got).GetDecision())
	require.Equal(t, local("Asia/Kolkata", 2, 9, 0), inApp(got).GetDeliverTime().AsTime())
	require.Equal(t, notificationsv1.Delivery_DIGEST, mailed(got).GetDecision())
	require.Empty(t, w.list(n.ben, ""))
	require.Empty(t, w.list(boss, ""), "the manager decides")
	counts, err := w.inbox.GetInboxCounts(mia.ctx, &notificationsv1.GetInboxCountsRequest{Name: domain.WorkspaceName(n.ws) + "/inboxCounts"})
	require.NoError(t, err)
	require.EqualValues(t, 1, counts.GetWaitingCount())
	require.EqualValues(t, 1, counts.GetUnreadCount())
	require.Len(t, w.list(mia, `waiting = true AND source = "`+l.GetName()+`"`), 1)

	w.to(local("Asia/Kolkata", 2, 9, 15))
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(w.only(mia, "APPROVING")).GetState())
	letters := w.post.letters()
	require.Len(t, letters, 1, "with the digest of her morning")
	require.Contains(t, letters[0].text, "Ben asks you to approve or decline their time off")
	require.Contains(t, letters[0].text, "Due Monday, 7 December 2026, 11:30")

	w.publish("availability", mia.name(), l.approved(mia)) // Ben's night
	w.settle()
	settled := w.only(mia, "APPROVING")
	require.False(t, settled.GetWaiting())
	require.Equal(t, "approved", settled.GetSettledReason())
	decided := w.only(n.ben, "DECIDED")
	require.Equal(t, "Mia approved your time off", decided.GetSummary())
	require.Equal(t, "Time off: Mon 7 Dec to Fri 11 Dec 2026", decided.GetTitle())
	require.Empty(t, decided.GetExcerpt())
	require.False(t, decided.GetWaiting())
	require.Equal(t, local(chicago, 2, 9, 0), inApp(decided).GetDeliverTime().AsTime())
	w.desk.stands(l.GetName(), n.ben.Member, domain.SourceState{})
	w.to(local(chicago, 2, 9, 0))
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(w.only(n.ben, "DECIDED")).GetState())
	require.Empty(t, w.list(boss, ""))
	explained, err := w.inbox.ExplainNotification(n.ben.ctx, &notificationsv1.ExplainNotificationRequest{Name: decided.GetName()})
	require.NoError(t, err)
	require.Equal(t, "Your request for time off was decided on. Mia approved your time off.", explained.GetConcern())
	read, err := w.inbox.MarkNotificationsRead(n.ben.ctx, &notificationsv1.MarkNotificationsReadRequest{
		Parent: domain.WorkspaceName(n.ws), Names: []string{decided.GetName()},
	})
	require.NoError(t, err)
	require.Equal(t, notificationsv1.Notification_READ, read.GetNotifications()[0].GetState())
	w.audit()
}

// Without a manager who may, the administrators decide; a service account is none of them.
func TestWhoDecidesWithoutAManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	boss, owner, robot := w.member(n.ws, auth.Admin, "boss", london), w.member(n.ws, auth.Owner, "owner", london), w.member(n.ws, auth.Admin, "robot", london)
	left, guest := w.member(n.ws, auth.Member, "left", london), w.member(n.ws, auth.Guest, "guest", london)
	w.exec(`UPDATE members SET kind = 2 WHERE member_id = $1`, robot.Member)
	w.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, left.Member)
	for i, manager := range []string{"", left.name(), guest.name()} {
		if manager != "" {
			w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, n.ben.Member, uuid.MustParse(domain.LastID(manager)))
		}
		l := w.leave(n.ben).request(manager)
		w.settle()
		for _, p := range []person{boss, owner} {
			require.Len(t, w.list(p, "reason = APPROVING"), i+1, p.handle)
		}
		for _, p := range []person{n.ana, n.ben, robot, guest} {
			require.Empty(t, w.list(p, ""), p.handle)
		}
		// One of them decides for all.
		l.decline(boss, "We *move* that week")
		w.settle()
		for _, p := range []person{boss, owner} {
			require.Equal(t, "declined", w.list(p, `source = "`+l.GetName()+`"`)[0].GetSettledReason())
			require.Equal(t, notificationsv1.Delivery_CANCELLED, mailed(w.list(p, `source = "`+l.GetName()+`"`)[0]).GetState())
		}
		declined := w.list(n.ben, `source = "`+l.GetName()+`"`)
		require.Len(t, declined, 1)
		require.Equal(t, "Boss declined your time off", declined[0].GetSummary())
		require.Equal(t, "We move that week", declined[0].GetExcerpt())
		w.exec(`DELETE FROM notifications WHERE recipient_id = $1`, n.ben.Member)
	}
}

// Nobody is told of what nobody asked for, nor of their own act.
func TestWhoIsNotToldOfATimeOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	boss := w.member(n.ws, auth.Admin, "boss", london)
	own := w.leave(boss)
	own.State = availabilityv1.TimeOff_APPROVED
	w.publish("availability", boss.name(), &availabilityv1.TimeOffApproved{TimeOff: own.TimeOff, Member: boss.name(), Version: w.version(boss.name())})
	asked := w.leave(boss).request("")
	w.settle()
	w.publish("availability", boss.name(), asked.approved(boss))
	w.settle()
	for _, p := range []person{boss, n.ana, n.ben} {
		require.Empty(t, w.list(p, ""), p.handle)
	}
}

// What was asked for and taken back again waits for nobody; and who may no longer decide sees and gets nothing of it.
func TestARequestThatNoLongerWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.managed(n.ana, n.ben)
	l := w.leave(n.ana).request(n.ben.name())
	w.settle()
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(w.only(n.ben, "APPROVING")).GetDecision(), "his night")
	l.cancel(n.ana)
	w.settle()
	taken := w.only(n.ben, "APPROVING")
	require.Equal(t, "cancelled", taken.GetSettledReason())
	require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(taken).GetState())
	require.Equal(t, "It no longer waits: cancelled.", inApp(taken).GetExplanation())

	for name, lose := range map[string]func(l *leave){
		"by the projection here": func(*leave) {
			w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, n.ana.Member, uuid.New())
		},
		"by the projection here, for nobody": func(*leave) {
			w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, n.ana.Member, uuid.Nil)
		},
		"by the owner": func(l *leave) { w.desk.stands(l.GetName(), n.ben.Member, domain.SourceState{Gone: true}) },
		"decided meanwhile": func(l *leave) {
			w.desk.stands(l.GetName(), n.ben.Member, domain.SourceState{Settled: "approved"})
		},
	} {
		w.managed(n.ana, n.ben)
		l := w.leave(n.ana).request(n.ben.name())
		w.settle()
		require.Len(t, w.list(n.ben, `source = "`+l.GetName()+`"`), 1, name)
		held := w.list(n.ben, `source = "`+l.GetName()+`"`)[0]
		lose(l)
		w.to(inApp(held).GetDeliverTime().AsTime())
		cancelled := w.events("NotificationCancelled")
		last := cancelled[len(cancelled)-1].payload.(*notificationsv1.NotificationCancelled)
		require.Equal(t, held.GetName(), last.GetNotification().GetName(), name)
		require.NoError(t, w.clock.Set(w.clock.Now().Add(10*time.Hour))) // the night after
		if name == "decided meanwhile" {
			require.Equal(t, "It no longer waits: approved.", last.GetReason())
			continue
		}
		require.Empty(t, last.GetNotification().GetTitle()+last.GetNotification().GetExcerpt(), name)
		if strings.HasPrefix(name, "by the projection here") {
			require.Empty(t, w.list(n.ben, `source = "`+l.GetName()+`"`), "the inbox hides what he may no longer read")
			_, err := w.inbox.GetNotification(n.ben.ctx, &notificationsv1.GetNotificationRequest{Name: held.GetName()})
			require.Error(t, err)
		}
	}
	require.Empty(t, w.post.letters())
}

// While its owner cannot be asked, what is about a time off is held, and sent once it can.
func TestATimeOffIsHeldWhileItsOwnerIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.managed(n.ben, n.ana)
	w.desk.switchOff(domain.Availability, true)
	w.leave(n.ben).request(n.ana.name())
	w.settle()
	require.Equal(t, notificationsv1.Delivery_PENDING, inApp(w.only(n.ana, "APPROVING")).GetState())
	w.desk.switchOff(domain.Availability, false)
	require.Eventually(t, func() bool {
		return inApp(w.only(n.ana, "APPROVING")).GetState() == notificationsv1.Delivery_SENT
	}, 20*time.Second, 20*time.Millisecond)
}

// Events of a time off overtake each other.
func TestARequestThatComesAfterItsDecision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.managed(n.ben, n.ana)
	l := w.leave(n.ben)
	first := l.requested(n.ana.name())
	w.publish("availability", n.ana.name(), l.approved(n.ana))
	w.settle()
	w.publish("availability", n.ben.name(), first)
	w.settle()
	late := w.only(n.ana, "APPROVING")
	require.False(t, late.GetWaiting())
	require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(late).GetState())
	w.only(n.ben, "DECIDED")
}

// Who decides is reminded when three quarters of the time until the start are gone.
func TestAReminderOfARequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.managed(n.ben, n.ana)
	w.leave(n.ben).request(n.ana.name())
	w.settle()
	w.to(epoch.Add(starts().Sub(epoch) / 4 * 3))
	reminded := w.only(n.ana, "REMINDED")
	require.Equal(t, "Reminder: Ben asks you to approve or decline their time off", reminded.GetSummary())
	require.Equal(t, "Time off: Mon 7 Dec to Fri 11 Dec 2026", reminded.GetTitle())
	require.True(t, reminded.GetWaiting())
}

// A manager of whom this service has not heard yet is asked about, and about whose manager they are.
func TestAManagerWhoIsNewHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	boss := w.member(n.ws, auth.Admin, "boss", london)
	w.directory.answer = func() {
		w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, n.ben.Member, n.ana.Member)
	}
	w.leave(n.ben).request(n.ana.name())
	w.settle()
	w.only(n.ana, "APPROVING")
	require.Empty(t, w.list(boss, ""))
}

// A manager who has left is not asked, though this service has not heard of that yet.
func TestAManagerWhoHasJustLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	boss := w.member(n.ws, auth.Admin, "boss", london)
	w.managed(n.ben, n.ana)
	w.directory.answer = func() { w.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, n.ana.Member) }
	w.leave(n.ben).request(n.ana.name())
	w.settle()
	w.only(boss, "APPROVING")
}
