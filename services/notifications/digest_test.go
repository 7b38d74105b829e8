package notifications

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// digests are a person's, the newest first.
func (w *world) digests(p person) []*notificationsv1.Digest {
	w.t.Helper()
	resp, err := w.inbox.ListDigests(p.ctx, &notificationsv1.ListDigestsRequest{Parent: domain.WorkspaceName(p.Workspace)})
	require.NoError(w.t, err)
	return resp.GetDigests()
}

// morning is when Ben's digest of a December day comes.
func morning(p person, day int) time.Time {
	return local(chicago, day, 9, 0).Add(domain.Spread(p.Member))
}

func following(thread, title string, space uuid.UUID, unread int, at time.Time) domain.Activity {
	return domain.Activity{Thread: thread, Title: title, Space: space, Unread: unread, Time: at}
}

// The digest of the morning after: once, at its time, in its order, as text and as HTML, with nothing of a space whose right
// was taken away a minute before.
func TestTheMorningsDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	secret := w.space(n.ws, true)
	w.grant(n.ws, secret, n.ben.Member, auth.Reader)
	w.grant(n.ws, secret, n.ana.Member, auth.Writer)
	b := w.baton(n.ws, n.space, n.ana, 1).offer(n.ben)
	thread := w.thread(n.ws, n.space)
	a := thread.ask(n.ana, normal, n.ben).open()
	a.due(local(chicago, 3, 17, 0), time.Time{}, n.ben)
	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	hidden := w.thread(n.ws, secret)
	hidden.post(n.ana, hidden.message(n.ana, normal, "A secret plan", n.ben.name()))
	read := w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.desk.follow(n.ben.Member,
		following("workspaces/w/threads/1", "Latency", n.space, 3, epoch), following(thread.name, "The night", n.space, 9, epoch),
		following("workspaces/w/threads/2", "Secrets", secret, 3, epoch))
	w.to(local(chicago, 1, 8, 59))
	w.grant(n.ws, secret, n.ben.Member, 0)
	w.desk.stands(read.GetName(), n.ben.Member, domain.SourceState{Read: true})
	planned := w.digests(n.ben)
	require.Len(t, planned, 1)
	require.Equal(t, notificationsv1.Digest_PENDING, planned[0].GetState())
	require.Equal(t, "2026-12-01", planned[0].GetLocalDate())
	require.Equal(t, morning(n.ben, 1), planned[0].GetDeliverTime().AsTime())

	w.to(local(chicago, 1, 9, 10))
	letters := w.post.letters()
	require.Len(t, letters, 1)
	require.Equal(t, "ben@meridian.test", letters[0].to)
	require.Equal(t, "Your day, Tuesday, 1 December 2026: 2 wait on you, 1 other notification, news in 1 followed thread", letters[0].subject)
	for _, body := range []string{letters[0].text, letters[0].html} {
		at := -1
		for _, words := range []string{"Ana asks you for a reply", "Due Thursday, 3 December 2026, 17:00", "Ana offers you the baton of OPS-17", "Ana mentioned you", "Relay", "Latency"} {
			next := strings.Index(body, words)
			require.Greater(t, next, at, words)
			at = next
		}
		require.NotContains(t, body, "secret")
		require.NotContains(t, body, "Secrets")
	}
	sent := w.events("DigestSent")
	require.Len(t, sent, 1)
	require.Equal(t, morning(n.ben, 1), sent[0].at)
	digest := sent[0].payload.(*notificationsv1.DigestSent).GetDigest()
	require.Len(t, digest.GetNotifications(), 3)
	require.Empty(t, digest.GetText())
	got, err := w.inbox.GetDigest(n.ben.ctx, &notificationsv1.GetDigestRequest{Name: digest.GetName()})
	require.NoError(t, err)
	require.Equal(t, letters[0].text, got.GetText())
	require.Equal(t, notificationsv1.Digest_SENT, got.GetState())
	require.Equal(t, morning(n.ben, 1), got.GetSendTime().AsTime())
	_, err = w.inbox.GetDigest(n.ana.ctx, &notificationsv1.GetDigestRequest{Name: digest.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	for _, source := range []string{a.GetName(), b.GetName()} {
		one := w.list(n.ben, `source = "`+source+`"`)[0]
		require.Equal(t, notificationsv1.Delivery_SENT, mailed(one).GetState())
		require.Equal(t, morning(n.ben, 1), mailed(one).GetSendTime().AsTime())
	}
	require.Equal(t, notificationsv1.Delivery_CANCELLED, mailed(w.list(n.ben, `source = "`+read.GetName()+`"`)[0]).GetState())
	w.audit()

	// The next day has nothing new: it is planned, and nothing is sent.
	next := w.digests(n.ben)
	require.Len(t, next, 2)
	require.Equal(t, "2026-12-02", next[0].GetLocalDate())
	w.to(local(chicago, 2, 10, 0))
	require.Len(t, w.post.letters(), 1)
	require.Equal(t, notificationsv1.Digest_EMPTY, w.digests(n.ben)[1].GetState())
	require.Empty(t, w.events("DigestSent")[1:])
}

// Who joins gets digests of what they follow, though nothing concerns them, on working days alone.
func TestFollowedAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.join(n.ben)
	bot := w.member(n.ws, auth.Member, "bot", chicago)
	w.exec(`UPDATE members SET kind = 2 WHERE member_id = $1`, bot.Member)
	w.join(bot)
	w.desk.follow(n.ben.Member, following("workspaces/w/threads/1", "Latency", n.space, 3, epoch))
	w.to(local(chicago, 1, 12, 0))
	require.Len(t, w.post.letters(), 1)
	require.Contains(t, w.post.letters()[0].text, "Latency: 3 unread messages")
	require.Empty(t, w.digests(bot), "a service account gets none")

	// What was told is not told again; what is new is.
	w.to(local(chicago, 2, 12, 0))
	require.Len(t, w.post.letters(), 1)
	w.desk.follow(n.ben.Member, following("workspaces/w/threads/1", "Latency", n.space, 5, w.clock.Now()))
	w.to(local(chicago, 7, 8, 0))
	require.Len(t, w.post.letters(), 2)
	w.to(local(chicago, 7, 12, 0))
	require.Len(t, w.digests(n.ben), 6, "no digest of Saturday and Sunday")
	for _, d := range w.digests(n.ben) {
		require.NotContains(t, []string{"2026-12-05", "2026-12-06"}, d.GetLocalDate())
	}
	require.Equal(t, "2026-12-08", w.digests(n.ben)[0].GetLocalDate())
	w.audit()
}

// At most fifty, and a count of the rest; all of it was told.
func TestALargeDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	thread := w.thread(n.ws, n.space)
	for range 53 {
		thread.mention(n.ana, low, n.ben.name())
	}
	w.to(local(chicago, 1, 9, 10))
	require.Len(t, w.post.letters(), 1)
	require.Equal(t, 50, strings.Count(w.post.letters()[0].text, "Ana mentioned you"))
	require.Contains(t, w.post.letters()[0].text, "And 3 more, in your inbox.")
	d := w.digests(n.ben)[1]
	require.Len(t, d.GetNotifications(), 50)
	require.EqualValues(t, 3, d.GetOmittedCount())
	for _, one := range w.list(n.ben, "") {
		require.Equal(t, notificationsv1.Delivery_SENT, mailed(one).GetState())
	}
}

// A day whose start moves takes its digest along, in both directions, and no day has two.
func TestADigestMovesWithItsDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.settle()
	id := w.digests(n.ben)[0].GetUid()
	shift := func(start time.Duration) {
		h := nineToFive()
		h.start = start
		w.rehours(n.ben, chicago, h)
		w.settle()
	}
	shift(11 * time.Hour)
	require.Len(t, w.digests(n.ben), 1)
	require.Equal(t, id, w.digests(n.ben)[0].GetUid())
	require.Equal(t, local(chicago, 1, 11, 0).Add(domain.Spread(n.ben.Member)), w.digests(n.ben)[0].GetDeliverTime().AsTime())
	require.Equal(t, local(chicago, 1, 11, 0).Add(domain.Spread(n.ben.Member)), mailed(w.only(n.ben, "MENTIONED")).GetDeliverTime().AsTime())
	shift(7 * time.Hour)
	w.to(local(chicago, 1, 7, 10))
	require.Len(t, w.post.letters(), 1)

	// After the digest of the day its start moves once more: the day has had its digest.
	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	w.settle()
	shift(12 * time.Hour)
	require.Equal(t, "2026-12-02", w.digests(n.ben)[0].GetLocalDate())
	w.to(local(chicago, 1, 16, 0))
	require.Len(t, w.post.letters(), 1)
	w.to(local(chicago, 2, 12, 10))
	require.Len(t, w.post.letters(), 2)
	require.Len(t, w.events("DigestSent"), 2)
	w.audit()
}

// On leave from the morning on: the digest waits for the first day back.
func TestADigestWaitsForTheDayBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.settle()
	// Nobody says so before the digest is due: it is found out then.
	w.office.leave(n.ben.Member, local(chicago, 1, 0, 0), local(chicago, 4, 0, 0))
	w.to(local(chicago, 1, 12, 0))
	require.Eventually(t, func() bool { w.settle(); return w.digests(n.ben)[0].GetLocalDate() == "2026-12-04" }, 20*time.Second, 100*time.Millisecond)
	require.Empty(t, w.post.letters())
	w.to(local(chicago, 4, 9, 10))
	require.Len(t, w.post.letters(), 1)
	w.audit()
}

// The server was down at the day's start: while it is still working time the digest is sent at once, under the date of the day
// on which it is.
func TestTheServerWasDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	w.settle()
	w.crew.stop()
	require.NoError(t, w.clock.Set(local(chicago, 1, 11, 0)))
	w.crew = w.startCrew(w.app)
	w.settle()
	require.Len(t, w.post.letters(), 1)
	require.Equal(t, "2026-12-01", w.digests(n.ben)[1].GetLocalDate())

	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	w.settle()
	w.crew.stop()
	require.NoError(t, w.clock.Set(local(chicago, 4, 11, 0))) // over two mornings, and two nights
	w.crew = w.startCrew(w.app)
	w.settle()
	require.Len(t, w.post.letters(), 2)
	require.Equal(t, "2026-12-04", w.digests(n.ben)[1].GetLocalDate())
	require.Contains(t, w.post.letters()[1].subject, "Friday, 4 December 2026")
	w.audit()
}

// The server was down over the day's end: the digest moves to the next morning.
func TestTheServerWasDownOverTheDaysEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.settle()
	w.crew.stop()
	require.NoError(t, w.clock.Set(local(chicago, 1, 20, 0)))
	w.crew = w.startCrew(w.app)
	require.Eventually(t, func() bool { w.settle(); return w.digests(n.ben)[0].GetLocalDate() == "2026-12-02" }, 20*time.Second, 100*time.Millisecond)
	require.Empty(t, w.events("NotificationDelivered"))
	w.to(local(chicago, 2, 9, 10))
	require.Len(t, w.post.letters(), 1)
	require.Len(t, w.digests(n.ben), 2, "and the next is planned")
	w.audit()
}

// Availability and the owners away at nine: the digest is held until they can be asked.
func TestADigestIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.settle()
	for i, away := range []func(down bool){
		func(down bool) { w.desk.switchOff(domain.Threads, down) }, w.office.switchOff,
		func(down bool) {
			if down {
				w.directory.set(errDirectoryAway)
				return
			}
			w.directory.set(nil)
		},
	} {
		away(true)
		w.to(local(chicago, 1, 9, 30+i))
		require.Empty(t, w.post.letters())
		if i < 2 {
			w.exec(`UPDATE digests SET lease_until = NULL`)
		}
		if i < 2 {
			continue
		}
		w.desk.switchOff(domain.Threads, false)
		w.office.switchOff(false)
		away(false)
	}
	require.Eventually(t, func() bool { w.settle(); return len(w.post.letters()) == 1 }, 20*time.Second, 100*time.Millisecond)
	w.audit()
}

// A digest that the mail server refuses for good fails with all it told of; one that it cannot take for now is tried again.
func TestARefusedDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	w.to(local(chicago, 1, 8, 59))
	w.post.refuse(&smtp.SMTPError{Code: 450, Message: "later"}, &smtp.SMTPError{Code: 550, Message: "no such user"})
	w.to(local(chicago, 1, 9, 10))
	require.Eventually(t, func() bool {
		w.settle()
		return len(w.events("DeliveryFailed")) == 1 && len(w.digests(n.ben)) == 2
	}, 20*time.Second, 100*time.Millisecond, "it failed, and the next one is planned")
	require.Equal(t, notificationsv1.Digest_FAILED, w.digests(n.ben)[1].GetState())
	require.Equal(t, notificationsv1.Delivery_FAILED, mailed(w.only(n.ben, "MENTIONED")).GetState())
	require.Empty(t, w.events("DigestSent"))
	require.Equal(t, "2026-12-02", w.digests(n.ben)[0].GetLocalDate())
}

// The process dies between the sending of a digest and its record: it comes once more, with the same id.
func TestKilledBetweenADigestAndItsRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	w.to(local(chicago, 1, 8, 59))
	w.exec(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF (SELECT count(*) FROM attempts) = 1 THEN RAISE EXCEPTION 'the process died'; END IF;
		RETURN new; END $$`)
	w.exec(`CREATE TRIGGER die BEFORE UPDATE ON attempts FOR EACH ROW EXECUTE FUNCTION die()`)
	w.to(local(chicago, 1, 9, 20))
	require.Len(t, w.post.letters(), 1)
	w.exec(`UPDATE digests SET lease_until = NULL`)
	w.settle()
	letters := w.post.letters()
	require.Len(t, letters, 2)
	require.Equal(t, letters[0].id, letters[1].id)
	require.Len(t, w.events("DigestSent"), 1)
	require.Len(t, w.digests(n.ben), 2)
}

// The digest switched off, or no mail address: what would have come with it stands in the inbox.
func TestNoDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.desk.follow(n.ben.Member, following("workspaces/w/threads/1", "Latency", n.space, 3, epoch))
	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	w.settle()
	_, err := w.prefs.UpdateNotificationPreferences(n.ben.ctx, &notificationsv1.UpdateNotificationPreferencesRequest{
		NotificationPreferences: &notificationsv1.NotificationPreferences{Name: n.ben.name() + "/notificationPreferences", DigestDisabled: true},
		UpdateMask:              paths("digest_disabled"),
	})
	require.NoError(t, err)
	w.to(local(chicago, 1, 9, 20))
	require.Empty(t, w.post.letters())
	require.Equal(t, notificationsv1.Delivery_SUPPRESSED, mailed(w.only(n.ben, "MENTIONED")).GetDecision())
	require.Equal(t, notificationsv1.Digest_EMPTY, w.digests(n.ben)[1].GetState())
}

// Pages of digests, the newest first.
func TestDigestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	for day := 1; day <= 5; day++ {
		w.exec(`INSERT INTO digests (workspace_id, digest_id, recipient_id, local_date, day_start, deliver_time, state, version, create_time, update_time)
			VALUES ($1, $2, $3, $4, $5, $5, 'SENT', 1, $5, $5)`, n.ws, uuid.New(), n.ben.Member, "2026-11-0"+strconv.Itoa(day), epoch)
	}
	var dates []string
	req := &notificationsv1.ListDigestsRequest{Parent: domain.WorkspaceName(n.ws), PageSize: 2}
	for {
		resp, err := w.inbox.ListDigests(n.ben.ctx, req)
		require.NoError(t, err)
		for _, d := range resp.GetDigests() {
			dates = append(dates, d.GetLocalDate())
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, []string{"2026-11-05", "2026-11-04", "2026-11-03", "2026-11-02", "2026-11-01"}, dates)
	_, err := w.inbox.ListDigests(n.ben.ctx, &notificationsv1.ListDigestsRequest{Parent: domain.WorkspaceName(n.ws), PageToken: "x"})
	rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
}
