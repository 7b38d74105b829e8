package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// subscriptionStore reads event subscriptions that are not deleted.
type subscriptionStore interface {
	Subscription(ctx context.Context, ws, subscription uuid.UUID) (domain.Subscription, error)
	// Subscriptions are newest first.
	Subscriptions(ctx context.Context, ws uuid.UUID, p page.Request[Cursor]) (page.Result[domain.Subscription, Cursor], error)
	// LiveSubscriptions are those of the ids, of whatever workspace, that are there; in no order.
	LiveSubscriptions(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error)
}

type subscriptionTx interface {
	InsertSubscription(ctx context.Context, s domain.Subscription) error
	// LockSubscription also finds deleted ones.
	LockSubscription(ctx context.Context, ws, subscription uuid.UUID) (domain.Subscription, error)
	CountSubscriptions(ctx context.Context, ws uuid.UUID) (int, error)
	DeleteSubscription(ctx context.Context, s domain.Subscription) error
}

// NewSubscription is what CreateSubscription is asked for.
type NewSubscription struct {
	DisplayName   string
	Filters       []string
	StartTime     time.Time
	StartSequence int64
}

// createWithin bounds the making of a subscription: well within orphanAge, so that no sweep takes the durable of one that
// is being made.
const createWithin = time.Minute

// CreateSubscription makes a subscription and its durable, or nothing. A request done before is AlreadyExists: its inbox
// prefix is not shown again.
func (a *App) CreateSubscription(ctx context.Context, ws uuid.UUID, in NewSubscription) (domain.Subscription, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return domain.Subscription{}, err
	}
	made, err := in.check()
	if err != nil {
		return domain.Subscription{}, err
	}
	made.Workspace, made.ID, made.Version = ws, newID(), 1
	made.Creator, made.InboxPrefix = caller.Member, domain.NewInboxPrefix()
	ctx, cancel := context.WithTimeout(ctx, createWithin)
	defer cancel()
	// The durable first: a subscription that was told of reads from its very beginning, and a durable that no
	// subscription follows is swept. The other way round, a broker that is away would leave half of one behind.
	if err := a.edge.Ensure(ctx, made); err != nil {
		return domain.Subscription{}, err
	}
	err = a.write(ctx, ws, func(ctx context.Context, c *change) error {
		made.CreateTime = c.now
		// Locked first, so that two at once are counted one after the other.
		if _, err := c.LockWorkspace(ctx, ws); err != nil {
			return err
		}
		if prior, replayed, err := c.Replay(ctx, made.Name()); err != nil || replayed {
			return orDone(err, prior)
		}
		live, err := c.CountSubscriptions(ctx, ws)
		if err != nil {
			return err
		}
		if err := domain.SubscriptionLimit(ws, live); err != nil {
			return err
		}
		c.note("subscription.create", made.Name(), map[string]string{"display_name": made.DisplayName},
			domain.SubscriptionCreated{Subscription: made})
		return c.InsertSubscription(ctx, made)
	})
	if err != nil {
		a.abandon(ctx, made.ID)
		return domain.Subscription{}, err
	}
	return made, nil
}

func (in NewSubscription) check() (domain.Subscription, error) {
	name, err := domain.CheckDisplayName("event_subscription.display_name", in.DisplayName)
	if err != nil {
		return domain.Subscription{}, err
	}
	filters, err := domain.CheckFilters(in.Filters)
	if err != nil {
		return domain.Subscription{}, err
	}
	if in.StartSequence > 0 && !in.StartTime.IsZero() {
		return domain.Subscription{}, fault.InvalidField("event_subscription.start_sequence",
			"must not be given beside start_time")
	}
	return domain.Subscription{
		DisplayName: name, Filters: filters, StartTime: in.StartTime, StartSequence: in.StartSequence,
	}, nil
}

// Subscription returns an event subscription.
func (a *App) Subscription(ctx context.Context, ws, subscription uuid.UUID) (domain.Subscription, error) {
	return a.store.Subscription(ctx, ws, subscription)
}

// Subscriptions lists a workspace's event subscriptions.
func (a *App) Subscriptions(
	ctx context.Context, ws uuid.UUID, p page.Request[Cursor],
) (page.Result[domain.Subscription, Cursor], error) {
	return a.store.Subscriptions(ctx, ws, p)
}

// DeleteSubscription deletes an event subscription. Its durable and its connections end when the event of it comes
// back from the stream, so that a broker that is away cannot keep them.
func (a *App) DeleteSubscription(
	ctx context.Context, ws, subscription uuid.UUID, match Match,
) (domain.Subscription, error) {
	var s domain.Subscription
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		var err error
		if s, err = c.LockSubscription(ctx, ws, subscription); err != nil {
			return err
		}
		if _, replayed, err := c.Replay(ctx, s.Name()); err != nil || replayed {
			return err
		}
		if !s.DeleteTime.IsZero() {
			return fault.NotFoundName(s.Name())
		}
		if err := match.check(s.Version); err != nil {
			return err
		}
		s.Delete(c.now)
		c.note("subscription.delete", s.Name(), map[string]string{"display_name": s.DisplayName},
			domain.SubscriptionDeleted{Subscription: s})
		return c.DeleteSubscription(ctx, s)
	})
	return s, err
}
