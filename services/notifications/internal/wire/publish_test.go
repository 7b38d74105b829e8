package wire

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

var at = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

func sample() domain.Notification {
	id := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	return domain.Notification{
		Workspace: id(), ID: id(), Recipient: id(), Source: "s", Context: "c", Space: id(), Reason: domain.Asked, Urgency: domain.Urgent,
		Title: "T", Excerpt: "E", Summary: "S", UrgentReason: "U", Actor: id(), DueTime: at, State: domain.Seen, SnoozeTime: at, Waiting: true,
		SettledReason: "x", Version: 4, CreateTime: at, UpdateTime: at, Deliveries: []domain.Delivery{{
			Channel: domain.Email, Decision: domain.InDigest, Explanation: "why", State: domain.Failed, DeliverTime: at, DecideTime: at,
			SendTime: at, WorkingTimeVersion: 3, Attempts: 2, LastError: "no",
		}},
	}
}

// Every event of the domain has its message, goes to its person alone, and carries the version of its aggregate.
func TestEveryEventIsEncoded(t *testing.T) {
	t.Parallel()
	n := sample()
	d := domain.Digest{Workspace: n.Workspace, ID: n.ID, Recipient: n.Recipient, Date: "2026-12-01", State: domain.DigestIsSent, Version: 4, Text: "secret"}
	p := domain.Preferences{Workspace: n.Workspace, Member: n.Recipient, Version: 4}
	encode := Encoder("meridian.test")
	for kind, row := range map[string]struct {
		event     domain.Event
		aggregate string
	}{
		"notification.created":   {domain.Created{Notification: n}, n.Name()},
		"notification.delivered": {domain.Delivered{Notification: n, Channel: domain.InApp, Collapsed: 2}, n.Name()},
		"notification.deferred":  {domain.Deferred{Notification: n}, n.Name()},
		"notification.cancelled": {domain.Cancelled{Notification: n, Reason: "r"}, n.Name()},
		"notification.read":      {domain.Read{Notification: n}, n.Name()},
		"digest.sent":            {domain.DigestSent{Digest: d}, domain.DigestName(n.Workspace, n.ID)},
		"delivery.failed":        {domain.DeliveryFailed{Notification: n, Channel: domain.Email, Error: "no"}, n.Name()},
		"preferences.changed":    {domain.PreferencesChanged{Preferences: p}, domain.PreferencesName(n.Workspace, n.Recipient)},
	} {
		message, err := encode(t.Context(), at, "services/notifications", row.event)
		require.NoError(t, err, kind)
		require.Equal(t, "own."+n.Workspace.String()+".notifications."+kind, message.Subject, "no integrator can filter it")
		require.Equal(t, row.aggregate, message.Aggregate, kind)
		require.Equal(t, int64(4), message.Version, kind)
		require.NotContains(t, string(message.Payload), "secret", "a digest's text is for GetDigest alone")
	}
	_, err := encode(t.Context(), at, "", nil)
	require.Error(t, err, "an event without a message is a mistake that shows")
}

// Whoever may no longer read what it is about is not told of it again.
func TestAHiddenCancellation(t *testing.T) {
	t.Parallel()
	n := sample()
	payload, err := payloadOf(domain.Cancelled{Notification: n, Reason: "gone", Hidden: true})
	require.NoError(t, err)
	hidden := payload.(*notificationsv1.NotificationCancelled).GetNotification()
	require.Empty(t, hidden.GetTitle()+hidden.GetExcerpt()+hidden.GetSummary()+hidden.GetUrgentReason())
	require.Equal(t, n.Name(), hidden.GetName())
	payload, err = payloadOf(domain.Cancelled{Notification: n, Reason: "read"})
	require.NoError(t, err)
	require.Equal(t, "T", payload.(*notificationsv1.NotificationCancelled).GetNotification().GetTitle())
}

func TestNamesOfEvents(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	require.Equal(t, id, actorOf(eventbus.Meta{Actor: "workspaces/x/members/" + id.String()}))
	require.Equal(t, uuid.Nil, actorOf(eventbus.Meta{Actor: "services/threads"}))
	require.Equal(t, uuid.Nil, actorOf(eventbus.Meta{Actor: "workspaces/x/members/me"}))
	_, err := idOf("field", "nonsense")
	require.Error(t, err)
	_, err = idsOf("field", []string{id.String(), "nonsense"})
	require.Error(t, err)
	none, err := optionalID("field", "")
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, none)
	members, teams, err := parted("mentions", []string{"workspaces/x/teams/" + id.String(), "workspaces/x/members/" + id.String()})
	require.NoError(t, err)
	require.Len(t, members, 1)
	require.Len(t, teams, 1)
}

// Who answered: themselves, or another for a team.
func TestWhoAnswered(t *testing.T) {
	t.Parallel()
	answered := func(member, message, comment string) *threadsv1.AskRecipient {
		return &threadsv1.AskRecipient{Member: member, State: threadsv1.AskRecipient_ANSWERED, AnswerMessage: message, Comment: comment}
	}
	earlier := answered("m/1", "old", "old")
	message, comment := answerOf(&threadsv1.AskAnswered{
		Member: "m/2", SettledMembers: []string{"m/3"},
		Ask: &threadsv1.Ask{Recipients: []*threadsv1.AskRecipient{earlier, answered("m/3", "for all", ""), answered("m/2", "own", "*yes*")}},
	})
	require.Equal(t, "own", message)
	require.Equal(t, "yes", comment)
	message, _ = answerOf(&threadsv1.AskAnswered{
		Member: "m/9", SettledMembers: []string{"m/3"},
		Ask: &threadsv1.Ask{Recipients: []*threadsv1.AskRecipient{earlier, answered("m/3", "for all", "")}},
	})
	require.Equal(t, "for all", message)

	for state, want := range map[threadsv1.AskRecipient_State]string{
		threadsv1.AskRecipient_OPEN: "", threadsv1.AskRecipient_OVERDUE: "", threadsv1.AskRecipient_ANSWERED: "answered",
		threadsv1.AskRecipient_DECLINED: "declined", threadsv1.AskRecipient_REASSIGNED: "reassigned", threadsv1.AskRecipient_WITHDRAWN: "withdrawn",
	} {
		w, err := waitOf(&threadsv1.AskRecipient{Member: uuid.NewString(), State: state})
		require.NoError(t, err)
		require.Equal(t, want, w.Settled)
		require.Equal(t, want == "", w.Waiting)
	}
}
