package app

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// Team returns a team; a deleted one is NotFound.
func (a *App) Team(ctx context.Context, ws, team uuid.UUID) (domain.Team, error) {
	t, err := a.store.Team(ctx, ws, team)
	if err == nil && !t.DeleteTime.IsZero() {
		return domain.Team{}, fault.NotFoundName(t.Name())
	}
	return t, err
}

// Teams lists the teams of a workspace.
func (a *App) Teams(ctx context.Context, ws uuid.UUID, l Listing) (page.Result[domain.Team, Cursor], error) {
	return a.store.Teams(ctx, ws, l)
}

// TeamMembers lists the members of a team.
func (a *App) TeamMembers(
	ctx context.Context, ws, team uuid.UUID, p page.Request[Cursor],
) (page.Result[domain.TeamMember, Cursor], error) {
	if _, err := a.Team(ctx, ws, team); err != nil {
		return page.Result[domain.TeamMember, Cursor]{}, err
	}
	return a.store.TeamMembers(ctx, ws, team, p)
}

// NewTeam is what CreateTeam is asked for.
type NewTeam struct {
	Handle, DisplayName, Description string
}

// CreateTeam makes a team without members.
func (a *App) CreateTeam(ctx context.Context, ws uuid.UUID, in NewTeam) (domain.Team, error) {
	var t domain.Team
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		id := newID()
		prior, replayed, err := c.Replay(ctx, domain.TeamName(ws, id))
		if err != nil {
			return err
		}
		if replayed {
			if id, err = priorID(prior); err != nil {
				return err
			}
			t, err = c.LockTeam(ctx, ws, id)
			return err
		}
		if t, err = domain.NewTeam(ws, id, in.Handle, in.DisplayName, in.Description, c.now); err != nil {
			return err
		}
		if t.Handle, err = c.takeHandle(ctx, "team.handle", id, in.Handle, t.DisplayName); err != nil {
			return err
		}
		c.note("team.create", t.Name(), map[string]string{"display_name": t.DisplayName, "handle": t.Handle},
			domain.TeamCreated{Team: t})
		return c.InsertTeam(ctx, t)
	})
	return t, err
}

// UpdateTeam changes a team.
func (a *App) UpdateTeam(ctx context.Context, ws, team uuid.UUID, match Match, wanted domain.TeamChange) (domain.Team, error) {
	return a.changeTeam(ctx, ws, team, match, func(ctx context.Context, c *change, t *domain.Team) error {
		before := t.Handle
		changed, err := t.Change(wanted, c.now)
		if err != nil || len(changed) == 0 {
			return err
		}
		if before != t.Handle {
			if err := c.exchangeHandle(ctx, "team.handle", t.ID, before, t.Handle); err != nil {
				return err
			}
		}
		c.note("team.update", t.Name(), words(changed, func(field string) string {
			return map[string]string{
				"handle": t.Handle, "display_name": t.DisplayName, "description": t.Description,
			}[field]
		}), domain.TeamUpdated{Team: *t, Changed: changed})
		return c.UpdateTeam(ctx, *t)
	})
}

// DeleteTeam deletes a team and returns it as it was last. Its handle is free again.
func (a *App) DeleteTeam(ctx context.Context, ws, team uuid.UUID, match Match) (domain.Team, error) {
	var t domain.Team
	var deletedBefore bool
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		// The replay goes first: a team deleted before can no longer be locked.
		var err error
		if _, deletedBefore, err = c.Replay(ctx, domain.TeamName(ws, team)); err != nil || deletedBefore {
			return err
		}
		if t, err = c.LockTeam(ctx, ws, team); err != nil {
			return err
		}
		if err := match.check(t.Version); err != nil {
			return err
		}
		t.Delete(c.now)
		if err := c.ReleaseHandle(ctx, ws, t.Handle, t.ID); err != nil {
			return err
		}
		c.note("team.delete", t.Name(), map[string]string{"display_name": t.DisplayName, "handle": t.Handle},
			domain.TeamDeleted{Team: t})
		return c.UpdateTeam(ctx, t)
	})
	if err == nil && deletedBefore {
		return a.store.Team(ctx, ws, team)
	}
	return t, err
}

// SetTeamMembers adds members to a team, changes who leads it, and removes members.
func (a *App) SetTeamMembers(
	ctx context.Context, ws, team uuid.UUID, match Match, wanted []domain.TeamMember,
) (domain.Team, error) {
	ids := make([]uuid.UUID, len(wanted))
	seen := make(map[uuid.UUID]bool, len(wanted))
	for i, m := range wanted {
		if ids[i] = m.Member; seen[m.Member] {
			return domain.Team{}, fault.InvalidField(fmt.Sprintf("members[%d]", i), "must stand there once")
		}
		seen[m.Member] = true
	}
	return a.changeTeam(ctx, ws, team, match, func(ctx context.Context, c *change, t *domain.Team) error {
		if err := c.mayJoin(ctx, wanted, ids); err != nil {
			return err
		}
		there, err := c.TeamMembersByID(ctx, ws, team, ids)
		if err != nil {
			return err
		}
		changes := t.SetMembers(there, wanted, c.now)
		if len(changes) == 0 {
			return nil
		}
		if err := c.PutTeamMembers(ctx, changes); err != nil {
			return err
		}
		c.note("team.change_members", t.Name(), teamWords(changes),
			domain.TeamMembersChanged{Team: *t, Changes: changes})
		return c.UpdateTeam(ctx, *t)
	})
}

// mayJoin refuses those who are not there, and those who are DEACTIVATED.
func (c *change) mayJoin(ctx context.Context, wanted []domain.TeamMember, ids []uuid.UUID) error {
	members, err := c.MembersByID(ctx, c.ws, ids)
	if err != nil {
		return err
	}
	byID := make(map[uuid.UUID]domain.Member, len(members))
	for _, m := range members {
		byID[m.ID] = m
	}
	for i, w := range wanted {
		m, ok := byID[w.Member]
		switch {
		case w.Removed:
		case !ok:
			return fault.InvalidField(fmt.Sprintf("members[%d].member", i), "must be a member of the workspace")
		default:
			if err := m.MustStay(); err != nil {
				return err
			}
		}
	}
	return nil
}

// changeTeam runs fn on the locked team, after the replay and the etag.
func (a *App) changeTeam(
	ctx context.Context, ws, team uuid.UUID, match Match, fn func(context.Context, *change, *domain.Team) error,
) (domain.Team, error) {
	var t domain.Team
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		var err error
		if t, err = c.LockTeam(ctx, ws, team); err != nil {
			return err
		}
		if _, replayed, err := c.Replay(ctx, t.Name()); err != nil || replayed {
			return err
		}
		if err := match.check(t.Version); err != nil {
			return err
		}
		return fn(ctx, c, &t)
	})
	return t, err
}

func teamWords(changes []domain.TeamMember) map[string]string {
	details := make(map[string]string, len(changes))
	for _, m := range changes {
		word := "member"
		switch {
		case m.Removed:
			word = "removed"
		case m.Lead:
			word = "lead"
		}
		details[domain.MemberName(m.Workspace, m.Member)] = word
	}
	details["changes"] = strconv.Itoa(len(changes))
	return details
}
