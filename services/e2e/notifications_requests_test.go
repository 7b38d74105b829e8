package e2e

import (
	"strings"
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
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// patience is how long the walk waits for what follows from an event.
const patience = 20 * time.Second

// inbox makes, for each principal, one notification of their own, and finds one digest. Who cannot have any gets a name that
// stands for nothing.
type inbox struct {
	space                  string
	notifications, digests map[string]string
}

// has says whether a principal is alive in the world's workspace.
func (*inbox) has(w *world, p principal) bool {
	return p.token != "" && p.name != "revoked" && strings.HasPrefix(p.member, w.workspace)
}

// notification is the name of a notification of the principal: somebody else asks them something, in a space that they may
// read.
func (i *inbox) notification(t *testing.T, w *world, p principal) string {
	t.Helper()
	if !i.has(w, p) {
		return w.workspace + "/notifications/" + uuid.NewString()
	}
	if name, made := i.notifications[p.name]; made {
		return name
	}
	if i.space == "" {
		i.space = w.newSpace(t, directoryv1.Space_OPEN)
	}
	if p.role == optionsv1.Access_GUEST {
		w.grant(t, i.space, p.member, directoryv1.SpaceAccess_READER)
	}
	asker := w.owner
	if p.name == w.owner.name {
		for _, other := range w.principals {
			if other.name == "manager" {
				asker = other // nobody is notified of their own act
			}
		}
	}
	_, err := threadsv1.NewMessageServiceClient(w.conn).CreateMessage(as(t.Context(), asker.token), &threadsv1.CreateMessageRequest{
		Parent: w.newThread(t, i.space), Message: &threadsv1.Message{
			Body: "Can you answer?", Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_REPLY, Members: []string{p.member}}},
		},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		listed, err := notificationsv1.NewInboxServiceClient(w.conn).ListNotifications(as(t.Context(), p.token),
			&notificationsv1.ListNotificationsRequest{Parent: w.workspace, Filter: "reason = ASKED"})
		require.NoError(t, err)
		if len(listed.GetNotifications()) == 0 {
			return false
		}
		i.notifications[p.name] = listed.GetNotifications()[0].GetName()
		return true
	}, patience, 20*time.Millisecond, "%s was asked", p.name)
	return i.notifications[p.name]
}

// digest is the name of the digest that the principal is to get.
func (i *inbox) digest(t *testing.T, w *world, p principal) string {
	t.Helper()
	if !i.has(w, p) {
		return w.workspace + "/digests/" + uuid.NewString()
	}
	require.Eventually(t, func() bool {
		listed, err := notificationsv1.NewInboxServiceClient(w.conn).ListDigests(as(t.Context(), p.token), &notificationsv1.ListDigestsRequest{Parent: w.workspace})
		require.NoError(t, err)
		if len(listed.GetDigests()) == 0 {
			return false
		}
		i.digests[p.name] = listed.GetDigests()[0].GetName()
		return true
	}, patience, 20*time.Millisecond, "a digest of %s is planned", p.name)
	return i.digests[p.name]
}

// notificationsRequests has one entry for every method of the notifications service.
func notificationsRequests() map[string]request {
	made := &inbox{notifications: map[string]string{}, digests: map[string]string{}}
	onNotification := func(build func(name string) proto.Message) request {
		return func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return build(made.notification(t, w, p))
		}
	}
	return map[string]request{
		"GetNotification": onNotification(func(n string) proto.Message { return &notificationsv1.GetNotificationRequest{Name: n} }),
		"ListNotifications": onWorkspace(func(n string) proto.Message {
			return &notificationsv1.ListNotificationsRequest{Parent: n}
		}),
		"GetInboxCounts": onWorkspace(func(n string) proto.Message {
			return &notificationsv1.GetInboxCountsRequest{Name: n + "/inboxCounts"}
		}),
		"MarkNotificationsRead": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &notificationsv1.MarkNotificationsReadRequest{Parent: w.workspace, Names: []string{made.notification(t, w, p)}}
		},
		"MarkNotificationDone": onNotification(func(n string) proto.Message { return &notificationsv1.MarkNotificationDoneRequest{Name: n} }),
		"SnoozeNotification": onNotification(func(n string) proto.Message {
			return &notificationsv1.SnoozeNotificationRequest{Name: n, SnoozeTime: timestamppb.New(clock.System().Now().Add(48 * time.Hour))}
		}),
		"ExplainNotification": onNotification(func(n string) proto.Message { return &notificationsv1.ExplainNotificationRequest{Name: n} }),
		"PreviewDelivery": func(_ *testing.T, w *world, _ principal) proto.Message {
			return &notificationsv1.PreviewDeliveryRequest{Parent: w.workspace, Recipients: []string{w.owner.member}}
		},
		"GetDigest": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &notificationsv1.GetDigestRequest{Name: made.digest(t, w, p)}
		},
		"ListDigests": onWorkspace(func(n string) proto.Message { return &notificationsv1.ListDigestsRequest{Parent: n} }),

		"GetNotificationPreferences": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.GetNotificationPreferencesRequest{Name: own(w, p) + "/notificationPreferences"}
		},
		"UpdateNotificationPreferences": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.UpdateNotificationPreferencesRequest{
				NotificationPreferences: &notificationsv1.NotificationPreferences{Name: own(w, p) + "/notificationPreferences", CollapseMinutes: 30},
				UpdateMask:              mask("collapse_minutes"),
			}
		},

		// SourceService is for Meridian's own services: the gateway knows no such method.
		"CheckSources": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.CheckSourcesRequest{Parent: w.workspace, Checks: []*notificationsv1.SourceCheck{{Source: w.message, Member: own(w, p)}}}
		},
		"ListFollowedActivity": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.ListFollowedActivityRequest{Parent: w.workspace, Member: own(w, p)}
		},
	}
}
