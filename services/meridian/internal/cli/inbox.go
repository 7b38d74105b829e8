package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
)

// InboxCmd groups the commands about one's own inbox.
type InboxCmd struct {
	List    InboxListCmd    `cmd:"" default:"withargs" help:"List what concerns you."`
	Read    InboxReadCmd    `cmd:"" help:"Mark notifications as read."`
	Done    InboxDoneCmd    `cmd:"" help:"Put a notification away."`
	Snooze  InboxSnoozeCmd  `cmd:"" help:"Put a notification out of sight until a time, or until your next working morning."`
	Explain InboxExplainCmd `cmd:"" help:"Say why a notification did or did not interrupt you."`
	Digest  InboxDigestCmd  `cmd:"" help:"Show your latest digest, or list them all."`
}

// InboxListCmd lists notifications.
type InboxListCmd struct {
	Unread  bool `help:"Only what is unread."`
	Waiting bool `help:"Only what waits on you."`
	Snoozed bool `help:"Only what is snoozed."`
	Done    bool `help:"Only what is put away."`
	Limit   int  `help:"How many at most; 0 for all." default:"50"`
}

// Run lists notifications.
func (c *InboxListCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	var filters []string
	for filter, on := range map[string]bool{"state = UNREAD": c.Unread, "waiting = true": c.Waiting, "snoozed = true": c.Snoozed, "state = DONE": c.Done} {
		if on {
			filters = append(filters, filter)
		}
	}
	found, err := pages(c.Limit, func(token string, size int32) ([]*notificationsv1.Notification, string, error) {
		page, err := s.inbox.ListNotifications(ctx, &notificationsv1.ListNotificationsRequest{
			Parent: s.workspace, Filter: strings.Join(filters, " AND "), PageSize: size, PageToken: token,
		})
		return page.GetNotifications(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	return s.print(&notificationsv1.ListNotificationsResponse{Notifications: found}, func(w io.Writer) {
		row(w, "NOTIFICATION", "STATE", "REASON", "URGENCY", "DUE", "WHAT", "TITLE", "REACHES YOU")
		for _, n := range found {
			row(w, id(n.GetName()), inboxState(n), n.GetReason().String(), n.GetUrgency().String(), when(n.GetDueTime()),
				short(n.GetSummary(), 60), short(n.GetTitle(), 40), reaches(n))
		}
	})
}

func inboxState(n *notificationsv1.Notification) string {
	switch {
	case n.GetSnoozeTime() != nil:
		return "SNOOZED"
	case n.GetWaiting():
		return n.GetState().String() + ", WAITING"
	}
	return n.GetState().String()
}

// reaches sums the decisions up.
func reaches(n *notificationsv1.Notification) string {
	var words []string
	for _, d := range n.GetDeliveries() {
		word := d.GetChannel().String() + " " + d.GetState().String()
		if d.GetState() == notificationsv1.Delivery_PENDING {
			word = d.GetChannel().String() + " " + d.GetDecision().String() + " " + when(d.GetDeliverTime())
		} else if d.GetDecision() == notificationsv1.Delivery_SUPPRESSED {
			word = d.GetChannel().String() + " SUPPRESSED"
		}
		words = append(words, word)
	}
	return strings.Join(words, "; ")
}

// notification finds a notification by name or id.
func (s *session) notification(given string) (string, error) {
	if name, ok := s.named("notifications", given); ok {
		return name, nil
	}
	return "", status.Errorf(codes.InvalidArgument, "%q is no notification's name or id (see: meridian inbox)", given)
}

// InboxReadCmd marks notifications as read.
type InboxReadCmd struct {
	Notifications []string `arg:"" help:"Their names or ids."`
}

// Run marks notifications as read.
func (c *InboxReadCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	req := &notificationsv1.MarkNotificationsReadRequest{Parent: s.workspace, RequestId: uuid.NewString()}
	for _, given := range c.Notifications {
		name, err := s.notification(given)
		if err != nil {
			return err
		}
		req.Names = append(req.Names, name)
	}
	read, err := s.inbox.MarkNotificationsRead(ctx, req)
	if err != nil {
		return err
	}
	return s.print(read, func(w io.Writer) {
		for _, n := range read.GetNotifications() {
			row(w, id(n.GetName()), n.GetState().String(), short(n.GetSummary(), 60))
		}
	})
}

// InboxDoneCmd puts a notification away.
type InboxDoneCmd struct {
	Notification string `arg:"" help:"Its name or id."`
}

// Run puts a notification away.
func (c *InboxDoneCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.notification(c.Notification)
	if err != nil {
		return err
	}
	n, err := s.inbox.MarkNotificationDone(ctx, &notificationsv1.MarkNotificationDoneRequest{Name: name, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.print(n, func(w io.Writer) { row(w, id(n.GetName()), n.GetState().String(), short(n.GetSummary(), 60)) })
}

// InboxSnoozeCmd snoozes a notification.
type InboxSnoozeCmd struct {
	Notification string    `arg:"" help:"Its name or id."`
	Until        time.Time `arg:"" optional:"" help:"The instant, such as 2026-12-01T09:00:00Z. Without it: your next working morning." format:"2006-01-02T15:04:05Z07:00"`
}

// Run snoozes a notification.
func (c *InboxSnoozeCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.notification(c.Notification)
	if err != nil {
		return err
	}
	req := &notificationsv1.SnoozeNotificationRequest{Name: name, RequestId: uuid.NewString()}
	if !c.Until.IsZero() {
		req.SnoozeTime = timestamppb.New(c.Until)
	}
	n, err := s.inbox.SnoozeNotification(ctx, req)
	if err != nil {
		return err
	}
	return s.print(n, func(w io.Writer) {
		row(w, id(n.GetName()), "until "+when(n.GetSnoozeTime()), short(n.GetSummary(), 60))
	})
}

// InboxExplainCmd explains a notification.
type InboxExplainCmd struct {
	Notification string `arg:"" help:"Its name or id."`
}

// Run explains a notification.
func (c *InboxExplainCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.notification(c.Notification)
	if err != nil {
		return err
	}
	told, err := s.inbox.ExplainNotification(ctx, &notificationsv1.ExplainNotificationRequest{Name: name})
	if err != nil {
		return err
	}
	return s.print(told, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, safe(told.GetConcern()))
		for _, d := range told.GetDeliveries() {
			row(w, d.GetChannel().String(), d.GetDecision().String(), d.GetState().String(), cell1(d.GetExplanation()))
		}
		for _, line := range told.GetHistory() {
			_, _ = fmt.Fprintln(w, "- "+cell1(line))
		}
	})
}

// InboxDigestCmd shows digests.
type InboxDigestCmd struct {
	All bool `help:"List them all."`
}

// Run shows the latest digest that was sent.
func (c *InboxDigestCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	digests, err := pages(0, func(token string, size int32) ([]*notificationsv1.Digest, string, error) {
		page, err := s.inbox.ListDigests(ctx, &notificationsv1.ListDigestsRequest{Parent: s.workspace, PageSize: size, PageToken: token})
		return page.GetDigests(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	if c.All {
		return s.print(&notificationsv1.ListDigestsResponse{Digests: digests}, func(w io.Writer) {
			row(w, "DIGEST", "DAY", "STATE", "TIME", "ITEMS")
			for _, d := range digests {
				row(w, id(d.GetName()), d.GetLocalDate(), d.GetState().String(), when(d.GetDeliverTime()), fmt.Sprint(len(d.GetNotifications())))
			}
		})
	}
	for _, d := range digests {
		if d.GetState() != notificationsv1.Digest_SENT {
			continue
		}
		whole, err := s.inbox.GetDigest(ctx, &notificationsv1.GetDigestRequest{Name: d.GetName()})
		if err != nil {
			return err
		}
		return s.print(whole, func(w io.Writer) { _, _ = fmt.Fprintln(w, safe(whole.GetText())) })
	}
	return status.Error(codes.NotFound, "no digest was sent to you yet")
}
