package rpc

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/resource"
)

// The page sizes of notifications and of digests.
const (
	defaultNotifications = 50
	maxNotifications     = 200
	defaultDigests       = 20
	maxDigests           = 100
)

// Inbox implements notificationsv1.InboxServiceServer.
type Inbox struct {
	notificationsv1.UnimplementedInboxServiceServer
	app *app.App
}

// NewInbox makes the service over its use cases.
func NewInbox(a *app.App) *Inbox { return &Inbox{app: a} }

// GetNotification implements notificationsv1.InboxServiceServer.
func (s *Inbox) GetNotification(ctx context.Context, req *notificationsv1.GetNotificationRequest) (*notificationsv1.Notification, error) {
	id, err := second(notificationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(s.app.Notification(ctx, id))
}

// ListNotifications implements notificationsv1.InboxServiceServer.
func (s *Inbox) ListNotifications(
	ctx context.Context, req *notificationsv1.ListNotificationsRequest,
) (*notificationsv1.ListNotificationsResponse, error) {
	query, fingerprint, err := inboxQuery(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Notifications(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &notificationsv1.ListNotificationsResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, n := range found.Items {
		resp.Notifications = append(resp.Notifications, resource.Notification(n))
	}
	return resp, nil
}

// GetInboxCounts implements notificationsv1.InboxServiceServer.
func (s *Inbox) GetInboxCounts(ctx context.Context, req *notificationsv1.GetInboxCountsRequest) (*notificationsv1.InboxCounts, error) {
	counts, err := s.app.Counts(ctx)
	if err != nil {
		return nil, err
	}
	resp := &notificationsv1.InboxCounts{
		Name: req.GetName(), UnreadCount: int32(counts.Unread), WaitingCount: int32(counts.Waiting), SnoozedCount: int32(counts.Snoozed),
	}
	for _, c := range counts.ByReason {
		resp.UnreadByReason = append(resp.UnreadByReason, &notificationsv1.ReasonCount{
			Reason: resource.Reason(c.Reason), Count: int32(c.Count),
		})
	}
	return resp, nil
}

// MarkNotificationsRead implements notificationsv1.InboxServiceServer.
func (s *Inbox) MarkNotificationsRead(
	ctx context.Context, req *notificationsv1.MarkNotificationsReadRequest,
) (*notificationsv1.MarkNotificationsReadResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(req.GetNames()))
	for i, name := range req.GetNames() {
		if ids[i], err = within(notificationPattern, "names["+strconv.Itoa(i)+"]", name, ws); err != nil {
			return nil, err
		}
	}
	marked, err := s.app.MarkRead(ctx, ids)
	if err != nil {
		return nil, err
	}
	resp := &notificationsv1.MarkNotificationsReadResponse{}
	for _, n := range marked {
		resp.Notifications = append(resp.Notifications, resource.Notification(n))
	}
	return resp, nil
}

// MarkNotificationDone implements notificationsv1.InboxServiceServer.
func (s *Inbox) MarkNotificationDone(
	ctx context.Context, req *notificationsv1.MarkNotificationDoneRequest,
) (*notificationsv1.Notification, error) {
	id, err := second(notificationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(s.app.MarkDone(ctx, id))
}

// SnoozeNotification implements notificationsv1.InboxServiceServer.
func (s *Inbox) SnoozeNotification(
	ctx context.Context, req *notificationsv1.SnoozeNotificationRequest,
) (*notificationsv1.Notification, error) {
	id, err := second(notificationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	var until time.Time
	if at := req.GetSnoozeTime(); at != nil {
		if err := at.CheckValid(); err != nil {
			return nil, fault.InvalidField("snooze_time", "must be a time within the years 1 to 9999")
		}
		until = at.AsTime()
	}
	return answer(s.app.Snooze(ctx, id, until))
}

// ExplainNotification implements notificationsv1.InboxServiceServer.
func (s *Inbox) ExplainNotification(
	ctx context.Context, req *notificationsv1.ExplainNotificationRequest,
) (*notificationsv1.ExplainNotificationResponse, error) {
	id, err := second(notificationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	explained, err := s.app.Explain(ctx, id)
	if err != nil {
		return nil, err
	}
	n := explained.Notification
	return &notificationsv1.ExplainNotificationResponse{
		Concern:    n.Reason.Words() + " " + n.Summary + ".",
		Deliveries: resource.Notification(n).GetDeliveries(), History: explained.Sentences,
	}, nil
}

// PreviewDelivery implements notificationsv1.InboxServiceServer.
func (s *Inbox) PreviewDelivery(
	ctx context.Context, req *notificationsv1.PreviewDeliveryRequest,
) (*notificationsv1.PreviewDeliveryResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	members := make([]uuid.UUID, len(req.GetRecipients()))
	for i, name := range req.GetRecipients() {
		if members[i], err = within(memberPattern, "recipients["+strconv.Itoa(i)+"]", name, ws); err != nil {
			return nil, err
		}
	}
	previews, err := s.app.Preview(ctx, members, domain.Given(int32(req.GetUrgency())))
	if err != nil {
		return nil, err
	}
	resp := &notificationsv1.PreviewDeliveryResponse{}
	for _, p := range previews {
		one := &notificationsv1.DeliveryPreview{Recipient: domain.MemberName(ws, p.Recipient)}
		for _, v := range p.Verdicts {
			one.Deliveries = append(one.Deliveries, resource.Delivery(domain.Preview(v, p.DecideTime)))
		}
		resp.Previews = append(resp.Previews, one)
	}
	return resp, nil
}

// GetDigest implements notificationsv1.InboxServiceServer.
func (s *Inbox) GetDigest(ctx context.Context, req *notificationsv1.GetDigestRequest) (*notificationsv1.Digest, error) {
	id, err := second(digestPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	d, err := s.app.Digest(ctx, id)
	if err != nil {
		return nil, err
	}
	resp := resource.Digest(d)
	resp.Text = d.Text
	return resp, nil
}

// ListDigests implements notificationsv1.InboxServiceServer.
func (s *Inbox) ListDigests(ctx context.Context, req *notificationsv1.ListDigestsRequest) (*notificationsv1.ListDigestsResponse, error) {
	fingerprint := page.Fingerprint(req)
	var (
		query page.Request[app.DigestCursor]
		err   error
	)
	if query.Size, err = page.Size(req.GetPageSize(), defaultDigests, maxDigests); err != nil {
		return nil, err
	}
	if query.After, err = page.After[app.DigestCursor](req.GetPageToken(), fingerprint); err != nil {
		return nil, err
	}
	found, err := s.app.Digests(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &notificationsv1.ListDigestsResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, d := range found.Items {
		resp.Digests = append(resp.Digests, resource.Digest(d))
	}
	return resp, nil
}

func answer(n domain.Notification, err error) (*notificationsv1.Notification, error) {
	if err != nil {
		return nil, err
	}
	return resource.Notification(n), nil
}

// inboxFields are what an inbox may be filtered by.
func inboxFields() []page.FieldSpec {
	equality := []string{"=", "!="}
	reasons := make([]string, 0, len(domain.Reasons()))
	for _, r := range domain.Reasons() {
		reasons = append(reasons, string(r))
	}
	urgencies := make([]string, 0, len(domain.Urgencies()))
	for _, u := range domain.Urgencies() {
		urgencies = append(urgencies, u.String())
	}
	return []page.FieldSpec{
		{Name: "state", Kind: page.Enum, Ops: equality, Enum: []string{string(domain.Unread), string(domain.Seen), string(domain.Done)}},
		{Name: "waiting", Kind: page.Bool, Ops: equality},
		{Name: "snoozed", Kind: page.Bool, Ops: equality},
		{Name: "reason", Kind: page.Enum, Ops: equality, Enum: reasons},
		{Name: "urgency", Kind: page.Enum, Ops: equality, Enum: urgencies},
		{Name: "source", Kind: page.Name, Ops: equality},
		{Name: "context", Kind: page.Name, Ops: equality},
	}
}

func inboxQuery(req *notificationsv1.ListNotificationsRequest) (q app.InboxQuery, fingerprint string, err error) {
	fingerprint = page.Fingerprint(req)
	if q.Page.Size, err = page.Size(req.GetPageSize(), defaultNotifications, maxNotifications); err != nil {
		return q, "", err
	}
	if q.Page.After, err = page.After[app.InboxCursor](req.GetPageToken(), fingerprint); err != nil {
		return q, "", err
	}
	filter, err := page.ParseFilter(req.GetFilter(), inboxFields())
	if err != nil {
		return q, "", err
	}
	for _, c := range filter.Conditions {
		condition := app.InboxCondition{Field: c.Field, Op: c.Op, Value: c.Value}
		switch c.Field {
		case "waiting", "snoozed":
			condition.Value = c.Bool()
		case "urgency":
			condition.Value = int16(notificationsv1.Notification_Urgency_value[c.Value])
		}
		q.Conditions = append(q.Conditions, condition)
	}
	return q, fingerprint, nil
}
