package app

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// NewInvitation is what InviteMember is asked for.
type NewInvitation struct {
	Email, DisplayName string
	// Role is what the person may do; 0 leaves an invited member's, and makes a new one a MEMBER.
	Role domain.Role
}

// Invited is an invitation with its code, which is kept nowhere.
type Invited struct {
	Member     domain.Member
	Invitation domain.Invitation
	Code       string
}

// InviteMember invites a person, anew where they are INVITED already, or by an owner where they are ACTIVE without a way
// in. A request done before is AlreadyExists.
func (a *App) InviteMember(ctx context.Context, ws uuid.UUID, in NewInvitation) (Invited, error) {
	email, err := domain.CheckEmail("email", in.Email)
	if err != nil {
		return Invited{}, err
	}
	in.Email = email
	var out Invited
	err = a.write(ctx, ws, func(ctx context.Context, c *change) error {
		if err := domain.MayGive(c.role, in.Role); err != nil {
			return err
		}
		w, err := c.LockWorkspace(ctx, ws)
		if err != nil {
			return err
		}
		known, err := c.MembersByEmail(ctx, ws, []string{email})
		if err != nil {
			return err
		}
		code, hash := auth.NewInvitationCode()
		out.Code = code
		if len(known) > 0 {
			err = a.inviteAgain(ctx, c, known[0].ID, in, &out)
		} else {
			err = c.inviteNew(ctx, w, in, &out)
		}
		if err != nil {
			return err
		}
		out.Invitation = domain.NewInvitation(out.Member, hash, c.now)
		return c.PutInvitation(ctx, out.Invitation)
	})
	return out, err
}

func (c *change) inviteNew(ctx context.Context, w domain.Workspace, in NewInvitation, out *Invited) error {
	id := newID()
	if prior, replayed, err := c.Replay(ctx, domain.MemberName(c.ws, id)); err != nil || replayed {
		return orDone(err, prior)
	}
	if in.Role == 0 {
		in.Role = domain.Ordinary
	}
	var err error
	out.Member, err = domain.NewMember(c.ws, id, domain.Newcomer{
		Kind: domain.Person, Email: in.Email, DisplayName: in.DisplayName, Zone: w.TimeZone, Role: in.Role,
	}, c.now)
	if err != nil {
		return err
	}
	if err := c.admit(ctx, &out.Member, in.Email); err != nil {
		return err
	}
	c.noteInvited(out.Member)
	return nil
}

func (a *App) inviteAgain(ctx context.Context, c *change, member uuid.UUID, in NewInvitation, out *Invited) error {
	m, err := c.LockMember(ctx, c.ws, member)
	if err != nil {
		return err
	}
	if err := m.MayChange(c.role); err != nil {
		return err
	}
	if prior, replayed, err := c.Replay(ctx, m.Name()); err != nil || replayed {
		return orDone(err, prior)
	}
	live, err := c.CountLiveTokens(ctx, c.ws, m.ID, a.machine.Now())
	if err != nil {
		return err
	}
	if err := m.Invitable(c.role, live > 0); err != nil {
		return err
	}
	if m.State == domain.Active {
		c.note("member.invite_back", m.Name(), map[string]string{"role": m.Role.String()})
		out.Member = m
		return nil
	}
	if err := m.Invite(in.Role, in.DisplayName, c.now); err != nil {
		return err
	}
	c.noteInvited(m)
	out.Member = m
	return c.UpdateMember(ctx, m)
}

func (c *change) noteInvited(m domain.Member) {
	c.note("member.invite", m.Name(), map[string]string{"email": m.Email, "role": m.Role.String()},
		domain.MemberInvited{Member: m})
}

// Accepted is a member who came in, with their first token, whose text is kept nowhere.
type Accepted struct {
	Member domain.Member
	Token  domain.Token
	Secret string
}

// AcceptInvitation turns a code into an ACTIVE member and their first token, once.
func (a *App) AcceptInvitation(ctx context.Context, code string, in domain.Acceptance) (Accepted, error) {
	hash, err := auth.ParseInvitationCode(code)
	if err != nil {
		return Accepted{}, err
	}
	found, err := a.store.InvitationByCode(ctx, hash)
	if fault.Is(err, fault.NotFound) {
		return Accepted{}, domain.InvitationInvalid()
	}
	if err != nil {
		return Accepted{}, err
	}
	w, err := a.store.Workspace(ctx, found.Workspace)
	if err != nil {
		return Accepted{}, err
	}
	var out Accepted
	err = a.write(ctx, found.Workspace, func(ctx context.Context, c *change) error {
		var err error
		c.actor = domain.MemberName(found.Workspace, found.Member)
		if out.Member, err = c.LockMember(ctx, found.Workspace, found.Member); err != nil {
			return err
		}
		// Under the lock, only one of those who show the code still finds it open.
		open, ok, err := c.Invitation(ctx, found.Workspace, found.Member)
		if err != nil {
			return err
		}
		if !ok || !bytes.Equal(open.CodeHash, hash) {
			return domain.InvitationInvalid()
		}
		if err := open.Good(c.now); err != nil {
			return err
		}
		out.Token, out.Secret, err = a.comeIn(ctx, c, &out.Member, in, w.TimeZone)
		return err
	})
	return out, err
}

// comeIn makes the member ACTIVE as they say, ends the invitation and makes their first token.
func (a *App) comeIn(
	ctx context.Context, c *change, m *domain.Member, in domain.Acceptance, zone string,
) (domain.Token, string, error) {
	before := *m
	changed, err := m.Accept(in, zone, c.now)
	if err != nil {
		return domain.Token{}, "", err
	}
	if before.Handle != m.Handle {
		if err := c.exchangeHandle(ctx, "handle", m.ID, before.Handle, m.Handle); err != nil {
			return domain.Token{}, "", err
		}
	}
	if err := c.DeleteInvitation(ctx, c.ws, m.ID); err != nil {
		return domain.Token{}, "", err
	}
	token, secret, err := a.firstToken(ctx, c, *m)
	if err != nil {
		return domain.Token{}, "", err
	}
	var facts []domain.Event
	switch {
	case before.State == domain.Invited:
		facts = append(facts, domain.MemberActivated{Member: *m})
	case len(changed) > 0:
		facts = append(facts, domain.MemberUpdated{Member: *m, Changed: changed})
	}
	facts = append(facts, domain.TokenCreated{Token: token})
	c.note("member.accept_invitation", m.Name(), map[string]string{"api_token": token.Name()}, facts...)
	return token, secret, c.UpdateMember(ctx, *m)
}

// ImportedMember is one person of an import.
type ImportedMember struct {
	Email, DisplayName string
}

// ImportMembers makes INVITED members of those addresses that are not members yet, and returns all, in their order.
func (a *App) ImportMembers(ctx context.Context, ws uuid.UUID, people []ImportedMember) ([]domain.Member, error) {
	emails := make([]string, len(people))
	for i := range people {
		var err error
		if emails[i], err = domain.CheckEmail(fmt.Sprintf("members[%d].email", i), people[i].Email); err != nil {
			return nil, err
		}
		if people[i].DisplayName != "" {
			field := fmt.Sprintf("members[%d].display_name", i)
			if people[i].DisplayName, err = domain.CheckDisplayName(field, people[i].DisplayName); err != nil {
				return nil, err
			}
		}
	}
	var out []domain.Member
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		w, err := c.LockWorkspace(ctx, ws)
		if err != nil {
			return err
		}
		// A replay needs no other path: who was imported then is found now.
		if _, _, err := c.Replay(ctx, domain.WorkspaceName(ws)); err != nil {
			return err
		}
		there, err := c.MembersByEmail(ctx, ws, emails)
		if err != nil {
			return err
		}
		byEmail := make(map[string]domain.Member, len(people))
		for _, m := range there {
			byEmail[m.Email] = m
		}
		out = make([]domain.Member, len(people))
		for i, email := range emails {
			m, ok := byEmail[email]
			if !ok {
				if m, err = c.importNew(ctx, w, email, people[i].DisplayName); err != nil {
					return err
				}
				byEmail[email] = m
			}
			out[i] = m
		}
		return nil
	})
	return out, err
}

func (c *change) importNew(ctx context.Context, w domain.Workspace, email, displayName string) (domain.Member, error) {
	m, err := domain.NewMember(c.ws, newID(), domain.Newcomer{
		Kind: domain.Person, Email: email, DisplayName: displayName, Zone: w.TimeZone, Role: domain.Ordinary,
	}, c.now)
	if err != nil {
		return m, err
	}
	if err := c.admit(ctx, &m, email); err != nil {
		return m, err
	}
	c.note("member.import", m.Name(), map[string]string{"email": email}, domain.MemberInvited{Member: m})
	return m, nil
}
