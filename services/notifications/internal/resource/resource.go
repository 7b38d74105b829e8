// Package resource writes notifications, digests and preferences as the resources of the API, for answers and for events
// alike.
//
// It promises that an event shows a thing exactly as a Get would.
package resource

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/etag"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// Notification is the resource of a notification.
func Notification(n domain.Notification) *notificationsv1.Notification {
	out := &notificationsv1.Notification{
		Name: n.Name(), Uid: n.ID.String(), Recipient: domain.MemberName(n.Workspace, n.Recipient), Source: n.Source,
		Context: n.Context, Space: domain.SpaceName(n.Workspace, n.Space), Reason: Reason(n.Reason), Urgency: Urgency(n.Urgency),
		Title: n.Title, Excerpt: n.Excerpt, Summary: n.Summary, Actor: domain.MemberName(n.Workspace, n.Actor),
		DueTime:    timestamp(n.DueTime),
		State:      notificationsv1.Notification_State(notificationsv1.Notification_State_value[string(n.State)]),
		SnoozeTime: timestamp(n.SnoozeTime), Waiting: n.Waiting, SettledReason: n.SettledReason, UrgentReason: n.UrgentReason,
		Version: n.Version, CreateTime: timestamp(n.CreateTime), UpdateTime: timestamp(n.UpdateTime),
	}
	for _, d := range n.Deliveries {
		out.Deliveries = append(out.Deliveries, Delivery(d))
	}
	return out
}

// Delivery is the resource of a delivery.
func Delivery(d domain.Delivery) *notificationsv1.Delivery {
	return &notificationsv1.Delivery{
		Channel:     Channel(d.Channel),
		Decision:    notificationsv1.Delivery_Decision(notificationsv1.Delivery_Decision_value[string(d.Decision)]),
		Explanation: d.Explanation, State: notificationsv1.Delivery_State(notificationsv1.Delivery_State_value[string(d.State)]),
		DeliverTime: timestamp(d.DeliverTime), DecideTime: timestamp(d.DecideTime), SendTime: timestamp(d.SendTime),
		WorkingTimeVersion: d.WorkingTimeVersion, Attempts: int32(d.Attempts), LastError: d.LastError,
	}
}

// Reason is the API's word of a reason.
func Reason(r domain.Reason) notificationsv1.Notification_Reason {
	return notificationsv1.Notification_Reason(notificationsv1.Notification_Reason_value[string(r)])
}

// Urgency is the API's word of an urgency.
func Urgency(u domain.Urgency) notificationsv1.Notification_Urgency {
	return notificationsv1.Notification_Urgency(u)
}

// Channel is the API's word of a channel.
func Channel(c domain.Channel) notificationsv1.Channel_Kind {
	return notificationsv1.Channel_Kind(notificationsv1.Channel_Kind_value[string(c)])
}

// Digest is the resource of a digest, without its text.
func Digest(d domain.Digest) *notificationsv1.Digest {
	out := &notificationsv1.Digest{
		Name: domain.DigestName(d.Workspace, d.ID), Uid: d.ID.String(), Recipient: domain.MemberName(d.Workspace, d.Recipient),
		LocalDate: d.Date, DeliverTime: timestamp(d.DeliverTime), SendTime: timestamp(d.SendTime),
		State:        notificationsv1.Digest_State(notificationsv1.Digest_State_value[string(d.State)]),
		OmittedCount: int32(d.Omitted), Version: d.Version,
	}
	for _, id := range d.Notifications {
		out.Notifications = append(out.Notifications, domain.NotificationName(d.Workspace, id))
	}
	return out
}

// Preferences is the resource of a member's preferences.
func Preferences(p domain.Preferences) *notificationsv1.NotificationPreferences {
	out := &notificationsv1.NotificationPreferences{
		Name: domain.PreferencesName(p.Workspace, p.Member), DigestDisabled: p.DigestDisabled, Muted: p.Muted,
		CollapseMinutes: int32(p.Collapse / time.Minute), Etag: etag.Of(p.Version), Version: p.Version, UpdateTime: timestamp(p.UpdateTime),
	}
	for _, u := range domain.Urgencies() {
		chosen, changed := p.Channels[u]
		if !changed {
			continue
		}
		one := &notificationsv1.UrgencyChannels{Urgency: Urgency(u)}
		for _, c := range chosen {
			one.Channels = append(one.Channels, Channel(c))
		}
		out.Channels = append(out.Channels, one)
	}
	return out
}

// timestamp is nil for the zero time, which is none.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
