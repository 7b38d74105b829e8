package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
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

// Reader is a member who reads their inbox.
type Reader struct {
	auth.Caller
	// ActsFor are those for whom they act in approvals now, as far as they were notified in their place.
	ActsFor []uuid.UUID
}

// reader is the calling member. While availability cannot be asked they act for nobody.
func (a *App) reader(ctx context.Context) (Reader, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return Reader{}, err
	}
	r := Reader{Caller: caller}
	of, err := a.store.ActedFor(ctx, caller.Workspace, caller.Member)
	if err != nil {
		return r, err
	}
	if r.ActsFor, err = a.acting(ctx, caller.Workspace, caller.Member, of); unavailable(err) {
		return r, nil
	}
	return r, err
}

// acting are those of some for whom a member acts in approvals now.
func (a *App) acting(ctx context.Context, ws, member uuid.UUID, of []uuid.UUID) ([]uuid.UUID, error) {
	if len(of) == 0 {
		return nil, nil
	}
	delegates, err := a.working.ApprovalDelegates(ctx, ws, of, a.now())
	if err != nil {
		return nil, err
	}
	var all []uuid.UUID
	for i, delegate := range delegates {
		if delegate == member {
			all = append(all, of[i])
		}
	}
	return all, nil
}

// current is nil while the projection of a workspace is known to follow the directory, where nobody calls.
func (a *App) current(ctx context.Context, ws uuid.UUID) error {
	return a.access.Current(auth.NewContext(ctx, auth.Caller{Workspace: ws, Service: "notifications"}))
}

// Fresh tells whether a resource is at the version that the caller has seen; nil asks nothing.
type Fresh func(version int64) error

func (f Fresh) check(version int64) error {
	if f == nil {
		return nil
	}
	return f(version)
}

// unavailable says whether an error means that somebody cannot be asked for now.
func unavailable(err error) bool { return fault.Is(err, fault.Unavailable) }
