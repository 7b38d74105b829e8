package app

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// rotationChange is a change of a rotation.
type rotationChange struct {
	ref RotationRef
	// name is the resource's that the change is about.
	name string
	// anyone says that the rule itself decides who may; else leads of the team and ADMINs may.
	anyone bool
	// dry says that nothing is kept.
	dry  bool
	rule func(ctx context.Context, tx Tx, r *domain.Rotation, now time.Time) ([]domain.Event, error)
}

// rotationChanged is what came of a change.
type rotationChanged struct {
	// prior is the name of what an equal request made before, empty when the rule was run.
	prior    string
	rotation domain.Rotation
	preview  []domain.Shift
}

// changeRotation is the frame of every change of a rotation: lock, right, replay, rule, save, publish. The rule gets the
// rotation with its turns and overrides from now on.
func (a *App) changeRotation(ctx context.Context, c rotationChange) (rotationChanged, error) {
	var done rotationChanged
	err := a.onTeam(ctx, c.ref.Workspace, func(ctx context.Context, tx Tx, caller auth.Caller) error {
		r, err := tx.LockRotation(ctx, c.ref)
		if err != nil {
			return err
		}
		if !c.anyone {
			if err := mayLead(ctx, tx, caller, c.ref.Team); err != nil {
				return err
			}
		}
		var replayed bool
		if done.prior, replayed, err = replay(ctx, tx, c.name, c.dry); err != nil || replayed {
			return err
		}
		if !r.DeleteTime.IsZero() {
			return fault.NotFoundName(domain.RotationName(c.ref.Workspace, c.ref.Team, c.ref.Rotation))
		}
		now := a.now()
		if err := tx.Layers(ctx, &r, now, domain.Ever()); err != nil {
			return err
		}
		events, err := c.rule(ctx, tx, &r, now)
		if err != nil {
			return err
		}
		return done.keep(ctx, tx, c.dry, caller, r, now, events)
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return done, err
}

// keep saves a changed rotation and publishes, or previews a change that is only tried.
func (d *rotationChanged) keep(
	ctx context.Context, tx Tx, dry bool, caller auth.Caller, r domain.Rotation, now time.Time, events []domain.Event,
) error {
	d.rotation = r
	if dry {
		from, changes := domain.ChangesFrom(events, now)
		if !changes {
			return errDry
		}
		w, err := lay(ctx, tx, &r, from, from.Add(domain.PreviewTime))
		if err != nil {
			return err
		}
		d.preview = w.Preview(from)
		return errDry
	}
	if len(events) == 0 {
		return nil
	}
	if err := tx.SaveRotation(ctx, r); err != nil {
		return err
	}
	if err := tx.WatchCoverage(ctx, r.Team, now.Add(domain.LookSoon)); err != nil {
		return err
	}
	return publish(ctx, tx, caller, now, events)
}

// onTeam runs a change of a team's thing in a transaction. A caller who is refused because they seem not to lead the team is
// put to the directory.
func (a *App) onTeam(ctx context.Context, ws uuid.UUID, change func(ctx context.Context, tx Tx, caller auth.Caller) error) error {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return err
	}
	return a.confirmed(ctx, ws, caller.Member, func() error {
		return a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error { return change(ctx, tx, caller) })
	})
}

// mayLead refuses who does not lead the team and is no ADMIN.
func mayLead(ctx context.Context, tx Tx, caller auth.Caller, team uuid.UUID) error {
	if caller.Role >= auth.Admin {
		return nil
	}
	leads, err := tx.IsLead(ctx, team, caller.Member)
	if err != nil || leads {
		return err
	}
	return &stranger{fault.DeniedFor("change this without leading the team or being an ADMIN")}
}

// lay lays a locked rotation for what is between two instants.
func lay(ctx context.Context, tx Tx, r *domain.Rotation, from, until time.Time) (domain.Watch, error) {
	var people domain.People
	if members := unique(r.Members()); len(members) > 0 {
		var err error
		if people, err = layAll(tx.Records(ctx, members, from.Add(-memory), until.Add(margin))); err != nil {
			return domain.Watch{}, err
		}
	}
	return r.Lay(people)
}

// active refuses members who are not ACTIVE or are GUESTs, each by the field that names them: a GUEST sees no rotation. The directory
// is asked outside of the transaction; the refusal is for a request that was not done before.
func (a *App) active(ctx context.Context, ws uuid.UUID, members []uuid.UUID, field func(i int) string) error {
	now := a.now()
	people, err := a.people(ctx, ws, unique(members), now, now)
	if err != nil {
		return err
	}
	for i, member := range members {
		switch person := people[member]; {
		case !person.Active:
			return fault.InvalidField(field(i), "must be an ACTIVE member of the workspace")
		case person.Guest:
			return fault.InvalidField(field(i), "must not be a GUEST")
		}
	}
	return nil
}
