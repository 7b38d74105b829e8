package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// Member returns a member.
func (a *App) Member(ctx context.Context, ws, member uuid.UUID) (domain.Member, error) {
	return a.store.Member(ctx, ws, member)
}

// Members lists the members of a workspace.
func (a *App) Members(ctx context.Context, ws uuid.UUID, l Listing) (page.Result[domain.Member, Cursor], error) {
	return a.store.Members(ctx, ws, l)
}

// UpdateMember changes a member, within what the caller may.
func (a *App) UpdateMember(
	ctx context.Context, ws, member uuid.UUID, match Match, wanted domain.MemberChange,
) (domain.Member, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return domain.Member{}, err
	}
	var m domain.Member
	err = a.write(ctx, ws, func(ctx context.Context, c *change) error {
		if wanted.Role != nil { // it may take an owner
			if _, err := c.LockWorkspace(ctx, ws); err != nil {
				return err
			}
		}
		var err error
		if m, err = c.LockMember(ctx, ws, member); err != nil {
			return err
		}
		if err := wanted.Allow(m, c.role, caller.Member == member); err != nil {
			return err
		}
		if _, replayed, err := c.Replay(ctx, m.Name()); err != nil || replayed {
			return err
		}
		if err := match.check(m.Version); err != nil {
			return err
		}
		before := m
		changed, err := m.Change(wanted, c.now)
		if err != nil || len(changed) == 0 {
			return err
		}
		if err := c.settle(ctx, before, m); err != nil {
			return err
		}
		c.note("member.update", m.Name(), words(changed, func(field string) string { return memberWord(m, field) }),
			domain.MemberUpdated{Member: m, Changed: changed})
		return c.UpdateMember(ctx, m)
	})
	return m, err
}

// settle sees to what a changed member touches beyond its own row: the handle, the manager, the last owner.
func (c *change) settle(ctx context.Context, before, after domain.Member) error {
	if before.Handle != after.Handle {
		if err := c.exchangeHandle(ctx, "member.handle", after.ID, before.Handle, after.Handle); err != nil {
			return err
		}
	}
	if before.Manager != after.Manager && after.Manager != uuid.Nil {
		managers, err := c.MembersByID(ctx, c.ws, []uuid.UUID{after.Manager})
		if err != nil {
			return err
		}
		if len(managers) == 0 {
			return fault.InvalidField("member.manager", "must be a member of the workspace")
		}
	}
	if before.Reigns() && !after.Reigns() {
		return c.keepOwner(ctx, before)
	}
	return nil
}

// keepOwner refuses to take the last ACTIVE owner. The caller has locked the workspace, and that before any member, as
// everybody does who locks both: two owners who take each other meet there, and the later one sees what the earlier did.
func (c *change) keepOwner(ctx context.Context, m domain.Member) error {
	others, err := c.OtherOwners(ctx, c.ws, m.ID)
	if err != nil {
		return err
	}
	if others == 0 {
		return domain.LastOwner(m)
	}
	return nil
}

// DeactivateMember ends a member's access: their tokens, an open invitation, and their state.
func (a *App) DeactivateMember(ctx context.Context, ws, member uuid.UUID, match Match) (domain.Member, error) {
	var m domain.Member
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		done, err := c.begin(ctx, &m, member, match)
		if err != nil || done {
			return err
		}
		before := m
		if err := m.Deactivate(c.now); err != nil {
			return err
		}
		if before.Reigns() {
			if err := c.keepOwner(ctx, before); err != nil {
				return err
			}
		}
		facts := []domain.Event{domain.MemberDeactivated{Member: m}}
		tokens, err := c.LockLiveTokens(ctx, ws, member, a.machine.Now())
		if err != nil {
			return err
		}
		for _, t := range tokens {
			t.Revoke(c.now)
			if err := c.RevokeToken(ctx, t); err != nil {
				return err
			}
			facts = append(facts, domain.TokenRevoked{Token: t})
		}
		if err := c.DeleteInvitation(ctx, ws, member); err != nil {
			return err
		}
		c.note("member.deactivate", m.Name(), map[string]string{"state": m.State.String()}, facts...)
		return c.UpdateMember(ctx, m)
	})
	return m, err
}

// ReactivateMember lets a DEACTIVATED member in again.
func (a *App) ReactivateMember(ctx context.Context, ws, member uuid.UUID, match Match) (domain.Member, error) {
	var m domain.Member
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		done, err := c.begin(ctx, &m, member, match)
		if err != nil || done {
			return err
		}
		if err := m.Reactivate(c.now); err != nil {
			return err
		}
		var fact domain.Event = domain.MemberActivated{Member: m}
		if m.State == domain.Invited {
			fact = domain.MemberInvited{Member: m}
		}
		c.note("member.reactivate", m.Name(), map[string]string{"state": m.State.String()}, fact)
		return c.UpdateMember(ctx, m)
	})
	return m, err
}

// begin locks the workspace and a member and takes the first steps of every change of their state; done says that an
// equal request did it before.
func (c *change) begin(ctx context.Context, m *domain.Member, member uuid.UUID, match Match) (done bool, err error) {
	if _, err := c.LockWorkspace(ctx, c.ws); err != nil {
		return false, err
	}
	if *m, err = c.LockMember(ctx, c.ws, member); err != nil {
		return false, err
	}
	if err := m.MayChange(c.role); err != nil {
		return false, err
	}
	if _, replayed, err := c.Replay(ctx, m.Name()); err != nil || replayed {
		return replayed, err
	}
	return false, match.check(m.Version)
}

// NewServiceAccount is what CreateServiceAccount is asked for.
type NewServiceAccount struct {
	DisplayName, Handle, TimeZone string
	Role                          domain.Role
}

// CreateServiceAccount makes an ACTIVE member for a program.
func (a *App) CreateServiceAccount(ctx context.Context, ws uuid.UUID, in NewServiceAccount) (domain.Member, error) {
	if in.Role == 0 {
		in.Role = domain.Ordinary
	}
	var m domain.Member
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		w, err := c.LockWorkspace(ctx, ws)
		if err != nil {
			return err
		}
		id := newID()
		if prior, replayed, err := c.Replay(ctx, domain.MemberName(ws, id)); err != nil || replayed {
			return c.again(ctx, err, prior, &m)
		}
		zone, err := domain.CheckZone("member.time_zone", in.TimeZone, w.TimeZone)
		if err != nil {
			return err
		}
		m, err = domain.NewMember(ws, id, domain.Newcomer{
			Kind: domain.ServiceAccount, DisplayName: in.DisplayName, Handle: in.Handle, Zone: zone, Role: in.Role,
		}, c.now)
		if err != nil {
			return err
		}
		if err := c.admit(ctx, &m, m.DisplayName); err != nil {
			return err
		}
		c.note("member.create_service_account", m.Name(), map[string]string{"role": m.Role.String()},
			domain.MemberActivated{Member: m})
		return nil
	})
	return m, err
}

// again reads the member that an equal request made before.
func (c *change) again(ctx context.Context, err error, prior string, m *domain.Member) error {
	if err != nil {
		return err
	}
	id, err := priorID(prior)
	if err != nil {
		return err
	}
	*m, err = c.LockMember(ctx, c.ws, id)
	return err
}

// admit inserts a new member with a handle: the one they bring, or one made from source.
func (c *change) admit(ctx context.Context, m *domain.Member, source string) error {
	handle, err := c.takeHandle(ctx, "member.handle", m.ID, m.Handle, source)
	if err != nil {
		return err
	}
	m.Handle = handle
	return c.InsertMember(ctx, *m)
}

func memberWord(m domain.Member, field string) string {
	switch field {
	case "display_name":
		return m.DisplayName
	case "email":
		return m.Email
	case "handle":
		return m.Handle
	case "time_zone":
		return m.TimeZone
	case "manager":
		return domain.MemberName(m.Workspace, m.Manager)
	case "role":
		return m.Role.String()
	default:
		return m.State.String()
	}
}
