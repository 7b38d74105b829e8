package rpc

import (
	"context"
	"time"

	"github.com/meridianhq/meridian/pkg/page"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

// apiPrefix is under which integrators reach the JetStream API: the imports of the broker's configuration.
const apiPrefix = "EV.API"

type eventSubscriptions struct {
	directoryv1.UnimplementedEventSubscriptionServiceServer
	app     *app.App
	natsURL string
}

// CreateEventSubscription implements EventSubscriptionService.
func (s *eventSubscriptions) CreateEventSubscription(
	ctx context.Context, req *directoryv1.CreateEventSubscriptionRequest,
) (*directoryv1.CreateEventSubscriptionResponse, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted := req.GetEventSubscription()
	var start time.Time
	if wanted.GetStartTime() != nil {
		start = wanted.GetStartTime().AsTime()
	}
	made, err := s.app.CreateSubscription(ctx, ws, app.NewSubscription{
		DisplayName: wanted.GetDisplayName(), Filters: wanted.GetFilters(), StartTime: start,
		StartSequence: wanted.GetStartSequence(),
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreateEventSubscriptionResponse{
		EventSubscription: resource.EventSubscription(made), InboxPrefix: made.InboxPrefix, ApiPrefix: apiPrefix,
		NatsUrl: s.natsURL,
	}, nil
}

// GetEventSubscription implements EventSubscriptionService.
func (s *eventSubscriptions) GetEventSubscription(
	ctx context.Context, req *directoryv1.GetEventSubscriptionRequest,
) (*directoryv1.EventSubscription, error) {
	ws, id, err := two(eventSubscriptionName, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	found, err := s.app.Subscription(ctx, ws, id)
	if err != nil {
		return nil, err
	}
	return resource.EventSubscription(found), nil
}

// ListEventSubscriptions implements EventSubscriptionService.
func (s *eventSubscriptions) ListEventSubscriptions(
	ctx context.Context, req *directoryv1.ListEventSubscriptionsRequest,
) (*directoryv1.ListEventSubscriptionsResponse, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf[app.Cursor](req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Subscriptions(ctx, ws, p)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListEventSubscriptionsResponse{
		EventSubscriptions: resource.Each(found.Items, resource.EventSubscription),
		NextPageToken:      page.Next(fingerprint, found.Next),
	}, nil
}

// DeleteEventSubscription implements EventSubscriptionService.
func (s *eventSubscriptions) DeleteEventSubscription(
	ctx context.Context, req *directoryv1.DeleteEventSubscriptionRequest,
) (*directoryv1.EventSubscription, error) {
	ws, id, err := two(eventSubscriptionName, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	deleted, err := s.app.DeleteSubscription(ctx, ws, id, matching("etag", req.GetEtag()))
	if err != nil {
		return nil, err
	}
	return resource.EventSubscription(deleted), nil
}
