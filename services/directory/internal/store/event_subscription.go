package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

// Subscription implements app.Store.
func (s *Store) Subscription(ctx context.Context, ws, subscription uuid.UUID) (domain.Subscription, error) {
	row, err := s.in(ws).q.GetEventSubscription(ctx,
		db.GetEventSubscriptionParams{WorkspaceID: ws, SubscriptionID: subscription})
	return subscriptionOf(row), missing(err, domain.SubscriptionName(ws, subscription))
}

// Subscriptions implements app.Store.
func (s *Store) Subscriptions(
	ctx context.Context, ws uuid.UUID, p page.Request[app.Cursor],
) (page.Result[domain.Subscription, app.Cursor], error) {
	arg := db.ListEventSubscriptionsParams{WorkspaceID: ws, BeforeID: uuid.Max, Size: int32(p.Size) + 1}
	if p.After != nil {
		arg.BeforeID = p.After.ID
	}
	found, err := s.in(ws).q.ListEventSubscriptions(ctx, arg)
	if err != nil {
		return page.Result[domain.Subscription, app.Cursor]{}, err
	}
	return page.Cut(each(found, subscriptionOf), p.Size,
		func(s domain.Subscription) app.Cursor { return app.Cursor{ID: s.ID} }), nil
}

// LiveSubscriptions implements app.Store.
func (s *Store) LiveSubscriptions(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	return s.all().q.LiveEventSubscriptions(ctx, ids)
}

func (r rows) InsertSubscription(ctx context.Context, s domain.Subscription) error {
	var start *time.Time
	if !s.StartTime.IsZero() {
		start = &s.StartTime
	}
	return r.q.InsertEventSubscription(ctx, db.InsertEventSubscriptionParams{
		WorkspaceID: s.Workspace, SubscriptionID: s.ID, CreatorID: s.Creator, DisplayName: s.DisplayName,
		Filters: s.Filters, StartTime: start, StartSequence: s.StartSequence, InboxPrefix: s.InboxPrefix,
		Version: s.Version, CreateTime: s.CreateTime,
	})
}

func (r rows) LockSubscription(ctx context.Context, ws, subscription uuid.UUID) (domain.Subscription, error) {
	row, err := r.q.LockEventSubscription(ctx,
		db.LockEventSubscriptionParams{WorkspaceID: ws, SubscriptionID: subscription})
	return subscriptionOf(row), missing(err, domain.SubscriptionName(ws, subscription))
}

func (r rows) CountSubscriptions(ctx context.Context, ws uuid.UUID) (int, error) {
	n, err := r.q.CountEventSubscriptions(ctx, ws)
	return int(n), err
}

func (r rows) DeleteSubscription(ctx context.Context, s domain.Subscription) error {
	return r.q.DeleteEventSubscription(ctx, db.DeleteEventSubscriptionParams{
		WorkspaceID: s.Workspace, SubscriptionID: s.ID, DeleteTime: &s.DeleteTime, Version: s.Version,
	})
}

func subscriptionOf(r db.EventSubscription) domain.Subscription {
	return domain.Subscription{
		Workspace: r.WorkspaceID, ID: r.SubscriptionID, Creator: r.CreatorID, DisplayName: r.DisplayName,
		Filters: r.Filters, StartTime: timeOf(r.StartTime), StartSequence: r.StartSequence, InboxPrefix: r.InboxPrefix,
		Version: r.Version, CreateTime: r.CreateTime.UTC(), DeleteTime: timeOf(r.DeleteTime),
	}
}
