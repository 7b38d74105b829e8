package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// ShownSwap is a swap of a rotation as it is now, with the shifts that taking it would make where that is only tried.
type ShownSwap struct {
	domain.Swap
	Ref     RotationRef
	Preview []domain.Shift
}

// Swap returns a swap of a rotation.
func (a *App) Swap(ctx context.Context, ref RotationRef, swap uuid.UUID) (ShownSwap, error) {
	if _, err := a.Rotation(ctx, ref); err != nil {
		return ShownSwap{}, err
	}
	return a.swap(ctx, ref, swap)
}

func (a *App) swap(ctx context.Context, ref RotationRef, swap uuid.UUID) (ShownSwap, error) {
	s, err := a.store.Swap(ctx, ref, swap)
	return ShownSwap{Swap: s.At(a.now()), Ref: ref}, err
}

// Swaps lists the swaps of a rotation, the newest first.
func (a *App) Swaps(ctx context.Context, ref RotationRef, p Page) (page.Result[ShownSwap, Cursor], error) {
	none := page.Result[ShownSwap, Cursor]{}
	if _, err := a.Rotation(ctx, ref); err != nil {
		return none, err
	}
	found, err := a.store.Swaps(ctx, ref, p)
	if err != nil {
		return none, err
	}
	shown, now := page.Result[ShownSwap, Cursor]{Next: found.Next}, a.now()
	for _, s := range found.Items {
		shown.Items = append(shown.Items, ShownSwap{Swap: s.At(now), Ref: ref})
	}
	return shown, nil
}

// CreateSwap offers time on: the caller's when the swap names no member.
func (a *App) CreateSwap(ctx context.Context, ref RotationRef, s domain.Swap, dry bool) (ShownSwap, error) {
	caller, err := a.caller(ctx, ref.Workspace)
	if err != nil {
		return ShownSwap{}, err
	}
	if s.ID, err = newID(); err != nil {
		return ShownSwap{}, err
	}
	if s.Member == uuid.Nil {
		s.Member = caller.Member
	}
	s.Start, s.End = s.Start.Truncate(time.Microsecond), s.End.Truncate(time.Microsecond)
	var refusal error
	if s.To != uuid.Nil {
		refusal = a.active(ctx, ref.Workspace, []uuid.UUID{s.To}, func(int) string { return "rotation_swap.to_member" })
	}
	return a.changeSwap(ctx, ref, s.ID, dry, func(ctx context.Context, tx Tx, r *domain.Rotation, now time.Time) (domain.Swap, []domain.Event, error) {
		if err := mayActFor(ctx, tx, caller, ref.Team, s.Member); err != nil {
			return s, nil, err
		}
		if refusal != nil {
			return s, nil, refusal
		}
		w, err := lay(ctx, tx, r, s.Start, s.End)
		if err != nil {
			return s, nil, err
		}
		made, events, err := r.Offer(w, s, now)
		if err != nil {
			return s, nil, err
		}
		return made, events, tx.AddSwap(ctx, ref, made)
	})
}

// mayActFor refuses who is not the member, does not lead the team and is no ADMIN.
func mayActFor(ctx context.Context, tx Tx, caller auth.Caller, team, member uuid.UUID) error {
	if caller.Member == member {
		return nil
	}
	return mayLead(ctx, tx, caller, team)
}

// TakeSwap gives the caller the time of a swap. Of two at once one wins: they lock the rotation.
func (a *App) TakeSwap(ctx context.Context, ref RotationRef, swap uuid.UUID, fresh Fresh, dry bool) (ShownSwap, error) {
	override, err := newID()
	if err != nil {
		return ShownSwap{}, err
	}
	taken, err := a.onSwap(ctx, ref, swap, fresh, dry, func(ctx context.Context, tx Tx, by auth.Caller, r *domain.Rotation, s *domain.Swap, now time.Time) ([]domain.Event, error) {
		if !r.MayTake(s, by.Member) {
			return nil, fault.DeniedFor("take a swap that is not offered to them")
		}
		w, err := lay(ctx, tx, r, s.Start, s.End)
		if err != nil {
			return nil, err
		}
		o, events, err := r.Take(w, s, by.Member, override, now)
		if err != nil {
			return nil, err
		}
		return events, tx.AddOverride(ctx, ref, o)
	})
	if dry {
		taken.Override = uuid.Nil // it would be another
	}
	return taken, err
}

// DeclineSwap says that the caller, whom a swap was offered to by name, does not take it.
func (a *App) DeclineSwap(ctx context.Context, ref RotationRef, swap uuid.UUID, fresh Fresh, dry bool) (ShownSwap, error) {
	return a.onSwap(ctx, ref, swap, fresh, dry, func(_ context.Context, _ Tx, by auth.Caller, r *domain.Rotation, s *domain.Swap, now time.Time) ([]domain.Event, error) {
		if s.To != by.Member {
			return nil, fault.DeniedFor("decline a swap that is not offered to them by name")
		}
		return r.Close(s, domain.SwapDeclined, now)
	})
}

// WithdrawSwap takes a swap back.
func (a *App) WithdrawSwap(ctx context.Context, ref RotationRef, swap uuid.UUID, fresh Fresh, dry bool) (ShownSwap, error) {
	return a.onSwap(ctx, ref, swap, fresh, dry, func(ctx context.Context, tx Tx, by auth.Caller, r *domain.Rotation, s *domain.Swap, now time.Time) ([]domain.Event, error) {
		if err := mayActFor(ctx, tx, by, ref.Team, s.Member); err != nil {
			return nil, err
		}
		return r.Close(s, domain.SwapWithdrawn, now)
	})
}

// onSwap changes a swap that is there, or with dry only tries to.
func (a *App) onSwap(
	ctx context.Context, ref RotationRef, swap uuid.UUID, fresh Fresh, dry bool,
	rule func(ctx context.Context, tx Tx, by auth.Caller, r *domain.Rotation, s *domain.Swap, now time.Time) ([]domain.Event, error),
) (ShownSwap, error) {
	by, err := a.caller(ctx, ref.Workspace)
	if err != nil {
		return ShownSwap{}, err
	}
	return a.changeSwap(ctx, ref, swap, dry, func(ctx context.Context, tx Tx, r *domain.Rotation, now time.Time) (domain.Swap, []domain.Event, error) {
		s, err := tx.Swap(ctx, ref, swap)
		if err != nil {
			return s, nil, err
		}
		if err := fresh.check(s.Revision); err != nil {
			return s, nil, err
		}
		events, err := rule(ctx, tx, by, r, &s, now)
		if err != nil {
			return s, nil, err
		}
		return s, events, tx.SaveSwap(ctx, ref, s)
	})
}

func (a *App) changeSwap(
	ctx context.Context, ref RotationRef, swap uuid.UUID, dry bool,
	rule func(ctx context.Context, tx Tx, r *domain.Rotation, now time.Time) (domain.Swap, []domain.Event, error),
) (ShownSwap, error) {
	var changed domain.Swap
	done, err := a.changeRotation(ctx, rotationChange{
		ref: ref, name: domain.SwapName(ref.Workspace, ref.Team, ref.Rotation, swap), anyone: true, dry: dry,
		rule: func(ctx context.Context, tx Tx, r *domain.Rotation, now time.Time) ([]domain.Event, error) {
			s, events, err := rule(ctx, tx, r, now)
			changed = s
			return events, err
		},
	})
	if err != nil || done.prior == "" {
		return ShownSwap{Swap: changed, Ref: ref, Preview: done.preview}, err
	}
	id, err := madeBefore(done.prior)
	if err != nil {
		return ShownSwap{}, err
	}
	return a.swap(ctx, ref, id)
}
