package e2e

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/clock"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// notificationsRequests has the requests of the inbox and of preferences. Each is about what is the principal's own.
func notificationsRequests() map[string]request {
	return map[string]request{
		"GetNotification": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &notificationsv1.GetNotificationRequest{Name: w.notificationOf(t, p)}
		},
		"ListNotifications": onWorkspace(func(n string) proto.Message {
			return &notificationsv1.ListNotificationsRequest{Parent: n, Filter: "state = UNREAD AND waiting = true"}
		}),
		"GetInboxCounts": onWorkspace(func(n string) proto.Message {
			return &notificationsv1.GetInboxCountsRequest{Name: n + "/inboxCounts"}
		}),
		"MarkNotificationsRead": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &notificationsv1.MarkNotificationsReadRequest{Parent: w.workspace, Names: []string{w.notificationOf(t, p)}}
		},
		"MarkNotificationDone": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &notificationsv1.MarkNotificationDoneRequest{Name: w.notificationOf(t, p)}
		},
		"SnoozeNotification": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			until := clock.Machine().Now().Add(300 * 24 * time.Hour)
			return &notificationsv1.SnoozeNotificationRequest{Name: w.notificationOf(t, p), SnoozeTime: timestamppb.New(until)}
		},
		"ExplainNotification": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &notificationsv1.ExplainNotificationRequest{Name: w.notificationOf(t, p)}
		},
		"PreviewDelivery": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.PreviewDeliveryRequest{Parent: w.workspace, Recipients: []string{own(w, p)}, Urgency: notificationsv1.Notification_HIGH}
		},
		"GetDigest": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &notificationsv1.GetDigestRequest{Name: w.digestOf(t, p)}
		},
		"ListDigests": onWorkspace(func(n string) proto.Message { return &notificationsv1.ListDigestsRequest{Parent: n} }),
		"GetNotificationPreferences": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.GetNotificationPreferencesRequest{Name: own(w, p) + "/notificationPreferences"}
		},
		"UpdateNotificationPreferences": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.UpdateNotificationPreferencesRequest{
				NotificationPreferences: &notificationsv1.NotificationPreferences{
					Name: own(w, p) + "/notificationPreferences", Muted: []string{w.workspace + "/spaces/" + uuid.NewString()},
				},
				UpdateMask: mask("muted"),
			}
		},
	}
}

// notificationOf has the principal asked for something in a space that they may read, by the owner, or the owner by the manager,
// and returns the notification of it. Who cannot call gets the name of none.
func (w *world) notificationOf(t *testing.T, p principal) string {
	t.Helper()
	if !alive(p) || p.name == "stranger" {
		return w.workspace + "/notifications/" + uuid.NewString()
	}
	in := *w
	in.space = w.newSpace(t, directoryv1.Space_OPEN)
	asker := w.owner
	if p.name == w.owner.name {
		asker = w.principal(t, "manager")
	}
	if p.role < optionsv1.Access_MEMBER {
		w.grant(t, in.space, p.member, directoryv1.SpaceAccess_WRITER)
	}
	in.thread = w.newThread(t, in.space)
	ask := in.newAsk(t, asker, p)
	var name string
	require.EventuallyWithT(t, func(c *assertion) {
		page, err := notificationsv1.NewInboxServiceClient(w.conn).ListNotifications(as(t.Context(), p.token), &notificationsv1.ListNotificationsRequest{
			Parent: w.workspace, Filter: `source = "` + ask + `"`,
		})
		require.NoError(c, err)
		require.Len(c, page.GetNotifications(), 1)
		name = page.GetNotifications()[0].GetName()
	}, 20*time.Second, 10*time.Millisecond)
	return name
}

// digestOf is the digest that the principal's notification waits for.
func (w *world) digestOf(t *testing.T, p principal) string {
	t.Helper()
	if !alive(p) || p.name == "stranger" {
		return w.workspace + "/digests/" + uuid.NewString()
	}
	w.notificationOf(t, p)
	var name string
	require.EventuallyWithT(t, func(c *assertion) {
		page, err := notificationsv1.NewInboxServiceClient(w.conn).ListDigests(as(t.Context(), p.token), &notificationsv1.ListDigestsRequest{Parent: w.workspace})
		require.NoError(c, err)
		require.NotEmpty(c, page.GetDigests())
		name = page.GetDigests()[0].GetName()
	}, 20*time.Second, 10*time.Millisecond)
	return name
}
