package wire

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/brokeredge"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// EdgeConsumer is the durable that keeps the broker's edge as the directory's facts say.
const EdgeConsumer = "directory-edge"

var (
	memberName       = resname.MustPattern("workspaces/{workspace}/members/{member}")
	tokenName        = resname.MustPattern("workspaces/{workspace}/members/{member}/apiTokens/{api_token}")
	subscriptionName = resname.MustPattern("workspaces/{workspace}/eventSubscriptions/{event_subscription}")
)

// OnEdge registers the handlers of the facts that end what integrators may do. Each may run twice: what is closed
// already is not there to be closed.
func OnEdge(r *eventbus.Router, use *app.App) {
	eventbus.On(r, onSubscriptionDeleted(use))
	eventbus.On(r, onTokenRevoked(use))
	eventbus.On(r, onMemberDeactivated(use))
	eventbus.On(r, onMemberUpdated(use))
}

// Edge is the broker behind app.Edge.
type Edge struct {
	consumers    *brokeredge.Consumers
	disconnector *brokeredge.Disconnector
}

var _ app.Edge = (*Edge)(nil)

// NewEdge works on the broker. Without a disconnector, where nobody answers the callout, there are no connections to
// close.
func NewEdge(consumers *brokeredge.Consumers, disconnector *brokeredge.Disconnector) *Edge {
	return &Edge{consumers: consumers, disconnector: disconnector}
}

// Ensure implements app.Edge.
func (e *Edge) Ensure(ctx context.Context, s domain.Subscription) error {
	return e.consumers.Ensure(ctx, brokeredge.Consumer{
		Subscription: s.ID, Workspace: s.Workspace, Filters: s.Subjects(), StartTime: s.StartTime,
		StartSequence: uint64(max(s.StartSequence, 0)),
	})
}

// Remove implements app.Edge.
func (e *Edge) Remove(ctx context.Context, subscription uuid.UUID) error {
	return e.consumers.Delete(ctx, subscription)
}

// Durables implements app.Edge.
func (e *Edge) Durables(ctx context.Context) ([]uuid.UUID, error) { return e.consumers.List(ctx) }

// Disconnect implements app.Edge.
func (e *Edge) Disconnect(ctx context.Context, match func(app.Connection) bool) error {
	if e.disconnector == nil {
		return nil
	}
	_, err := e.disconnector.Disconnect(ctx, func(o brokeredge.Owner) bool { return match(app.Connection(o)) })
	return err
}

// Admit is the rule of the auth callout.
func Admit(use *app.App) brokeredge.Decide {
	return func(ctx context.Context, attempt brokeredge.Attempt) (brokeredge.Grant, error) {
		let, err := use.Admit(ctx, attempt.User, attempt.Password)
		if fault.Is(err, fault.Unauthenticated) {
			return brokeredge.Grant{}, brokeredge.ErrRefused
		}
		if err != nil {
			return brokeredge.Grant{}, err
		}
		return brokeredge.Grant{
			Consumer: brokeredge.ConsumerName(let.Subscription.ID), InboxPrefix: let.Subscription.InboxPrefix,
			Owner: brokeredge.Owner(let.Connection), Expires: let.Expires,
		}, nil
	}
}

// idOf is the last id of a name.
func idOf(pattern *resname.Pattern, name string) (uuid.UUID, error) {
	ids, err := pattern.ParseUUIDs("name", name)
	if err != nil {
		return uuid.UUID{}, err
	}
	return ids[len(ids)-1], nil
}
