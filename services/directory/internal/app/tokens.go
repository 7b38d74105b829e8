package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// NewToken is what CreateApiToken is asked for.
type NewToken struct {
	DisplayName string
	Scopes      []string
	// ExpireTime is when it shall end; zero for the default.
	ExpireTime time.Time
}

// Issued is a new API token with its text, which is kept nowhere.
type Issued struct {
	Token  domain.Token
	Secret string
}

// CreateToken makes an API token of a member. A request done before is AlreadyExists. The operator's own binary may
// make one for anybody: it is the way back in when an owner's only token is lost.
func (a *App) CreateToken(ctx context.Context, ws, member uuid.UUID, in NewToken) (Issued, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return Issued{}, err
	}
	if err := checkScopes(caller, in.Scopes); err != nil {
		return Issued{}, err
	}
	var out Issued
	err = a.write(ctx, ws, func(ctx context.Context, c *change) error {
		m, err := c.LockMember(ctx, ws, member)
		if err != nil {
			return err
		}
		if err := domain.MayMakeToken(m, c.role, caller.Member == member || caller.Service != ""); err != nil {
			return err
		}
		id := newID()
		if prior, replayed, err := c.Replay(ctx, domain.TokenName(ws, member, id)); err != nil || replayed {
			return orDone(err, prior)
		}
		if err := m.MustBeActive(); err != nil {
			return err
		}
		live, err := c.CountLiveTokens(ctx, ws, member, a.machine.Now())
		if err != nil {
			return err
		}
		if err := domain.TokenLimit(m, live); err != nil {
			return err
		}
		if out.Token, out.Secret, err = a.issue(ctx, c, m, id, caller.Member, in); err != nil {
			return err
		}
		c.note("token.create", out.Token.Name(), map[string]string{
			"scopes": fmt.Sprint(out.Token.Scopes), "expire_time": out.Token.ExpireTime.Format(time.RFC3339),
		}, domain.TokenCreated{Token: out.Token})
		return nil
	})
	return out, err
}

// checkScopes refuses scopes that there are not, and those that the caller's own token does not carry.
func checkScopes(caller auth.Caller, scopes []string) error {
	if len(scopes) == 0 {
		return fault.InvalidField("api_token.scopes", "must name at least one scope")
	}
	for i, scope := range scopes {
		if !slices.Contains(auth.Scopes(), scope) {
			return fault.InvalidField(fmt.Sprintf("api_token.scopes[%d]", i), "must be one of "+fmt.Sprint(auth.Scopes()))
		}
		if caller.Service == "" && !caller.HasScope(scope) {
			return fault.New(fault.Denied, domain.ReasonScopeNotHeld,
				"a token carries at most the scopes of the token it is made with").With("scope", scope)
		}
	}
	return nil
}

// issue inserts a new token; its secret leaves with the answer only.
func (a *App) issue(
	ctx context.Context, c *change, m domain.Member, id, creator uuid.UUID, in NewToken,
) (domain.Token, string, error) {
	name, err := domain.CheckDisplayName("api_token.display_name", in.DisplayName)
	if err != nil {
		return domain.Token{}, "", err
	}
	expires, err := domain.TokenExpiry(in.ExpireTime, a.machine.Now())
	if err != nil {
		return domain.Token{}, "", err
	}
	secret, hash := auth.NewAPIToken()
	t := domain.Token{
		Workspace: m.Workspace, Member: m.ID, ID: id, Creator: creator, DisplayName: name, Scopes: in.Scopes, Hash: hash,
		ExpireTime: expires.Truncate(time.Microsecond), Version: 1, CreateTime: c.now,
	}
	return t, secret, c.InsertToken(ctx, t)
}

// firstToken is the one that a person gets on coming in.
func (a *App) firstToken(ctx context.Context, c *change, m domain.Member) (domain.Token, string, error) {
	return a.issue(ctx, c, m, newID(), m.ID, NewToken{DisplayName: "First token", Scopes: []string{auth.ScopeAll}})
}

// Token returns an API token.
func (a *App) Token(ctx context.Context, ws, member, token uuid.UUID) (domain.Token, error) {
	return a.store.Token(ctx, ws, member, token)
}

// Tokens lists a member's API tokens.
func (a *App) Tokens(
	ctx context.Context, ws, member uuid.UUID, p page.Request[Cursor],
) (page.Result[domain.Token, Cursor], error) {
	if _, err := a.store.Member(ctx, ws, member); err != nil {
		return page.Result[domain.Token, Cursor]{}, err
	}
	return a.store.Tokens(ctx, ws, member, p)
}

// RevokeToken ends an API token for good.
func (a *App) RevokeToken(ctx context.Context, ws, member, token uuid.UUID, match Match) (domain.Token, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return domain.Token{}, err
	}
	var t domain.Token
	err = a.write(ctx, ws, func(ctx context.Context, c *change) error {
		var err error
		if t, err = c.LockToken(ctx, ws, member, token); err != nil {
			return err
		}
		if caller.Member != member {
			holders, err := c.MembersByID(ctx, ws, []uuid.UUID{member})
			if err != nil {
				return err
			}
			for _, holder := range holders {
				if err := holder.MayChange(c.role); err != nil {
					return err
				}
			}
		}
		if _, replayed, err := c.Replay(ctx, t.Name()); err != nil || replayed {
			return err
		}
		if err := match.check(t.Version); err != nil {
			return err
		}
		if !t.Revoke(c.now) {
			return nil
		}
		c.note("token.revoke", t.Name(), nil, domain.TokenRevoked{Token: t})
		return c.RevokeToken(ctx, t)
	})
	return t, err
}

// Exchanged is an access token with its member.
type Exchanged struct {
	AccessToken string
	ExpireTime  time.Time
	Member      domain.Member
}

// ExchangeToken turns an API token into an access token that lives ten minutes, or as long as the API token if that
// is less. Every reason against it gets the one same refusal.
func (a *App) ExchangeToken(ctx context.Context, token string) (Exchanged, error) {
	hash, err := auth.ParseAPIToken(token)
	if err != nil {
		return Exchanged{}, notGood()
	}
	holder, err := a.store.TokenByHash(ctx, hash)
	if fault.Is(err, fault.NotFound) {
		return Exchanged{}, notGood()
	}
	if err != nil {
		return Exchanged{}, err
	}
	now := a.machine.Now()
	// Whole seconds, as the JWT has them, so that it never claims more than the API token has left.
	life := min(auth.AccessLife, holder.Token.ExpireTime.Sub(now)).Truncate(time.Second)
	if !holder.Token.Live(now) || holder.Member.State != domain.Active || life <= 0 {
		return Exchanged{}, notGood()
	}
	signer, err := a.signer(ctx, now)
	if err != nil {
		return Exchanged{}, err
	}
	now = now.Truncate(time.Second)
	access, err := signer.Sign(auth.Caller{
		Workspace: holder.Member.Workspace, Member: holder.Member.ID, MemberVersion: holder.Member.Version,
		Role: auth.Role(holder.Member.Role), Scopes: holder.Token.Scopes, Session: holder.Token.ID,
	}, now, life)
	if err != nil {
		return Exchanged{}, err
	}
	if holder.Token.Used(now) {
		if err := a.store.TouchToken(ctx, holder.Token, now); err != nil {
			return Exchanged{}, err
		}
	}
	return Exchanged{AccessToken: access, ExpireTime: now.Add(life), Member: holder.Member}, nil
}

func notGood() error {
	return fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "the API token is not, or is no longer, good")
}
