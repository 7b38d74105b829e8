package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// ErrTaken says that a claimed request was made before. It is a fault for the moment in which its record is cleared.
var ErrTaken = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the request_id is being cleared; try again")

// ErrLocked says that a group of posts gave up waiting for another transaction.
var ErrLocked = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the database is too busy; try again")

// Store is the service's database. Every method is confined to the workspace it is given.
type Store interface {
	ThreadReader
	MessageReader
	ReadStateReader
	Searcher
	AskReader
	DueStore
	SourceReader

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
	ThreadTx
	MessageTx
	ReadStateTx
	SearchTx
	ImportTx
	AskTx
	DueTx
	EventTx

	// SpaceRight is Store.SpaceRight within the transaction.
	SpaceRight(ctx context.Context, member, space uuid.UUID) (auth.Right, error)
	// Replay claims the request for the resource of that name, at once. replayed says that the same request was made
	// before.
	Replay(ctx context.Context, name string) (replayed bool, err error)
	// Claim is Replay among the writes, for what makes a new resource.
	Claim(ctx context.Context, name string)
	// Publish publishes events with the transaction, in their order. The rows of
	// their threads or asks must be locked by it.
	Publish(ctx context.Context, at time.Time, actor string, events ...domain.Event) error
}
