package wire

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/outbox"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/resource"
)

// Service is the service's name in events.
const Service = "notifications"

// Encoder makes the outbox's messages of domain events, under the installation's host name.
func Encoder(host string) func(ctx context.Context, at time.Time, actor string, event domain.Event) (outbox.Message, error) {
	return func(ctx context.Context, at time.Time, actor string, event domain.Event) (outbox.Message, error) {
		payload, err := payloadOf(event)
		if err != nil {
			return outbox.Message{}, err
		}
		return eventbus.Encode(ctx, host, Service, at, actor, payload)
	}
}

func payloadOf(event domain.Event) (proto.Message, error) {
	switch e := event.(type) {
	case domain.Created:
		return &notificationsv1.NotificationCreated{Notification: resource.Notification(e.Notification)}, nil
	case domain.Delivered:
		return &notificationsv1.NotificationDelivered{
			Notification: resource.Notification(e.Notification), Channel: resource.Channel(e.Channel), CollapsedCount: int32(e.Collapsed),
		}, nil
	case domain.Deferred:
		return &notificationsv1.NotificationDeferred{Notification: resource.Notification(e.Notification)}, nil
	case domain.Cancelled:
		return &notificationsv1.NotificationCancelled{Notification: cancelled(e), Reason: e.Reason}, nil
	case domain.Read:
		return &notificationsv1.NotificationRead{Notification: resource.Notification(e.Notification)}, nil
	case domain.DigestSent:
		return &notificationsv1.DigestSent{Digest: resource.Digest(e.Digest)}, nil
	case domain.DeliveryFailed:
		return &notificationsv1.DeliveryFailed{
			Notification: resource.Notification(e.Notification), Channel: resource.Channel(e.Channel), Error: e.Error,
		}, nil
	case domain.PreferencesChanged:
		p := e.Preferences
		return &notificationsv1.PreferencesChanged{
			NotificationPreferences: resource.Preferences(p), Member: domain.MemberName(p.Workspace, p.Member),
		}, nil
	default:
		return nil, fmt.Errorf("wire: the event %T has no message", event)
	}
}

// cancelled is the notification as its recipient may still see it.
func cancelled(e domain.Cancelled) *notificationsv1.Notification {
	n := resource.Notification(e.Notification)
	if e.Hidden {
		n.Title, n.Excerpt, n.UrgentReason, n.Summary = "", "", "", ""
	}
	return n
}
