package app

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// rightReader tells what a member may do in a space.
type rightReader interface {
	SpaceRight(ctx context.Context, ws, member, space uuid.UUID) (domain.Right, error)
}

// maySpace refuses a caller whose right on a space is not what the method needs. Administrators manage every space,
// also the PRIVATE ones whose content they do not read.
func maySpace(ctx context.Context, rights rightReader, ws, space uuid.UUID) error {
	caller, err := auth.Require(ctx)
	if err != nil || caller.Role >= auth.Admin {
		return err
	}
	have, err := rights.SpaceRight(ctx, ws, caller.Member, space)
	if err != nil {
		return err
	}
	return auth.CheckRight(auth.Right(have), auth.Need(ctx), domain.SpaceName(ws, space))
}

// Space returns a space that the caller may read or manage.
func (a *App) Space(ctx context.Context, ws, space uuid.UUID) (domain.Space, error) {
	if err := maySpace(ctx, a.store, ws, space); err != nil {
		return domain.Space{}, err
	}
	return a.store.Space(ctx, ws, space)
}

// Spaces lists the spaces that the caller may read or manage.
func (a *App) Spaces(ctx context.Context, ws uuid.UUID, l Listing) (page.Result[domain.Space, Cursor], error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return page.Result[domain.Space, Cursor]{}, err
	}
	member := caller.Member
	if caller.Role >= auth.Admin {
		member = uuid.Nil
	}
	return a.store.Spaces(ctx, ws, member, l)
}

// SpaceAccess lists who was given a right on a space.
func (a *App) SpaceAccess(
	ctx context.Context, ws, space uuid.UUID, p page.Request[Cursor],
) (page.Result[domain.SpaceAccess, Cursor], error) {
	if _, err := a.Space(ctx, ws, space); err != nil {
		return page.Result[domain.SpaceAccess, Cursor]{}, err
	}
	return a.store.SpaceAccess(ctx, ws, space, p)
}

// NewSpace is what CreateSpace is asked for.
type NewSpace struct {
	DisplayName, Description string
	Visibility               domain.Visibility
}

// CreateSpace makes a space with the caller as its MANAGER.
func (a *App) CreateSpace(ctx context.Context, ws uuid.UUID, in NewSpace) (domain.Space, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return domain.Space{}, err
	}
	var s domain.Space
	err = a.write(ctx, ws, func(ctx context.Context, c *change) error {
		id := newID()
		prior, replayed, err := c.Replay(ctx, domain.SpaceName(ws, id))
		if err != nil {
			return err
		}
		if replayed {
			if id, err = priorID(prior); err != nil {
				return err
			}
			s, err = c.LockSpace(ctx, ws, id)
			return err
		}
		if s, err = domain.NewSpace(ws, id, in.DisplayName, in.Description, in.Visibility, c.now); err != nil {
			return err
		}
		created := s
		changes := s.SetAccess(nil, []domain.SpaceAccess{{Principal: caller.Member, Right: domain.Manager}}, c.now)
		if err := c.InsertSpace(ctx, s); err != nil {
			return err
		}
		c.note("space.create", s.Name(), map[string]string{
			"display_name": s.DisplayName, "visibility": s.Visibility.String(),
		}, domain.SpaceCreated{Space: created}, domain.SpaceAccessChanged{Space: s, Changes: changes})
		return c.PutSpaceAccess(ctx, changes)
	})
	return s, err
}

// UpdateSpace changes a space.
func (a *App) UpdateSpace(ctx context.Context, ws, space uuid.UUID, match Match, wanted domain.SpaceChange) (domain.Space, error) {
	return a.changeSpace(ctx, ws, space, match, func(ctx context.Context, c *change, s *domain.Space) error {
		changed, err := s.Change(wanted, c.now)
		if err != nil || len(changed) == 0 {
			return err
		}
		c.note("space.update", s.Name(), words(changed, func(field string) string {
			return map[string]string{
				"display_name": s.DisplayName, "description": s.Description, "visibility": s.Visibility.String(),
			}[field]
		}), domain.SpaceUpdated{Space: *s, Changed: changed})
		return c.UpdateSpace(ctx, *s)
	})
}

// SetSpaceAccess gives, changes and takes away rights on a space.
func (a *App) SetSpaceAccess(
	ctx context.Context, ws, space uuid.UUID, match Match, wanted []domain.SpaceAccess,
) (domain.Space, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return domain.Space{}, err
	}
	ids := make([]uuid.UUID, len(wanted))
	seen := make(map[uuid.UUID]bool, len(wanted))
	for i, w := range wanted {
		if ids[i] = w.Principal; seen[w.Principal] {
			return domain.Space{}, fault.InvalidField(fmt.Sprintf("changes[%d].principal", i), "must stand there once")
		}
		seen[w.Principal] = true
	}
	return a.changeSpace(ctx, ws, space, match, func(ctx context.Context, c *change, s *domain.Space) error {
		if err := c.mayHold(ctx, wanted, ids); err != nil {
			return err
		}
		there, err := c.SpaceAccessByID(ctx, ws, space, ids)
		if err != nil {
			return err
		}
		changes := s.SetAccess(there, wanted, c.now)
		if len(changes) == 0 {
			return nil
		}
		if err := c.PutSpaceAccess(ctx, changes); err != nil {
			return err
		}
		action := "space.set_access"
		if addsSelf(changes, there, caller.Member) {
			action = "space.add_self"
		}
		c.note(action, s.Name(), accessWords(changes), domain.SpaceAccessChanged{Space: *s, Changes: changes})
		return c.UpdateSpace(ctx, *s)
	})
}

// changeSpace runs fn on the locked space, after the right, the replay and the etag.
func (a *App) changeSpace(
	ctx context.Context, ws, space uuid.UUID, match Match, fn func(context.Context, *change, *domain.Space) error,
) (domain.Space, error) {
	var s domain.Space
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		var err error
		if s, err = c.LockSpace(ctx, ws, space); err != nil {
			return err
		}
		if err := maySpace(ctx, c, ws, space); err != nil {
			return err
		}
		if _, replayed, err := c.Replay(ctx, s.Name()); err != nil || replayed {
			return err
		}
		if err := match.check(s.Version); err != nil {
			return err
		}
		return fn(ctx, c, &s)
	})
	return s, err
}

// mayHold refuses to give a right to whom or what is not there, or is DEACTIVATED. Taking one away needs nobody.
func (c *change) mayHold(ctx context.Context, wanted []domain.SpaceAccess, ids []uuid.UUID) error {
	members, err := c.MembersByID(ctx, c.ws, ids)
	if err != nil {
		return err
	}
	teams, err := c.TeamsByID(ctx, c.ws, ids)
	if err != nil {
		return err
	}
	there := make(map[string]error, len(ids))
	for _, m := range members {
		there[m.Name()] = m.MustStay()
	}
	for _, t := range teams {
		there[t.Name()] = nil
	}
	for i, w := range wanted {
		if w.Right == domain.NoRight {
			continue
		}
		w.Workspace = c.ws
		refused, ok := there[w.PrincipalName()]
		if !ok {
			return fault.InvalidField(fmt.Sprintf("changes[%d].principal", i), "must be a member or a team of the workspace")
		}
		if refused != nil {
			return refused
		}
	}
	return nil
}

// addsSelf says whether somebody gives themselves a right where they had none.
func addsSelf(changes, there []domain.SpaceAccess, self uuid.UUID) bool {
	for _, before := range there {
		if before.Principal == self && before.Right > domain.NoRight {
			return false
		}
	}
	for _, change := range changes {
		if change.Principal == self && change.Right > domain.NoRight {
			return true
		}
	}
	return false
}

func accessWords(changes []domain.SpaceAccess) map[string]string {
	details := make(map[string]string, len(changes))
	for _, change := range changes {
		details[change.PrincipalName()] = change.Right.String()
	}
	return details
}
