package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// How long tokens live at most. A token that claims more is refused, because revocations are forgotten in time.
const (
	// AccessLife is the life of an access token.
	AccessLife = 10 * time.Minute
	// IdentityLife is the life of a service's identity token.
	IdentityLife = time.Minute
)

const (
	issuer   = "meridian"
	audience = "meridian"

	typeAccess   = "at+jwt"
	typeIdentity = "svc+jwt"
)

// claims are those of both kinds of token; an identity token has only the registered ones.
type claims struct {
	jwt.Claims
	Workspace     uuid.UUID `json:"ws,omitzero"`
	Role          string    `json:"role,omitempty"`
	Scopes        []string  `json:"scopes,omitempty"`
	Session       uuid.UUID `json:"sid,omitzero"`
	MemberVersion int64     `json:"mv,omitempty"`
}

// Signer makes access tokens. Only the directory has one. It may be used by many goroutines.
type Signer struct {
	kid    string
	key    ed25519.PrivateKey
	signer jose.Signer
}

// NewSigner makes a signer whose tokens name the key by kid. It fails when the key or the kid is not usable.
func NewSigner(kid string, key ed25519.PrivateKey) (*Signer, error) {
	if kid == "" {
		return nil, errors.New("auth: a signing key needs an id")
	}
	signer, err := newJOSE(kid, key, typeAccess)
	if err != nil {
		return nil, err
	}
	return &Signer{kid: kid, key: key, signer: signer}, nil
}

// Sign makes an access token for a member, issued now (machine time), for at most AccessLife. The caller's Expires
// is not read.
func (s *Signer) Sign(c Caller, now time.Time, life time.Duration) (string, error) {
	switch {
	case c.Service != "" || c.Workspace == uuid.Nil || c.Member == uuid.Nil || c.Session == uuid.Nil:
		return "", errors.New("auth: an access token needs a workspace, a member and a session")
	case c.Role <= RoleNone || c.Role > Owner:
		return "", errors.New("auth: an access token needs a role")
	case life <= 0 || life > AccessLife:
		return "", errors.New("auth: an access token lives at most ten minutes")
	}
	return jwt.Signed(s.signer).Claims(claims{
		Claims:        registered(issuer, c.Principal(), now, life),
		Workspace:     c.Workspace,
		Role:          c.Role.String(),
		Scopes:        c.Scopes,
		Session:       c.Session,
		MemberVersion: c.MemberVersion,
	}).Serialize()
}

// Public returns the public key, as the directory's JWKS shows it.
func (s *Signer) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.kid, Algorithm: string(jose.EdDSA), Use: "sig"}
}

// Identity is a service's own name and key, for calls that no member started.
type Identity struct {
	// Name is the service's name, such as `threads`.
	Name string
	// Key is its private key. Callees know the public one by the name.
	Key ed25519.PrivateKey
	// Current, when set, says what the key is now, and Key is not read.
	Current func() ed25519.PrivateKey
}

// Token makes an identity token, issued now (machine time), for IdentityLife.
func (i Identity) Token(now time.Time) (string, error) {
	if i.Name == "" {
		return "", errors.New("auth: an identity needs a name")
	}
	key := i.Key
	if i.Current != nil {
		key = i.Current()
	}
	signer, err := newJOSE(i.Name, key, typeIdentity)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(registered(i.Name, i.Name, now, IdentityLife)).Serialize()
}

func registered(iss, sub string, now time.Time, life time.Duration) jwt.Claims {
	return jwt.Claims{
		Issuer:   iss,
		Subject:  sub,
		Audience: jwt.Audience{audience},
		IssuedAt: jwt.NewNumericDate(now),
		Expiry:   jwt.NewNumericDate(now.Add(life)),
		ID:       rand.Text(),
	}
}

func newJOSE(kid string, key ed25519.PrivateKey, typ string) (jose.Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("auth: not an Ed25519 private key")
	}
	signingKey := jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: kid}}
	signer, err := jose.NewSigner(signingKey, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return nil, errors.New("auth: the signing key cannot be used")
	}
	return signer, nil
}
