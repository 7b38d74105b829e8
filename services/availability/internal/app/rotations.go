package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// ShownRotation is a rotation as it is shown at an instant, with what a change that is only tried would make of it.
type ShownRotation struct {
	domain.Rotation
	At      time.Time
	Preview []domain.Shift
}

// Rotation returns a rotation with its turns from now on.
func (a *App) Rotation(ctx context.Context, ref RotationRef) (ShownRotation, error) {
	if _, err := a.caller(ctx, ref.Workspace); err != nil {
		return ShownRotation{}, err
	}
	shown, err := a.rotation(ctx, ref)
	if err == nil && !shown.DeleteTime.IsZero() {
		err = fault.NotFoundName(domain.RotationName(ref.Workspace, ref.Team, ref.Rotation))
	}
	return shown, err
}

// rotation is a rotation as it now stands, deleted or not.
func (a *App) rotation(ctx context.Context, ref RotationRef) (ShownRotation, error) {
	r, err := a.store.Rotation(ctx, ref)
	if err != nil {
		return ShownRotation{}, err
	}
	now, all := a.now(), []domain.Rotation{r}
	err = a.store.Turns(ctx, ref.Workspace, all, now, domain.Ever())
	return ShownRotation{Rotation: all[0], At: now}, err
}

// Rotations lists a team's rotations, the newest first.
func (a *App) Rotations(ctx context.Context, ws, team uuid.UUID, p Page) (page.Result[ShownRotation, Cursor], error) {
	none := page.Result[ShownRotation, Cursor]{}
	if _, err := a.caller(ctx, ws); err != nil {
		return none, err
	}
	if err := a.store.Team(ctx, ws, team); err != nil {
		return none, err
	}
	found, err := a.store.Rotations(ctx, ws, team, p)
	if err != nil {
		return none, err
	}
	now := a.now()
	if err := a.store.Turns(ctx, ws, found.Items, now, domain.Ever()); err != nil {
		return none, err
	}
	shown := page.Result[ShownRotation, Cursor]{Next: found.Next}
	for _, r := range found.Items {
		shown.Items = append(shown.Items, ShownRotation{Rotation: r, At: now})
	}
	return shown, nil
}

// CreateRotation makes a rotation of a team.
func (a *App) CreateRotation(ctx context.Context, ws, team uuid.UUID, name string, turns domain.Turns, dry bool) (ShownRotation, error) {
	id, err := newID()
	if err != nil {
		return ShownRotation{}, err
	}
	if turns.ID, err = newID(); err != nil {
		return ShownRotation{}, err
	}
	refusal := a.activeInTurns(ctx, ws, turns)
	ref := RotationRef{ws, team, id}
	var done rotationChanged
	err = a.onTeam(ctx, ws, func(ctx context.Context, tx Tx, caller auth.Caller) error {
		if err := tx.LockTeam(ctx, team); err != nil {
			return err
		}
		if err := mayLead(ctx, tx, caller, team); err != nil {
			return err
		}
		var replayed bool
		if done.prior, replayed, err = replay(ctx, tx, domain.RotationName(ws, team, id), dry); err != nil || replayed {
			return err
		}
		if refusal != nil {
			return refusal
		}
		now := a.now()
		r, events, err := newRotation(ctx, tx, domain.Rotation{Workspace: ws, Team: team, ID: id, Name: name}, turns, now)
		if err != nil {
			return err
		}
		return done.keep(ctx, tx, dry, caller, r, now, events)
	})
	return a.shown(ctx, ref, done, err)
}

func newRotation(
	ctx context.Context, tx Tx, r domain.Rotation, turns domain.Turns, now time.Time,
) (domain.Rotation, []domain.Event, error) {
	have, err := tx.CountRotations(ctx, r.Team)
	if err != nil {
		return r, nil, err
	}
	if err := r.CheckRotations(have); err != nil {
		return r, nil, err
	}
	r, events, err := domain.NewRotation(r, turns, now)
	if err != nil {
		return r, nil, err
	}
	if err := tx.AddRotation(ctx, r); err != nil {
		return r, nil, err
	}
	ref := RotationRef{r.Workspace, r.Team, r.ID}
	return r, events, tx.AddTurns(ctx, ref, r.Turns[0])
}

// activeInTurns refuses turns of members who are not ACTIVE.
func (a *App) activeInTurns(ctx context.Context, ws uuid.UUID, turns domain.Turns) error {
	if _, err := a.caller(ctx, ws); err != nil {
		return err
	}
	return a.active(ctx, ws, turns.Members, func(i int) string { return fmt.Sprintf("rotation.turns.members[%d]", i) })
}

// shown is what came of a change of a rotation, or what an equal request made.
func (a *App) shown(ctx context.Context, ref RotationRef, done rotationChanged, err error) (ShownRotation, error) {
	if err != nil && !errors.Is(err, errDry) {
		return ShownRotation{}, err
	}
	if done.prior == "" {
		return ShownRotation{Rotation: done.rotation, At: a.now(), Preview: done.preview}, nil
	}
	if ref.Rotation, err = madeBefore(done.prior); err != nil {
		return ShownRotation{}, err
	}
	return a.rotation(ctx, ref)
}

// UpdateRotation changes a rotation.
func (a *App) UpdateRotation(ctx context.Context, ref RotationRef, fresh Fresh, c domain.RotationChange, dry bool) (ShownRotation, error) {
	var refusal error
	if c.Turns != nil {
		id, err := newID()
		if err != nil {
			return ShownRotation{}, err
		}
		c.Turns.ID = id
		refusal = a.activeInTurns(ctx, ref.Workspace, *c.Turns)
	}
	done, err := a.changeRotation(ctx, rotationChange{
		ref: ref, name: domain.RotationName(ref.Workspace, ref.Team, ref.Rotation), dry: dry,
		rule: func(ctx context.Context, tx Tx, r *domain.Rotation, now time.Time) ([]domain.Event, error) {
			if refusal != nil {
				return nil, refusal
			}
			if err := fresh.check(r.Revision); err != nil {
				return nil, err
			}
			events, err := r.Update(c, now)
			if err != nil || c.Turns == nil {
				return events, err
			}
			if last := r.Turns[len(r.Turns)-1]; last.ID == c.Turns.ID {
				return events, tx.AddTurns(ctx, ref, last)
			}
			return events, nil
		},
	})
	return a.shown(ctx, ref, done, err)
}

// DeleteRotation ends a rotation from now on.
func (a *App) DeleteRotation(ctx context.Context, ref RotationRef, fresh Fresh, dry bool) (ShownRotation, error) {
	done, err := a.changeRotation(ctx, rotationChange{
		ref: ref, name: domain.RotationName(ref.Workspace, ref.Team, ref.Rotation), dry: dry,
		rule: func(_ context.Context, _ Tx, r *domain.Rotation, now time.Time) ([]domain.Event, error) {
			if err := fresh.check(r.Revision); err != nil {
				return nil, err
			}
			return r.Delete(now), nil
		},
	})
	return a.shown(ctx, ref, done, err)
}
