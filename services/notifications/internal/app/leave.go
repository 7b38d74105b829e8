package app

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// mostAdmins is how many administrators are told of a time off that no manager decides on.
const mostAdmins = 100

// OnLeaveRequested notifies who decides on a time off: the member's manager, and without one that may, the administrators; and who
// acts for the manager, if they still do.
func (a *App) OnLeaveRequested(ctx context.Context, l domain.Leave) error {
	deciders, err := a.deciders(ctx, l)
	if err != nil {
		return err
	}
	if l.Delegate != uuid.Nil {
		acts, err := a.acting(ctx, l.Workspace, l.Delegate, []uuid.UUID{l.Manager})
		if err != nil {
			return err
		}
		if len(acts) == 0 || slices.Contains(deciders, l.Delegate) {
			l.Delegate = uuid.Nil
		}
	}
	return a.onLeave(ctx, l, deciders, func(names domain.Names) []domain.Notification { return l.Requested(deciders, names) })
}

// deciders asks the directory first: a manager who has just left may be here still as far as this service has heard, and nothing
// would tell of the request again.
func (a *App) deciders(ctx context.Context, l domain.Leave) ([]uuid.UUID, error) {
	if l.Manager != uuid.Nil {
		for _, member := range []uuid.UUID{l.Manager, l.Subject} {
			if err := a.access.Confirm(ctx, l.Workspace, member, uuid.Nil); err != nil {
				return nil, err
			}
		}
		may, err := a.store.Readers(ctx, l.Happening, []domain.Notification{{Recipient: l.Manager}})
		if err != nil {
			return nil, err
		}
		if _, decides := may[l.Manager]; decides {
			return []uuid.UUID{l.Manager}, nil
		}
	}
	return a.store.Admins(ctx, l.Workspace, mostAdmins)
}

// OnLeaveDecided notifies the member, where somebody decided.
func (a *App) OnLeaveDecided(ctx context.Context, l domain.Leave) error {
	return a.onLeave(ctx, l, nil, l.Decided)
}

// OnLeaveCancelled follows that a time off waits for nobody any more.
func (a *App) OnLeaveCancelled(ctx context.Context, l domain.Leave) error {
	return a.onLeave(ctx, l, nil, func(domain.Names) []domain.Notification { return nil })
}

// onLeave is the news of a time off's event, with its drafts.
func (a *App) onLeave(
	ctx context.Context, l domain.Leave, deciders []uuid.UUID, drafts func(names domain.Names) []domain.Notification,
) error {
	names, err := a.names(ctx, l.Workspace, l.Subject, l.DecidedBy, l.Manager)
	if err != nil {
		return err
	}
	return a.notify(ctx, news{Happening: l.Happening, follows: true, waits: l.Waits(deciders), rest: l.Rest(), drafts: drafts(names)})
}

// OnSwapOffered notifies the one whom a shift is offered to by name.
func (a *App) OnSwapOffered(ctx context.Context, s domain.Swapping) error {
	return a.onSwap(ctx, s, s.Offered)
}

// OnSwapTaken notifies who offered.
func (a *App) OnSwapTaken(ctx context.Context, s domain.Swapping) error {
	return a.onSwap(ctx, s, s.Taken)
}

// OnSwapDeclined notifies who offered.
func (a *App) OnSwapDeclined(ctx context.Context, s domain.Swapping) error {
	return a.onSwap(ctx, s, s.Declined)
}

// OnSwapWithdrawn follows that a shift is no longer offered.
func (a *App) OnSwapWithdrawn(ctx context.Context, s domain.Swapping) error {
	return a.onSwap(ctx, s, func(domain.Names) []domain.Notification { return nil })
}

// onSwap is the news of a swap's event, with its drafts.
func (a *App) onSwap(ctx context.Context, s domain.Swapping, drafts func(names domain.Names) []domain.Notification) error {
	names, err := a.names(ctx, s.Workspace, s.Member, s.To, s.Taker)
	if err != nil {
		return err
	}
	return a.notify(ctx, news{Happening: s.Happening, follows: true, waits: s.Waits(), rest: s.Rest(), drafts: drafts(names)})
}
