package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// ShownOverride is an override of a rotation, with the shifts that a change that is only tried would make.
type ShownOverride struct {
	domain.Override
	Ref     RotationRef
	Preview []domain.Shift
}

// Override returns an override of a rotation.
func (a *App) Override(ctx context.Context, ref RotationRef, override uuid.UUID) (ShownOverride, error) {
	if _, err := a.Rotation(ctx, ref); err != nil {
		return ShownOverride{}, err
	}
	o, err := a.store.Override(ctx, ref, override)
	if err == nil && !o.DeleteTime.IsZero() {
		err = fault.NotFoundName(domain.OverrideName(ref.Workspace, ref.Team, ref.Rotation, override))
	}
	return ShownOverride{Override: o, Ref: ref}, err
}

// Overrides lists the overrides of a rotation, the newest first.
func (a *App) Overrides(ctx context.Context, ref RotationRef, p Page) (page.Result[ShownOverride, Cursor], error) {
	none := page.Result[ShownOverride, Cursor]{}
	if _, err := a.Rotation(ctx, ref); err != nil {
		return none, err
	}
	found, err := a.store.OverridePage(ctx, ref, p)
	if err != nil {
		return none, err
	}
	shown := page.Result[ShownOverride, Cursor]{Next: found.Next}
	for _, o := range found.Items {
		shown.Items = append(shown.Items, ShownOverride{Override: o, Ref: ref})
	}
	return shown, nil
}

// CreateOverride changes who is on for a while.
func (a *App) CreateOverride(ctx context.Context, ref RotationRef, o domain.Override, dry bool) (ShownOverride, error) {
	var err error
	if o.ID, err = newID(); err != nil {
		return ShownOverride{}, err
	}
	o.Start, o.End = o.Start.Truncate(time.Microsecond), o.End.Truncate(time.Microsecond)
	refusal := a.overriding(ctx, ref.Workspace, o)
	made := o
	done, err := a.changeRotation(ctx, rotationChange{
		ref: ref, name: domain.OverrideName(ref.Workspace, ref.Team, ref.Rotation, o.ID), dry: dry,
		rule: func(ctx context.Context, tx Tx, r *domain.Rotation, now time.Time) ([]domain.Event, error) {
			if refusal != nil {
				return nil, refusal
			}
			added, events, err := r.AddOverride(o, now)
			if err != nil {
				return nil, err
			}
			made = added
			return events, tx.AddOverride(ctx, ref, added)
		},
	})
	if err != nil || done.prior == "" {
		return ShownOverride{Override: made, Ref: ref, Preview: done.preview}, err
	}
	id, err := madeBefore(done.prior)
	if err != nil {
		return ShownOverride{}, err
	}
	again, err := a.store.Override(ctx, ref, id)
	return ShownOverride{Override: again, Ref: ref}, err
}

// overriding refuses members of an override: who is in is ACTIVE, who is out is known.
func (a *App) overriding(ctx context.Context, ws uuid.UUID, o domain.Override) error {
	if _, err := a.caller(ctx, ws); err != nil {
		return err
	}
	if o.In != uuid.Nil {
		if err := a.active(ctx, ws, []uuid.UUID{o.In}, func(int) string { return "rotation_override.in_member" }); err != nil {
			return err
		}
	}
	if o.Out == uuid.Nil {
		return nil
	}
	err := a.confirmed(ctx, ws, o.Out, func() error { return known(a.store.Member(ctx, ws, o.Out)) })
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("rotation_override.out_member", "must be a member of the workspace")
	}
	return err
}

// DeleteOverride takes an override back from now on.
func (a *App) DeleteOverride(ctx context.Context, ref RotationRef, override uuid.UUID, fresh Fresh, dry bool) (ShownOverride, error) {
	var ended domain.Override
	done, err := a.changeRotation(ctx, rotationChange{
		ref: ref, name: domain.OverrideName(ref.Workspace, ref.Team, ref.Rotation, override), dry: dry,
		rule: func(ctx context.Context, tx Tx, r *domain.Rotation, now time.Time) ([]domain.Event, error) {
			o, err := tx.Override(ctx, ref, override)
			if err == nil && !o.DeleteTime.IsZero() {
				err = fault.NotFoundName(domain.OverrideName(ref.Workspace, ref.Team, ref.Rotation, override))
			}
			if err != nil {
				return nil, err
			}
			if err := fresh.check(domain.OverrideRevision); err != nil {
				return nil, err
			}
			events := r.EndOverride(&o, now)
			ended = o
			return events, tx.EndOverride(ctx, ref, o)
		},
	})
	if err != nil || done.prior == "" {
		return ShownOverride{Override: ended, Ref: ref, Preview: done.preview}, err
	}
	ended, err = a.store.Override(ctx, ref, override) // an equal request did it
	return ShownOverride{Override: ended, Ref: ref}, err
}
