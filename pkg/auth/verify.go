package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
)

const (
	// skew is how far the clocks of two machines may differ.
	skew = 10 * time.Second
	// maxToken is the longest token that is looked at, in bytes.
	maxToken = 8 << 10
)

// VerifierConfig is what a Verifier needs. Every field is required but Services.
type VerifierConfig struct {
	// Keys are the directory's public keys. What is not CachedKeys already is cached.
	Keys KeySource
	// Services are the services that may call with their own identity; nil for none.
	Services func() ServiceKeys
	// Revocations are asked at every call.
	Revocations *Revocations
	// Clock is the machine's.
	Clock Clock
}

// ServiceKeys are services' public keys by their name: of each its own, and while it is replaced the next one as well.
type ServiceKeys map[string][]ed25519.PublicKey

// Verifier checks access tokens and identity tokens. It may be used by many goroutines.
type Verifier struct {
	keys        *CachedKeys
	services    func() ServiceKeys
	revocations *Revocations
	clock       Clock
	verified    memory
}

// NewVerifier makes a verifier.
func NewVerifier(cfg VerifierConfig) *Verifier {
	keys, ok := cfg.Keys.(*CachedKeys)
	if !ok {
		keys = NewCachedKeys(cfg.Keys, cfg.Clock)
	}
	return &Verifier{keys: keys, services: cfg.Services, revocations: cfg.Revocations, clock: cfg.Clock}
}

// Verify returns who a token speaks for. A token that was verified before is only looked up, by its hash, until it
// expires; whether it was revoked is asked every time. It fails Unauthenticated with UNAUTHENTICATED, TOKEN_EXPIRED
// or TOKEN_REVOKED, or Unavailable while the keys cannot be had. No error tells anything of the token.
func (v *Verifier) Verify(ctx context.Context, token string) (Caller, error) {
	if token == "" || len(token) > maxToken {
		return Caller{}, notOurs()
	}
	now := v.clock.Now()
	hash := sha256.Sum256([]byte(token))
	c, ok := v.verified.get(hash, now)
	if !ok {
		var err error
		if c, err = v.check(ctx, token, now); err != nil {
			return Caller{}, err
		}
		v.verified.put(hash, c, now)
	}
	if v.revocations.Revoked(c) {
		return Caller{}, fault.New(fault.Unauthenticated, fault.ReasonTokenRevoked,
			"the token was revoked, or its member's role or state has changed; exchange the API token again")
	}
	return c, nil
}

func (v *Verifier) check(ctx context.Context, token string, now time.Time) (Caller, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(parsed.Headers) != 1 {
		return Caller{}, notOurs() // without the cause, which quotes the token
	}
	header := parsed.Headers[0]
	switch header.ExtraHeaders[jose.HeaderType] {
	case typeAccess:
		key, err := v.keys.Key(ctx, header.KeyID)
		if err != nil {
			return Caller{}, err
		}
		return access(parsed, key, now)
	case typeIdentity:
		return v.identity(parsed, header.KeyID, now)
	default:
		return Caller{}, notOurs()
	}
}

var memberName = resname.MustPattern("workspaces/{workspace}/members/{member}")

func access(token *jwt.JSONWebToken, key ed25519.PublicKey, now time.Time) (Caller, error) {
	var cl claims
	if token.Claims(key, &cl) != nil {
		return Caller{}, notOurs()
	}
	if err := cl.check(issuer, AccessLife, now); err != nil {
		return Caller{}, err
	}
	ids, err := memberName.ParseUUIDs("sub", cl.Subject)
	role, known := ParseRole(cl.Role)
	if err != nil || ids[0] != cl.Workspace || !known || role == RoleNone {
		return Caller{}, notOurs()
	}
	return Caller{
		Workspace: cl.Workspace, Member: ids[1], MemberVersion: cl.MemberVersion, Role: role,
		Scopes: cl.Scopes, Session: cl.Session, Expires: cl.Expiry.Time(),
	}, nil
}

func (v *Verifier) identity(token *jwt.JSONWebToken, name string, now time.Time) (Caller, error) {
	if v.services == nil {
		return Caller{}, notOurs()
	}
	for _, key := range v.services()[name] {
		var cl claims
		if token.Claims(key, &cl) != nil || cl.Subject != name {
			continue
		}
		if err := cl.check(name, IdentityLife, now); err != nil {
			return Caller{}, err
		}
		return Caller{Service: name, Expires: cl.Expiry.Time()}, nil
	}
	return Caller{}, notOurs()
}

// check looks at the claims that both kinds of token have.
func (cl claims) check(issuer string, life time.Duration, now time.Time) error {
	if cl.Issuer != issuer || !cl.Audience.Contains(audience) || cl.IssuedAt == nil || cl.Expiry == nil {
		return notOurs()
	}
	issued, expires := cl.IssuedAt.Time(), cl.Expiry.Time()
	switch {
	case issued.After(now.Add(skew)), expires.Sub(issued) > life, !expires.After(issued):
		return notOurs()
	case cl.NotBefore != nil && cl.NotBefore.Time().After(now.Add(skew)):
		return notOurs()
	case !now.Before(expires.Add(skew)):
		return fault.New(fault.Unauthenticated, fault.ReasonTokenExpired, "the token has expired")
	}
	return nil
}

func notOurs() error {
	return fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "the token is not one of ours")
}
