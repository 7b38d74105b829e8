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
}

type subscriptionTx interface {
	InsertSubscription(ctx context.Context, s domain.Subscription) error
	// LockSubscription also finds deleted ones.
	LockSubscription(ctx context.Context, ws, subscription uuid.UUID) (domain.Subscription, error)
	CountSubscriptions(ctx context.Context, ws uuid.UUID) (int, error)
	DeleteSubscription(ctx context.Context, s domain.Subscription) error
}

// Edge is the broker, as far as integrators are concerned.
type Edge interface {
	// Ensure makes the subscription's durable where it is not there.
	Ensure(ctx context.Context, s domain.Subscription) error
	// Remove deletes the durable where it is there.
	Remove(ctx context.Context, subscription uuid.UUID) error
	// Disconnect closes the connections that match says yes to.
	Disconnect(ctx context.Context, match func(Connection) bool) error
}

// Connection says whose an integrator's connection is.
type Connection struct{ Subscription, Member, Token uuid.UUID }

// NewSubscription is what CreateSubscription is asked for.
type NewSubscription struct {
	DisplayName   string
	Filters       []string
	StartTime     time.Time
	StartSequence int64
}

// CreateSubscription makes a subscription and its durable. Where the broker is away the subscription is kept, and the
// same request sent again makes the durable.
func (a *App) CreateSubscription(ctx context.Context, ws uuid.UUID, in NewSubscription) (domain.Subscription, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return domain.Subscription{}, err
	}
	wanted, err := in.check()
	if err != nil {
		return domain.Subscription{}, err
	}
	wanted.Workspace, wanted.Creator, wanted.InboxPrefix = ws, caller.Member, domain.NewInboxPrefix()
	var made domain.Subscription
	err = a.write(ctx, ws, func(ctx context.Context, c *change) error {
		made = wanted
		made.ID, made.Version, made.CreateTime = newID(), 1, c.now
		// Locked first, so that two at once are counted one after the other.
		if _, err := c.LockWorkspace(ctx, ws); err != nil {
			return err
		}
		prior, replayed, err := c.Replay(ctx, made.Name())
		if err != nil {
			return err
		}
		if replayed {
			id, err := priorID(prior)
			if err != nil {
				return err
			}
			if made, err = c.LockSubscription(ctx, ws, id); err == nil && !made.DeleteTime.IsZero() {
				return fault.NotFoundName(made.Name())
			}
			return err
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
		return domain.Subscription{}, err
	}
	// After the commit: a durable of a subscription that does not exist would be nobody's to delete.
	return made, a.edge.Ensure(ctx, made)
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

// EndSubscription takes a deleted subscription's durable and connections from the broker.
func (a *App) EndSubscription(ctx context.Context, subscription uuid.UUID) error {
	if err := a.edge.Remove(ctx, subscription); err != nil {
		return err
	}
	return a.edge.Disconnect(ctx, func(c Connection) bool { return c.Subscription == subscription })
}

// EndToken closes the connections that were let in by an API token.
func (a *App) EndToken(ctx context.Context, token uuid.UUID) error {
	return a.edge.Disconnect(ctx, func(c Connection) bool { return c.Token == token })
}

// EndMember closes the connections of a member who may no longer read the stream.
func (a *App) EndMember(ctx context.Context, member uuid.UUID) error {
	return a.edge.Disconnect(ctx, func(c Connection) bool { return c.Member == member })
}

// Admission is what a client of the broker is let in as.
type Admission struct {
	Subscription domain.Subscription
	Connection   Connection
	// Expires is when the API token ends.
	Expires time.Time
}

// Admit decides whether a client of the broker that shows a subscription's id and an API token is let in. Every reason
// against it is the same refusal. It makes the durable where it is missing, which is how a subscription comes whole
// whose maker's request ended half way.
func (a *App) Admit(ctx context.Context, user, token string) (Admission, error) {
	subscription, err := uuid.Parse(user)
	if err != nil {
		return Admission{}, notGood()
	}
	hash, err := auth.ParseAPIToken(token)
	if err != nil {
		return Admission{}, notGood()
	}
	holder, err := a.store.TokenByHash(ctx, hash)
	if fault.Is(err, fault.NotFound) {
		return Admission{}, notGood()
	}
	if err != nil {
		return Admission{}, err
	}
	// Read under the token's own workspace: another one's subscription is not there.
	s, err := a.store.Subscription(ctx, holder.Token.Workspace, subscription)
	if fault.Is(err, fault.NotFound) {
		return Admission{}, notGood()
	}
	if err != nil {
		return Admission{}, err
	}
	now := a.machine.Now()
	carries := auth.Caller{Scopes: holder.Token.Scopes}.HasScope(auth.ScopeEventsAll)
	if !domain.MayReadStream(holder.Token, holder.Member, carries, s.Workspace, now) {
		return Admission{}, notGood()
	}
	if err := a.edge.Ensure(ctx, s); err != nil {
		return Admission{}, err
	}
	if holder.Token.Used(now) {
		if err := a.store.TouchToken(ctx, holder.Token, now); err != nil {
			return Admission{}, err
		}
	}
	return Admission{
		Subscription: s, Expires: holder.Token.ExpireTime,
		Connection: Connection{Subscription: s.ID, Member: holder.Member.ID, Token: holder.Token.ID},
	}, nil
}
