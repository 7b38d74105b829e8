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
