package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

const (
	// orphanAge is how old a durable without a subscription must be to be swept: the subscription of a younger one may
	// still be in the making.
	orphanAge = 10 * time.Minute
	// abandonWithin bounds the cleaning up after a subscription that was not made.
	abandonWithin = 5 * time.Second
)

// Edge is the broker, as far as integrators are concerned.
type Edge interface {
	// Ensure makes the subscription's durable where it is not there.
	Ensure(ctx context.Context, s domain.Subscription) error
	// Remove deletes the durable where it is there.
	Remove(ctx context.Context, subscription uuid.UUID) error
	// Durables are the subscriptions that have a durable.
	Durables(ctx context.Context) ([]uuid.UUID, error)
	// Disconnect closes the connections that match says yes to.
	Disconnect(ctx context.Context, match func(Connection) bool) error
}

// Connection says whose an integrator's connection is.
type Connection struct{ Subscription, Member, Token uuid.UUID }

// abandon takes away the durable of a subscription that was not made. What it cannot, the sweep does.
func (a *App) abandon(ctx context.Context, subscription uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonWithin)
	defer cancel()
	_ = a.removeOrphans(ctx, []uuid.UUID{subscription}) // the refusal is what the caller is to hear of
}

// SweepDurables deletes the durables that have no subscription: of makers whose process ended half way, and of deleted
// subscriptions that a client came to at the same moment.
func (a *App) SweepDurables(ctx context.Context) error {
	durables, err := a.edge.Durables(ctx)
	if err != nil {
		return err
	}
	now := a.machine.Now()
	return a.removeOrphans(ctx, slices.DeleteFunc(durables, func(id uuid.UUID) bool {
		made := time.Unix(id.Time().UnixTime()) // it is a UUIDv7
		return now.Sub(made) < orphanAge
	}))
}

// removeOrphans deletes the durables of those that are no live subscriptions. That it asks, also after a failed write,
// is because a commit can succeed and its answer be lost.
func (a *App) removeOrphans(ctx context.Context, subscriptions []uuid.UUID) error {
	if len(subscriptions) == 0 {
		return nil
	}
	live, err := a.store.LiveSubscriptions(ctx, subscriptions)
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range subscriptions {
		if !slices.Contains(live, id) {
			failed = append(failed, a.edge.Remove(ctx, id))
		}
	}
	return errors.Join(failed...)
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
// against it is the same refusal. It makes the durable where it is missing, so that a
// subscription outlives a broker that lost its consumers.
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
