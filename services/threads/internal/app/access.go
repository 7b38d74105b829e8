package app

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// Access is the projection of rights that the store's queries read.
type Access interface {
	// Confirm asks the directory what a member may do in a space and corrects the projection. It fails only when the
	// projection cannot be trusted and the directory cannot be asked.
	Confirm(ctx context.Context, ws, member, space uuid.UUID) error
	// Current is nil while the projection is known to follow the directory.
	Current(ctx context.Context) error
}

// caller returns the calling member, once the projection is known to be current.
func (a *App) caller(ctx context.Context) (auth.Caller, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return auth.Caller{}, err
	}
	return caller, a.access.Current(ctx)
}

// Fresh tells whether a resource is at the revision that the caller has seen; nil asks nothing.
type Fresh func(revision int64) error

func (f Fresh) check(revision int64) error {
	if f == nil {
		return nil
	}
	return f(revision)
}

// refused is a refusal by the projection, which the directory may know better.
type refused struct {
	space uuid.UUID
	fault error
}

func (r *refused) Error() string { return r.fault.Error() }
func (r *refused) Unwrap() error { return r.fault }

// refuse compares the right a caller has on a space with what the method needs. name is the resource's.
func refuse(ctx context.Context, have auth.Right, space uuid.UUID, name string) error {
	return refuseBelow(have, auth.Need(ctx), space, name)
}

func refuseBelow(have, need auth.Right, space uuid.UUID, name string) error {
	if err := auth.CheckRight(have, need, name); err != nil {
		return &refused{space: space, fault: err}
	}
	return nil
}

// confirmed runs what the projection may refuse. A refusal is put to the directory, and what was refused is tried once
// more.
func (a *App) confirmed(ctx context.Context, caller auth.Caller, try func() error) error {
	err := try()
	refusal, ok := errors.AsType[*refused](err)
	if !ok {
		return err
	}
	if err := a.access.Confirm(ctx, caller.Workspace, caller.Member, refusal.space); err != nil {
		return err
	}
	err = try()
	if refusal, ok := errors.AsType[*refused](err); ok {
		return refusal.fault
	}
	return err
}

// write runs fn in a transaction of the caller's workspace, with confirmed.
func (a *App) write(ctx context.Context, caller auth.Caller, fn func(ctx context.Context, tx Tx) error) error {
	return a.confirmed(ctx, caller, func() error { return a.store.InTx(ctx, caller.Workspace, fn) })
}

// create is write for what makes a new resource, whose request is claimed among the writes. When it turns out to be a
// repetition, also of a request that the present state would refuse, prior is the name of what was made then.
func (a *App) create(ctx context.Context, caller auth.Caller, fn func(ctx context.Context, tx Tx) error) (prior string, err error) {
	err = a.write(ctx, caller, fn)
	if err == nil || !errors.Is(err, ErrTaken) && !stateful(err) {
		return "", err
	}
	prior, found, priorErr := a.store.Prior(ctx, caller.Workspace)
	switch {
	case priorErr != nil:
		return "", priorErr
	case found:
		return prior, nil
	}
	return "", err
}

// stateful says whether an error is a refusal by the state, which comes after the replay of a request.
func stateful(err error) bool {
	switch fault.From(err).Kind {
	case fault.Invalid, fault.Precondition, fault.Aborted:
		return true
	default:
		return false
	}
}

// now is the domain's time as the database keeps it, in microseconds.
func (a *App) now() time.Time { return a.clock.Now().UTC().Truncate(time.Microsecond) }

// publish publishes what a member did.
func publish(ctx context.Context, tx Tx, caller auth.Caller, at time.Time, events []domain.Event) error {
	if len(events) == 0 {
		return nil
	}
	return tx.Publish(ctx, at, caller.Principal(), events...)
}
