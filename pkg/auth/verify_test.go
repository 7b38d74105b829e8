package auth_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
)

// source is a key source that a test steers.
type source struct {
	mu    sync.Mutex
	set   jose.JSONWebKeySet
	err   error
	calls int
}

func (s *source) Keys(context.Context) (jose.JSONWebKeySet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return s.set, s.err
}

func (s *source) steer(err error, keys ...jose.JSONWebKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.set = err, jose.JSONWebKeySet{Keys: keys}
}

func (s *source) fetched() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

type bundle struct {
	clock       *machine
	key         ed25519.PrivateKey
	signer      *auth.Signer
	source      *source
	revocations *auth.Revocations
	identity    auth.Identity
	services    auth.ServiceKeys
	verifier    *auth.Verifier
	caller      auth.Caller
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{clock: newMachine(), source: &source{}}
	b.key = newKey(t)
	b.signer = newSigner(t, "k1", b.key)
	b.source.steer(nil, b.signer.Public())
	b.revocations = auth.NewRevocations(b.clock)
	b.identity = auth.Identity{Name: "threads", Key: newKey(t)}
	b.services = auth.ServiceKeys{"threads": {b.identity.Key.Public().(ed25519.PublicKey)}}
	b.verifier = auth.NewVerifier(auth.VerifierConfig{
		Keys:        b.source,
		Services:    func() auth.ServiceKeys { return b.services },
		Revocations: b.revocations,
		Clock:       b.clock,
	})
	b.caller = auth.Caller{
		Workspace: uuid.New(), Member: uuid.New(), MemberVersion: 7, Role: auth.Admin,
		Scopes: []string{auth.ScopeThreadsRead, auth.ScopeEventsRead}, Session: uuid.New(),
	}
	return b
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

func newSigner(t *testing.T, kid string, key ed25519.PrivateKey) *auth.Signer {
	t.Helper()
	s, err := auth.NewSigner(kid, key)
	require.NoError(t, err)
	return s
}

func (b *bundle) sign(t *testing.T) string {
	t.Helper()
	token, err := b.signer.Sign(b.caller, b.clock.Now(), auth.AccessLife)
	require.NoError(t, err)
	return token
}

func requireRefused(t *testing.T, b *bundle, token, reason string) {
	t.Helper()
	_, err := b.verifier.Verify(t.Context(), token)
	require.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
	require.True(t, fault.HasReason(err, reason), "%v", err)
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 8 {
			require.NotContains(t, err.Error(), part, "no error tells of the token")
		}
	}
}

func TestVerifyAccessToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.sign(t)
	for range 3 {
		got, err := b.verifier.Verify(t.Context(), token)
		require.NoError(t, err)
		want := b.caller
		want.Expires = got.Expires
		require.Equal(t, want, got)
		require.True(t, got.Expires.Equal(b.clock.Now().Add(auth.AccessLife)))
	}
	require.Equal(t, 1, b.source.fetched())
	b.clock.advance(auth.AccessLife + 10*time.Second)
	requireRefused(t, b, token, fault.ReasonTokenExpired)
}

func TestVerifyIdentity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, err := b.identity.Token(b.clock.Now())
	require.NoError(t, err)
	got, err := b.verifier.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, "threads", got.Service)
	require.Equal(t, "services/threads", got.Principal())
	require.Zero(t, got.Member)
	require.Zero(t, b.source.fetched(), "needs no directory")
	b.clock.advance(auth.IdentityLife + 10*time.Second)
	requireRefused(t, b, token, fault.ReasonTokenExpired)

	stranger := auth.Identity{Name: "tasks", Key: b.identity.Key}
	token, err = stranger.Token(b.clock.Now())
	require.NoError(t, err)
	requireRefused(t, b, token, fault.ReasonUnauthenticated)

	imposter := auth.Identity{Name: "threads", Key: newKey(t)}
	token, err = imposter.Token(b.clock.Now())
	require.NoError(t, err)
	requireRefused(t, b, token, fault.ReasonUnauthenticated)
}

// A revocation is in force at the next call, also for a token that is remembered.
func TestVerifyAsksForRevocationsEveryTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.sign(t)
	_, err := b.verifier.Verify(t.Context(), token)
	require.NoError(t, err)
	b.revocations.RevokeMember(b.caller.Workspace, b.caller.Member, 8, b.clock.Now())
	requireRefused(t, b, token, fault.ReasonTokenRevoked)

	b.caller.MemberVersion = 8
	token = b.sign(t)
	_, err = b.verifier.Verify(t.Context(), token)
	require.NoError(t, err)
	b.revocations.RevokeSession(b.caller.Session, b.clock.Now())
	requireRefused(t, b, token, fault.ReasonTokenRevoked)
}

// forge signs any header and any claims.
func forge(t *testing.T, key any, alg jose.SignatureAlgorithm, header, claims map[string]any) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	for k, v := range header {
		opts.WithHeader(jose.HeaderKey(k), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(t, err)
	return token
}

func TestVerifyRefusesForgeries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := b.clock.Now().Unix()
	ws := b.caller.Workspace.String()
	goodHeader := map[string]any{"typ": "at+jwt", "kid": "k1"}
	good := map[string]any{
		"iss": "meridian", "aud": "meridian", "sub": b.caller.Principal(), "iat": now, "exp": now + 600,
		"ws": ws, "role": "ADMIN", "scopes": []string{"*"}, "sid": uuid.NewString(), "mv": 1, "jti": "x",
	}
	_, err := b.verifier.Verify(t.Context(), forge(t, b.key, jose.EdDSA, goodHeader, good))
	require.NoError(t, err, "the pattern of the forgeries is good")

	for name, change := range map[string]map[string]any{
		"issuer":            {"iss": "threads"},
		"no issuer":         {"iss": nil},
		"audience":          {"aud": []string{"elsewhere"}},
		"no audience":       {"aud": nil},
		"no issue time":     {"iat": nil},
		"no expiry":         {"exp": nil},
		"issued ahead":      {"iat": now + 60, "exp": now + 600},
		"lives too long":    {"exp": now + 601},
		"ends before":       {"iat": now, "exp": now - 1},
		"not yet":           {"nbf": now + 60},
		"subject":           {"sub": "services/threads"},
		"other workspace":   {"ws": uuid.NewString()},
		"no workspace":      {"ws": nil},
		"role":              {"role": "ROOT"},
		"no role":           {"role": nil},
		"role none":         {"role": "NONE"},
		"types":             {"scopes": "threads.read"},
		"subject injection": {"sub": b.caller.Principal() + "/x"},
	} {
		claims := maps.Clone(good)
		maps.Copy(claims, change)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, b, forge(t, b.key, jose.EdDSA, goodHeader, claims), fault.ReasonUnauthenticated)
		})
	}

	public := []byte(b.key.Public().(ed25519.PublicKey))
	other := newKey(t)
	embedded := jose.JSONWebKey{Key: other.Public(), KeyID: "k1"}
	for name, token := range map[string]string{
		"another key":      forge(t, other, jose.EdDSA, goodHeader, good),
		"key in header":    forge(t, other, jose.EdDSA, map[string]any{"typ": "at+jwt", "kid": "k1", "jwk": embedded}, good),
		"hmac with public": forge(t, append(public, public...), jose.HS256, goodHeader, good),
		"no type":          forge(t, b.key, jose.EdDSA, map[string]any{"kid": "k1"}, good),
		"plain type":       forge(t, b.key, jose.EdDSA, map[string]any{"typ": "JWT", "kid": "k1"}, good),
		"service type":     forge(t, b.key, jose.EdDSA, map[string]any{"typ": "svc+jwt", "kid": "k1"}, good),
		"unknown kid":      forge(t, b.key, jose.EdDSA, map[string]any{"typ": "at+jwt", "kid": "k2"}, good),
		"no kid":           forge(t, b.key, jose.EdDSA, map[string]any{"typ": "at+jwt"}, good),
		"service's key":    forge(t, b.identity.Key, jose.EdDSA, map[string]any{"typ": "at+jwt", "kid": "threads"}, good),
		"none":             none(t, good),
		"empty":            "",
		"long":             strings.Repeat("a", 9000),
		"dots":             "a.b.c",
		"api token":        "mrd_" + strings.Repeat("a", 36),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, b, token, fault.ReasonUnauthenticated)
		})
	}
}

// none is a token with the algorithm none.
func none(t *testing.T, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	require.NoError(t, err)
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt","kid":"k1"}`)) + "." + enc.EncodeToString(body) + "."
}

// An identity's key may not speak for a member, nor for another service.
func TestIdentityKeysAreBoundToTheirName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := b.clock.Now().Unix()
	header := map[string]any{"typ": "svc+jwt", "kid": "threads"}
	for name, claims := range map[string]map[string]any{
		"issuer":     {"iss": "directory", "sub": "threads", "aud": "meridian", "iat": now, "exp": now + 60},
		"subject":    {"iss": "threads", "sub": "directory", "aud": "meridian", "iat": now, "exp": now + 60},
		"too long":   {"iss": "threads", "sub": "threads", "aud": "meridian", "iat": now, "exp": now + 61},
		"for others": {"iss": "threads", "sub": "threads", "aud": "world", "iat": now, "exp": now + 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, b, forge(t, b.identity.Key, jose.EdDSA, header, claims), fault.ReasonUnauthenticated)
		})
	}
}

func TestEveryBitOfATokenCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.sign(t)
	for at := range token {
		wrong := []byte(token)
		if wrong[at] ^= 0x02; wrong[at] == '.' {
			continue
		}
		if at == len(token)-1 || token[at+1] == '.' {
			continue // the last character of a part has bits that stand for nothing
		}
		_, err := b.verifier.Verify(t.Context(), string(wrong))
		require.Error(t, err, "character %d", at)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func(*auth.Caller){
		"service":      func(c *auth.Caller) { c.Service = "threads" },
		"no workspace": func(c *auth.Caller) { c.Workspace = uuid.Nil },
		"no member":    func(c *auth.Caller) { c.Member = uuid.Nil },
		"no session":   func(c *auth.Caller) { c.Session = uuid.Nil },
		"no role":      func(c *auth.Caller) { c.Role = auth.RoleNone },
	} {
		c := b.caller
		change(&c)
		_, err := b.signer.Sign(c, b.clock.Now(), time.Minute)
		require.Error(t, err, name)
	}
	for _, life := range []time.Duration{0, -1, auth.AccessLife + 1} {
		_, err := b.signer.Sign(b.caller, b.clock.Now(), life)
		require.Error(t, err)
	}
	_, err := auth.NewSigner("", b.key)
	require.Error(t, err)
	_, err = auth.NewSigner("k", b.key[:10])
	require.Error(t, err)
	_, err = auth.Identity{Key: b.key}.Token(b.clock.Now())
	require.Error(t, err)
	_, err = auth.Identity{Name: "x"}.Token(b.clock.Now())
	require.Error(t, err)
}

func TestPublicKeyIsPublic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	public := b.signer.Public()
	require.True(t, public.IsPublic())
	text, err := public.MarshalJSON()
	require.NoError(t, err)
	require.NotContains(t, string(text), `"d"`)
	_, err = public.Thumbprint(crypto.SHA256)
	require.NoError(t, err)
}

var errDown = errors.New("connection refused")

// While a service's key is replaced, both are known; then the former one is not.
func TestAServicesKeyIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	former, next := b.identity.Key, newKey(t)
	current := former
	identity := auth.Identity{Name: "threads", Current: func() ed25519.PrivateKey { return current }}
	publics := func(keys ...ed25519.PrivateKey) (all []ed25519.PublicKey) {
		for _, key := range keys {
			all = append(all, key.Public().(ed25519.PublicKey))
		}
		return all
	}
	verify := func() error {
		token, err := identity.Token(b.clock.Now())
		require.NoError(t, err)
		_, err = b.verifier.Verify(t.Context(), token)
		return err
	}
	require.NoError(t, verify())
	b.services["threads"] = publics(former, next)
	require.NoError(t, verify())
	current = next
	require.NoError(t, verify())
	b.services["threads"] = publics(next)
	require.NoError(t, verify())
	current = former
	require.Error(t, verify())
}
