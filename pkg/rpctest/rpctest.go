// Package rpctest serves and calls gRPC in tests, as anyone a test wants to be.
//
// It promises the real thing: a real server on a loopback port with all its interceptors, tokens signed and verified
// as in production, and helpers that say what is wrong with a status in one line.
package rpctest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpcserver"
)

// inWork is how many calls a test's server may have in work at once.
const inWork = 1024

// Authority makes the tokens of a test, and the verifier that knows them. It is the test's directory.
type Authority struct {
	signer *auth.Signer
	// Revocations is what the verifier asks.
	Revocations *auth.Revocations
	// Verifier knows the authority's tokens and the identities of Services.
	Verifier   *auth.Verifier
	machine    clock.Clock
	identities map[string]auth.Identity
}

// NewAuthority makes an authority that also knows service identities by the names.
func NewAuthority(tb testing.TB, services ...string) *Authority {
	tb.Helper()
	return NewAuthorityAt(tb, clock.Machine(), services...)
}

// NewAuthorityAt is NewAuthority with a machine time of the test's own.
func NewAuthorityAt(tb testing.TB, machine clock.Clock, services ...string) *Authority {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)
	signer, err := auth.NewSigner("test", key)
	require.NoError(tb, err)
	a := &Authority{
		signer: signer, machine: machine,
		Revocations: auth.NewRevocations(machine),
		identities:  make(map[string]auth.Identity),
	}
	public := make(auth.ServiceKeys)
	for _, name := range services {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(tb, err)
		a.identities[name] = auth.Identity{Name: name, Key: key}
		public[name] = []ed25519.PublicKey{pub}
	}
	a.Verifier = auth.NewVerifier(auth.VerifierConfig{
		Keys: a, Services: func() auth.ServiceKeys { return public }, Revocations: a.Revocations, Clock: machine,
	})
	return a
}

// Keys returns the authority's public key, so that it serves as an auth.KeySource.
func (a *Authority) Keys(context.Context) (jose.JSONWebKeySet, error) {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{a.signer.Public()}}, nil
}

// Identity returns a service's identity, by a name that NewAuthority was given.
func (a *Authority) Identity(tb testing.TB, service string) auth.Identity {
	tb.Helper()
	require.Contains(tb, a.identities, service, "name the service in NewAuthority")
	return a.identities[service]
}

// Token signs an access token for a caller, for ten minutes. A missing session is made up.
func (a *Authority) Token(tb testing.TB, c auth.Caller) string {
	tb.Helper()
	if c.Session == uuid.Nil {
		c.Session = uuid.Must(uuid.NewV7())
	}
	token, err := a.signer.Sign(c, a.machine.Now(), auth.AccessLife)
	require.NoError(tb, err)
	return token
}

// ServiceToken signs a service's identity token.
func (a *Authority) ServiceToken(tb testing.TB, service string) string {
	tb.Helper()
	token, err := a.Identity(tb, service).Token(a.machine.Now())
	require.NoError(tb, err)
	return token
}

// As returns a context whose gRPC calls are made by the caller.
func (a *Authority) As(tb testing.TB, ctx context.Context, c auth.Caller) context.Context { //nolint:revive // tb first, as everywhere in tests
	tb.Helper()
	return WithToken(ctx, a.Token(tb, c))
}

// AsService returns a context whose gRPC calls are made by the service itself.
func (a *Authority) AsService(tb testing.TB, ctx context.Context, service string) context.Context { //nolint:revive // tb first, as everywhere in tests
	tb.Helper()
	return WithToken(ctx, a.ServiceToken(tb, service))
}

// WithToken returns a context whose gRPC calls carry the token.
func WithToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// Member makes up a caller of a workspace with a role and scopes; every scope when none is named.
func Member(workspace uuid.UUID, role auth.Role, scopes ...string) auth.Caller {
	if len(scopes) == 0 {
		scopes = []string{auth.ScopeAll}
	}
	return auth.Caller{
		Workspace: workspace, Member: uuid.Must(uuid.NewV7()), Role: role, Scopes: scopes,
		Session: uuid.Must(uuid.NewV7()),
	}
}

// Serve starts a server on a loopback port with what register puts on it, and returns a connection to it. Both end
// with the test. Empty fields of cfg and deps are filled in: the service is `test`, the log is dropped, the verifier
// is the authority's, and calls in work are so many that a test's storm is not refused as overload, which has tests of its own.
func Serve(
	tb testing.TB, a *Authority, cfg rpcserver.Config, deps rpcserver.Deps, register func(grpc.ServiceRegistrar),
) (*grpc.ClientConn, *rpcserver.Server) {
	tb.Helper()
	if cfg.Service == "" {
		cfg.Service = "test"
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Limits.InWork == 0 {
		cfg.Limits.InWork = inWork
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Verifier == nil {
		deps.Verifier = a.Verifier
	}
	server := rpcserver.New(cfg, deps)
	register(server)
	require.NoError(tb, server.Start(tb.Context()))
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(tb, server.Stop(ctx))
	})
	return Dial(tb, server.Addr()), server
}

// Dial connects to a server without TLS and without anything that helps: no retries, no tokens of its own. The
// connection ends with the test.
func Dial(tb testing.TB, addr string) *grpc.ClientConn {
	tb.Helper()
	cc, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableServiceConfig())
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, cc.Close()) })
	return cc
}
