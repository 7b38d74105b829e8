package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
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

// question is whose right on which space the directory may know better.
type question struct{ member, space uuid.UUID }

// refused is a refusal by the projection.
type refused struct {
	question
	fault error
}

func (r *refused) Error() string { return r.fault.Error() }
func (r *refused) Unwrap() error { return r.fault }

// refuse compares the right a caller has on a space with what the method needs. name is the resource's.
func refuse(ctx context.Context, caller auth.Caller, have auth.Right, space uuid.UUID, name string) error {
	return refuseBelow(caller, have, auth.Need(ctx), space, name)
}

func refuseBelow(caller auth.Caller, have, need auth.Right, space uuid.UUID, name string) error {
	if err := auth.CheckRight(have, need, name); err != nil {
		return &refused{question: question{caller.Member, space}, fault: err}
	}
	return nil
}

// doubted is a refusal that the directory may know better: that the caller does not manage the space, or is not of a team.
// Any other error is as it was.
func doubted(caller auth.Caller, space uuid.UUID, err error, reasons ...string) error {
	if err == nil || !slices.Contains(reasons, fault.From(err).Reason) {
		return err
	}
	return &refused{question: question{caller.Member, space}, fault: err}
}

// confirmed runs what the projection may refuse, for the caller or for somebody whom the request names. A refusal is put
// to the directory, each once, and what was refused is tried again.
func (a *App) confirmed(ctx context.Context, ws uuid.UUID, try func() error) error {
	asked := map[question]bool{}
	for {
		err := try()
		refusal, ok := errors.AsType[*refused](err)
		if !ok {
			return err
		}
		if asked[refusal.question] {
			return refusal.fault
		}
		asked[refusal.question] = true
		if err := a.access.Confirm(ctx, ws, refusal.member, refusal.space); err != nil {
			return err
		}
	}
}

// write runs fn in a transaction of the caller's workspace, with confirmed.
func (a *App) write(ctx context.Context, caller auth.Caller, fn func(ctx context.Context, tx Tx) error) error {
	return a.confirmed(ctx, caller.Workspace, func() error { return a.store.InTx(ctx, caller.Workspace, fn) })
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
	case fault.Invalid, fault.Precondition, fault.Aborted, fault.AlreadyExists:
		return true
	default:
		return false
	}
}

// now is the domain's time as the database keeps it, in microseconds.
func (a *App) now() time.Time { return a.clock.Now().UTC().Truncate(time.Microsecond) }

// service is who acts where time alone does, and where another service's news are followed.
const service = "services/tasks"

// keep writes what became of a relay and publishes it. Without events nothing is written.
func (a *App) keep(ctx context.Context, tx Tx, r *domain.Relay, actor string) error {
	if len(r.Events) == 0 {
		return nil
	}
	if err := tx.SaveRelay(ctx, r); err != nil {
		return err
	}
	return tx.Publish(ctx, r.Now, actor, r.Events...)
}

// woken wakes the routing where a relay that was kept has something to route.
func (a *App) woken(r *domain.Relay) {
	if r != nil && len(r.Route) > 0 {
		a.routing()
	}
}

// named adds to a fault that names a holder what they are called.
func named(ctx context.Context, tx Tx, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Metadata[domain.MetaHolder] == "" {
		return err
	}
	holder, parseErr := uuid.Parse(domain.LastID(f.Metadata[domain.MetaHolder]))
	if parseErr != nil {
		return err
	}
	who, readErr := tx.Person(ctx, holder)
	if readErr != nil {
		return readErr
	}
	return f.With("display_name", who.DisplayName)
}
