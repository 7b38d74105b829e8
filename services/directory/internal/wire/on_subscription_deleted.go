package wire

import (
	"context"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

// onSubscriptionDeleted takes the durable and its connections from the broker.
func onSubscriptionDeleted(use *app.App) func(context.Context, eventbus.Event[*directoryv1.SubscriptionDeleted]) error {
	return func(ctx context.Context, e eventbus.Event[*directoryv1.SubscriptionDeleted]) error {
		id, err := idOf(subscriptionName, e.Payload.GetEventSubscription().GetName())
		if err != nil {
			return err
		}
		return use.EndSubscription(ctx, id)
	}
}
