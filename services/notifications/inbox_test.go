package notifications

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

func paths(all ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: all} }

func (w *world) markRead(p person, requestID string, all ...*notificationsv1.Notification) (*notificationsv1.MarkNotificationsReadResponse, error) {
	req := &notificationsv1.MarkNotificationsReadRequest{Parent: domain.WorkspaceName(p.Workspace), RequestId: requestID}
	for _, n := range all {
		req.Names = append(req.Names, n.GetName())
	}
	return w.inbox.MarkNotificationsRead(p.ctx, req)
}

func (w *world) counts(p person) *notificationsv1.InboxCounts {
	w.t.Helper()
	counts, err := w.inbox.GetInboxCounts(p.ctx, &notificationsv1.GetInboxCountsRequest{Name: domain.WorkspaceName(p.Workspace) + "/inboxCounts"})
	require.NoError(w.t, err)
	return counts
}

// Pages, filters and counts of an inbox; what may no longer be read is hidden from all of them.
func TestTheInbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	secret := w.space(n.ws, true)
	w.grant(n.ws, secret, n.ben.Member, auth.Reader)
	var wanted []string
	thread := w.thread(n.ws, n.space)
	for i := range 5 {
		w.clock.Advance(time.Second)
		thread.mention(n.ana, []notificationsv1.Notification_Urgency{normal, high}[i%2], n.ben.name())
		w.settle()
		wanted = append([]string{w.list(n.ben, "")[0].GetName()}, wanted...)
	}
	a := thread.ask(n.ana, normal, n.ben).open()
	w.thread(n.ws, secret).mention(n.ana, normal, n.ben.name())
	w.settle()
	var pages int
	var got []string
	req := &notificationsv1.ListNotificationsRequest{Parent: domain.WorkspaceName(n.ws), PageSize: 2, Filter: "reason = MENTIONED AND context = \"" + thread.name + "\""}
	for {
		resp, err := w.inbox.ListNotifications(n.ben.ctx, req)
		require.NoError(t, err)
		for _, one := range resp.GetNotifications() {
			got = append(got, one.GetName())
		}
		pages++
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, wanted, got)
	require.Equal(t, 3, pages)

	counts := w.counts(n.ben)
	require.EqualValues(t, 7, counts.GetUnreadCount())
	require.EqualValues(t, 1, counts.GetWaitingCount())
	require.Equal(t, "ASKED MENTIONED", counts.GetUnreadByReason()[0].GetReason().String()+" "+counts.GetUnreadByReason()[1].GetReason().String())
	require.EqualValues(t, 6, counts.GetUnreadByReason()[1].GetCount())
	w.grant(n.ws, secret, n.ben.Member, auth.NoRight)
	require.EqualValues(t, 6, w.counts(n.ben).GetUnreadCount())
	require.Len(t, w.list(n.ben, ""), 6)

	for filter, want := range map[string]int{
		"urgency = HIGH": 2, "urgency != HIGH": 4, "waiting = true": 1, "waiting = false": 5, "waiting != true": 5, "state = UNREAD": 6,
		"state = READ": 0, "state = DONE": 0, "snoozed = true": 0, `source = "` + a.GetName() + `"`: 1, "reason != ASKED": 5,
		"waiting = true AND urgency = HIGH": 0,
	} {
		require.Len(t, w.list(n.ben, filter), want, filter)
	}
	for _, filter := range []string{"nothing = 1", "state = GONE", "urgency > LOW", `source = "x"`} {
		_, err := w.inbox.ListNotifications(n.ben.ctx, &notificationsv1.ListNotificationsRequest{Parent: domain.WorkspaceName(n.ws), Filter: filter})
		rpctest.FailedField(t, err, fault.ReasonFilterInvalid, "filter")
	}
	require.Empty(t, w.list(n.ana, ""), "an inbox is its owner's")
	_, err := w.inbox.GetNotification(n.ana.ctx, &notificationsv1.GetNotificationRequest{Name: wanted[0]})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	one, err := w.inbox.GetNotification(n.ben.ctx, &notificationsv1.GetNotificationRequest{Name: wanted[0]})
	require.NoError(t, err)
	require.Equal(t, wanted[0], one.GetName())
	w.exec(`UPDATE spaces SET visibility = 2 WHERE space_id = $1`, n.space)
	_, err = w.inbox.GetNotification(n.ben.ctx, &notificationsv1.GetNotificationRequest{Name: wanted[0]})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.inbox.ExplainNotification(n.ben.ctx, &notificationsv1.ExplainNotificationRequest{Name: wanted[0]})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	w.directory.set(errDirectoryAway)
	_, err = w.inbox.GetNotification(n.ben.ctx, &notificationsv1.GetNotificationRequest{Name: wanted[0]})
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
}

// Reading and putting away cancel what was held, all or nothing, and once however often they are sent.
func TestReadAndDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	thread := w.thread(n.ws, n.space)
	a := thread.ask(n.ana, normal, n.ben).open()
	thread.mention(n.ana, normal, n.ben.name())
	w.settle()
	asked, mentioned := w.only(n.ben, "ASKED"), w.only(n.ben, "MENTIONED")

	missing := &notificationsv1.Notification{Name: domain.NotificationName(n.ws, uuid.New())}
	_, err := w.markRead(n.ben, "", mentioned, missing)
	s := rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Contains(t, s.Message(), missing.GetName())
	require.Equal(t, notificationsv1.Notification_UNREAD, w.only(n.ben, "MENTIONED").GetState(), "then none is changed")
	_, err = w.markRead(n.ana, "", mentioned)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	id := uuid.NewString()
	for range 2 {
		resp, err := w.markRead(n.ben, id, mentioned, asked)
		require.NoError(t, err)
		require.Equal(t, mentioned.GetName(), resp.GetNotifications()[0].GetName(), "in the request's order")
		for _, one := range resp.GetNotifications() {
			require.Equal(t, notificationsv1.Notification_READ, one.GetState())
			require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(one).GetState())
		}
	}
	require.Len(t, w.events("NotificationRead"), 2)
	require.Len(t, w.events("NotificationCancelled"), 2)
	require.EqualValues(t, 0, w.counts(n.ben).GetUnreadCount())
	require.EqualValues(t, 1, w.counts(n.ben).GetWaitingCount(), "an ask stays open all the same")
	_, err = w.markRead(n.ben, id, mentioned)
	rpctest.FailedField(t, err, fault.ReasonRequestIDReused, "request_id")

	for range 2 {
		done, err := w.inbox.MarkNotificationDone(n.ben.ctx, &notificationsv1.MarkNotificationDoneRequest{Name: asked.GetName(), RequestId: id})
		require.NoError(t, err)
		require.Equal(t, notificationsv1.Notification_DONE, done.GetState())
		require.True(t, done.GetWaiting())
	}
	require.Len(t, w.list(n.ben, ""), 1)
	require.Len(t, w.list(n.ben, "state = DONE"), 1)
	require.EqualValues(t, 1, w.counts(n.ben).GetWaitingCount())
	a.answer(n.ben, "", "yes")
	w.settle()
	require.EqualValues(t, 0, w.counts(n.ben).GetWaitingCount())
	_, err = w.inbox.MarkNotificationDone(n.ben.ctx, &notificationsv1.MarkNotificationDoneRequest{Name: missing.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	w.to(local(chicago, 1, 12, 0))
	require.Empty(t, w.delivered(n.ben))
	require.Empty(t, w.post.letters())
}

// A snoozed one is out of sight until its time, then unread, and signals in working time.
func TestSnooze(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	thread := w.thread(n.ws, n.space)
	thread.mention(n.ana, low, n.ben.name())
	w.settle()
	one := w.only(n.ben, "MENTIONED")
	snooze := func(name string, at time.Time) (*notificationsv1.Notification, error) {
		req := &notificationsv1.SnoozeNotificationRequest{Name: name, RequestId: uuid.NewString()}
		if !at.IsZero() {
			req.SnoozeTime = timestamppb.New(at)
		}
		first, err := w.inbox.SnoozeNotification(n.ben.ctx, req)
		if err == nil {
			again, err := w.inbox.SnoozeNotification(n.ben.ctx, req)
			require.NoError(t, err)
			require.Equal(t, first.GetVersion(), again.GetVersion(), "once")
		}
		return first, err
	}
	for _, wrong := range []time.Time{w.clock.Now(), w.clock.Now().Add(-time.Hour), w.clock.Now().AddDate(1, 0, 3)} {
		_, err := snooze(one.GetName(), wrong)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "snooze_time")
	}
	_, err := snooze(domain.NotificationName(n.ws, uuid.New()), time.Time{})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	w.office.switchOff(true)
	_, err = snooze(one.GetName(), time.Time{})
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	w.office.switchOff(false)

	snoozed, err := snooze(one.GetName(), time.Time{})
	require.NoError(t, err)
	require.Equal(t, local(chicago, 1, 9, 0), snoozed.GetSnoozeTime().AsTime(), "the next working morning")
	require.Equal(t, notificationsv1.Delivery_CANCELLED, mailed(snoozed).GetState())
	require.Empty(t, w.list(n.ben, ""))
	require.Len(t, w.list(n.ben, "snoozed = true"), 1)
	require.EqualValues(t, 1, w.counts(n.ben).GetSnoozedCount())
	require.EqualValues(t, 0, w.counts(n.ben).GetUnreadCount())
	_, err = w.markRead(n.ben, "", one)
	require.NoError(t, err)
	w.desk.stands(one.GetSource(), n.ben.Member, domain.SourceState{Read: true})
	w.to(local(chicago, 1, 9, 0))
	back := w.only(n.ben, "MENTIONED")
	require.Equal(t, notificationsv1.Notification_UNREAD, back.GetState())
	require.Nil(t, back.GetSnoozeTime())
	require.Len(t, w.delivered(n.ben), 1, "though it is LOW, and was read")

	// Until an instant of the night: it comes back then, and signals in the morning.
	_, err = snooze(one.GetName(), local(chicago, 1, 22, 0))
	require.NoError(t, err)
	w.to(local(chicago, 1, 23, 0))
	back = w.only(n.ben, "MENTIONED")
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(back).GetDecision())
	require.Equal(t, local(chicago, 2, 9, 0), inApp(back).GetDeliverTime().AsTime())
	require.Len(t, w.delivered(n.ben), 1)
	w.to(local(chicago, 2, 9, 0))
	require.Len(t, w.delivered(n.ben), 2)
	w.audit()

	w.office.leave(n.ben.Member, w.clock.Now(), w.clock.Now().AddDate(0, 0, 120))
	_, err = snooze(one.GetName(), time.Time{})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonNoWorkingTime)
}

// What was decided, and why, is told in words with the recipient's local times.
func TestExplain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.thread(n.ws, n.space).ask(n.ana, high, n.ben).open()
	w.to(local(chicago, 1, 9, 0))
	one := w.only(n.ben, "ASKED")
	resp, err := w.inbox.ExplainNotification(n.ben.ctx, &notificationsv1.ExplainNotificationRequest{Name: one.GetName()})
	require.NoError(t, err)
	require.Equal(t, "You are asked for something. Ana asks you for a reply.", resp.GetConcern())
	require.Len(t, resp.GetDeliveries(), 2)
	require.Equal(t, []string{
		"Tuesday, 1 December 2026, 03:00 (America/Chicago), in-app: held until Tuesday, 1 December 2026, 09:00. It is 03:00 for Ben (America/Chicago), outside working time. It is held until Ben next works: Tuesday, 1 December 2026, 09:00.",
		"Tuesday, 1 December 2026, 03:00 (America/Chicago), mail: held until Tuesday, 1 December 2026, 09:00. It is 03:00 for Ben (America/Chicago), outside working time. It is held until Ben next works: Tuesday, 1 December 2026, 09:00.",
		"Tuesday, 1 December 2026, 09:00 (America/Chicago), in-app: to be sent at once. Ben works now: it is 09:00 (America/Chicago), and working time lasts until 17:00. HIGH interrupts in working time.",
		"Tuesday, 1 December 2026, 09:00 (America/Chicago), mail: to be sent at once. Ben works now: it is 09:00 (America/Chicago), and working time lasts until 17:00. HIGH interrupts in working time.",
		"Tuesday, 1 December 2026, 09:00 (America/Chicago), in-app: sent.",
		"Tuesday, 1 December 2026, 09:00 (America/Chicago), mail: sent.",
	}, resp.GetHistory())
}

// A sender sees what would happen, by the rules and by working time, not by what the recipient has chosen.
func TestPreview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	preview := func(p person, urgency notificationsv1.Notification_Urgency, to ...person) (*notificationsv1.PreviewDeliveryResponse, error) {
		return w.inbox.PreviewDelivery(p.ctx, &notificationsv1.PreviewDeliveryRequest{
			Parent: domain.WorkspaceName(n.ws), Recipients: names(to), Urgency: urgency,
		})
	}
	_, err := w.prefs.UpdateNotificationPreferences(n.ben.ctx, &notificationsv1.UpdateNotificationPreferencesRequest{
		NotificationPreferences: &notificationsv1.NotificationPreferences{
			Name:     n.ben.name() + "/notificationPreferences",
			Channels: []*notificationsv1.UrgencyChannels{{Urgency: high}},
		},
	})
	require.NoError(t, err)
	resp, err := preview(n.ana, high, n.ben, n.ana)
	require.NoError(t, err)
	require.Len(t, resp.GetPreviews(), 2)
	ben, ana := resp.GetPreviews()[0], resp.GetPreviews()[1]
	require.Equal(t, n.ben.name(), ben.GetRecipient())
	require.Equal(t, notificationsv1.Delivery_DEFERRED, ben.GetDeliveries()[0].GetDecision())
	require.Equal(t, local(chicago, 1, 9, 0), ben.GetDeliveries()[0].GetDeliverTime().AsTime())
	require.Contains(t, ben.GetDeliveries()[0].GetExplanation(), "It is 03:00 for Ben")
	require.Equal(t, notificationsv1.Delivery_NOW, ana.GetDeliveries()[1].GetDecision())
	resp, err = preview(n.ana, 0, n.ben)
	require.NoError(t, err)
	require.Equal(t, notificationsv1.Delivery_DIGEST, resp.GetPreviews()[0].GetDeliveries()[1].GetDecision(), "NORMAL when not given")

	ghost := person{Caller: rpctest.Member(n.ws, auth.Member)}
	_, err = preview(n.ana, normal, n.ben, ghost)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = preview(n.ana, normal, person{Caller: rpctest.Member(uuid.New(), auth.Member)})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "recipients[0]")
	w.office.switchOff(true)
	_, err = preview(n.ana, normal, n.ben)
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	guest := w.member(n.ws, auth.Guest, "guest", london)
	_, err = preview(guest, normal, n.ben)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	require.Empty(t, w.list(n.ben, ""))
}

// How a member wants to be reached: their own, with an etag, once; a change applies to what is held.
func TestPreferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	admin := w.member(n.ws, auth.Admin, "admin", london)
	get := func(p person, name string) (*notificationsv1.NotificationPreferences, error) {
		return w.prefs.GetNotificationPreferences(p.ctx, &notificationsv1.GetNotificationPreferencesRequest{Name: name})
	}
	name := n.ben.name() + "/notificationPreferences"
	defaults, err := get(n.ben, domain.WorkspaceName(n.ws)+"/members/me/notificationPreferences")
	require.NoError(t, err)
	require.Equal(t, name, defaults.GetName())
	require.EqualValues(t, 15, defaults.GetCollapseMinutes())
	require.Empty(t, defaults.GetChannels())
	require.Nil(t, defaults.GetUpdateTime())
	_, err = get(n.ana, name)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = get(admin, name)
	require.NoError(t, err)
	_, err = get(admin, domain.PreferencesName(n.ws, uuid.New()))
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	muted := w.thread(n.ws, n.space)
	muted.mention(n.ana, normal, n.ben.name())
	muted.ask(n.ana, normal, n.ben).open()
	w.settle()
	update := func(p person, etag, id string, change *notificationsv1.NotificationPreferences, mask *fieldmaskpb.FieldMask) (*notificationsv1.NotificationPreferences, error) {
		change.Name, change.Etag = name, etag
		return w.prefs.UpdateNotificationPreferences(p.ctx, &notificationsv1.UpdateNotificationPreferencesRequest{
			NotificationPreferences: change, UpdateMask: mask, RequestId: id,
		})
	}
	id := uuid.NewString()
	for range 2 {
		changed, err := update(n.ben, defaults.GetEtag(), id, &notificationsv1.NotificationPreferences{Muted: []string{muted.name}}, paths("muted"))
		require.NoError(t, err)
		require.EqualValues(t, 1, changed.GetVersion())
		require.Equal(t, []string{muted.name}, changed.GetMuted())
		require.EqualValues(t, 15, changed.GetCollapseMinutes(), "what is not named stays")
		require.NotNil(t, changed.GetUpdateTime())
	}
	_, err = update(n.ben, defaults.GetEtag(), "", &notificationsv1.NotificationPreferences{}, paths("muted"))
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	_, err = update(n.ana, "", "", &notificationsv1.NotificationPreferences{}, paths("muted"))
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = update(n.ben, "", "", &notificationsv1.NotificationPreferences{}, paths("version"))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "update_mask")
	_, err = update(n.ben, "", "", &notificationsv1.NotificationPreferences{Channels: []*notificationsv1.UrgencyChannels{{Urgency: urgent}}}, nil)
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "notification_preferences.channels[0].channels")
	_, err = update(n.ben, "", "", &notificationsv1.NotificationPreferences{Channels: []*notificationsv1.UrgencyChannels{{Urgency: low}, {Urgency: low}}}, paths("*"))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "notification_preferences.channels[1].urgency")
	_, err = update(n.ben, "", "", &notificationsv1.NotificationPreferences{Muted: []string{domain.WorkspaceName(uuid.New()) + "/threads/" + uuid.NewString()}}, paths("muted"))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "notification_preferences.muted[0]")
	changes := w.events("PreferencesChanged")
	require.Len(t, changes, 1)
	require.Equal(t, name, changes[0].aggregate)

	w.settle()
	mention := w.only(n.ben, "MENTIONED")
	for _, d := range mention.GetDeliveries() {
		require.Equal(t, notificationsv1.Delivery_SUPPRESSED, d.GetDecision(), "it was held, and is muted now")
		require.Contains(t, d.GetExplanation(), "Ben has muted this")
	}
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(w.only(n.ben, "ASKED")).GetDecision(), "an ask still interrupts")

	all, err := update(n.ben, "", "", &notificationsv1.NotificationPreferences{
		Channels:        []*notificationsv1.UrgencyChannels{{Urgency: normal, Channels: []notificationsv1.Channel_Kind{notificationsv1.Channel_EMAIL}}},
		CollapseMinutes: 30,
	}, nil)
	require.NoError(t, err)
	require.Empty(t, all.GetMuted(), "all of them when no mask is given")
	require.Equal(t, normal, all.GetChannels()[0].GetUrgency())
	w.settle()
	require.Equal(t, notificationsv1.Delivery_SUPPRESSED, inApp(w.only(n.ben, "ASKED")).GetDecision())
	require.Equal(t, notificationsv1.Delivery_DIGEST, mailed(w.only(n.ben, "ASKED")).GetDecision())
}

// A page costs what it costs however long the inbox is; names in one workspace only.
func TestNamesOfAnotherWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, other := w.night(), w.night()
	w.thread(other.ws, other.space).mention(other.ana, normal, other.ben.name())
	w.settle()
	theirs := w.only(other.ben, "MENTIONED")
	_, err := w.inbox.GetNotification(n.ben.ctx, &notificationsv1.GetNotificationRequest{Name: theirs.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.inbox.MarkNotificationsRead(n.ben.ctx, &notificationsv1.MarkNotificationsReadRequest{
		Parent: domain.WorkspaceName(n.ws), Names: []string{theirs.GetName()},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "names["+strconv.Itoa(0)+"]")
}
