package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// ErrTaken says that a claimed request was made before. It is a fault for the moment in which its record is cleared.
var ErrTaken = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the request_id is being cleared; try again")

// Store is the service's database. Every method but those of Due is confined to the workspace it is given.
type Store interface {
	ProjectReader
	TaskReader
	HandoffReader
	SourceReader
	RoutingStore
	ExpiryStore

	// SpaceRight returns the right that a member has on a space, NoRight for a space that is not there.
	SpaceRight(ctx context.Context, ws, member, space uuid.UUID) (auth.Right, error)
	// Prior returns the name kept for the request under way when it was made before; found is false when it was not, or
	// has no request_id.
	Prior(ctx context.Context, ws uuid.UUID) (name string, found bool, err error)
	// InTx runs fn in one transaction of the workspace, again when the database asks for it. What fn writes is sent
	// when it returns, with the commit. It fails with ErrTaken when the request that fn claimed was made before.
	InTx(ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, tx Tx) error) error
}

// Tx is a transaction under way. Reads happen at once; writes are gathered and sent together at its end.
type Tx interface {
	ProjectTx
	RelayTx
	PeopleTx

	// SpaceRight is Store.SpaceRight within the transaction.
	SpaceRight(ctx context.Context, member, space uuid.UUID) (auth.Right, error)
	// Replay claims the request for the resource of that name, at once. When the same request was made before, prior is
	// the name that was kept then.
	Replay(ctx context.Context, name string) (prior string, replayed bool, err error)
	// Claim is Replay among the writes, for what makes a new resource.
	Claim(ctx context.Context, name string)
	// Publish publishes events with the transaction, in their order. Their projects' or tasks' rows must be locked by it.
	Publish(ctx context.Context, at time.Time, actor string, events ...domain.Event) error
}

// RelayTx reads and writes tasks with what travels with them.
type RelayTx interface {
	// LockRelay locks a task and reads its relay, with the right that the member has on its space. Not there is NotFound.
	LockRelay(ctx context.Context, member, task uuid.UUID) (*domain.Relay, auth.Right, error)
	// LockRelayOf is LockRelay for the task of a handoff, which it returns as well.
	LockRelayOf(ctx context.Context, member, handoff uuid.UUID) (*domain.Relay, domain.Handoff, auth.Right, error)
	// LockRelaysIn locks the tasks of a locked project that are in one of the states, at most so many, in one order.
	LockRelaysIn(ctx context.Context, project uuid.UUID, states []string, limit int) ([]*domain.Relay, error)
	// AddRelay adds a new task with what it began with.
	AddRelay(ctx context.Context, r *domain.Relay) error
	// SaveRelay keeps what a locked relay has become, and has the routing look at what its news say.
	SaveRelay(ctx context.Context, r *domain.Relay) error
	// Routed says that the routing has looked at a handoff as it was after so many marks.
	Routed(ctx context.Context, handoff uuid.UUID, marks int64) error
	// LookAgain gives back a handoff that the routing has claimed: as it is now, it was not looked at.
	LookAgain(ctx context.Context, handoff uuid.UUID) error
}

// PeopleTx reads what the projection knows of people.
type PeopleTx interface {
	// Person is a member of the workspace, without a name where there is none.
	Person(ctx context.Context, member uuid.UUID) (Person, error)
	// InTeam says whether a member is of a team that is there.
	InTeam(ctx context.Context, team, member uuid.UUID) (bool, error)
	// TeamExists says whether a team is there.
	TeamExists(ctx context.Context, team uuid.UUID) (bool, error)
	// MayReceive says whether a member may take a baton in a space.
	MayReceive(ctx context.Context, member, space uuid.UUID) (bool, error)
	// Receivers are those of a team who may take a baton in a space, by name; all but one, its giver.
	Receivers(ctx context.Context, team, space, giver uuid.UUID) ([]Receiver, error)
}

// Person is what the projection knows of a member.
type Person struct {
	DisplayName string
	// Active says whether they are there, have joined and not left.
	Active bool
}

// Receiver is somebody who may take a baton.
type Receiver struct {
	Member      uuid.UUID
	DisplayName string
}

func ids(receivers []Receiver) []uuid.UUID {
	all := make([]uuid.UUID, len(receivers))
	for i, r := range receivers {
		all[i] = r.Member
	}
	return all
}
