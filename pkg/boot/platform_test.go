package boot_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/overload"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const service = "boottest"

// platformSets are what boot migrates by itself; the template then has them already.
func platformSets() []postgres.Set {
	return []postgres.Set{outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set()}
}

// config is that of a service with a database and a broker of the test's own.
func config(t *testing.T, broker *natstest.Server) boot.Config {
	t.Helper()
	db := pgtest.New(t, service, platformSets()...)
	return boot.Config{
		GRPCAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
		DatabaseURL: db.AppURL, DatabaseOwnerURL: db.OwnerURL,
		NATSURL: broker.URL, NATSUser: broker.Credentials.User, NATSPassword: broker.Credentials.Password,
	}
}

func stop(t *testing.T, p *boot.Platform) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, p.Stop(ctx))
}

func TestAServiceStandsOnItsPlatform(t *testing.T) {
	t.Parallel()
	a := rpctest.NewAuthority(t)
	p, err := boot.New(t.Context(), service, config(t, natstest.New(t)), boot.Deps{}, boot.Options{Keys: a})
	require.NoError(t, err)
	var order []string
	var mu sync.Mutex
	note := func(line string) func(context.Context) error {
		return func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, line)
			return nil
		}
	}
	p.Group.Add("mine", note("start"), note("stop"))
	probe.Register(p.Server, "ProbeService", func(context.Context, probe.Call) error { return nil })
	require.False(t, p.Admin.Report(t.Context()).OK(), "not before it has started")

	require.NoError(t, p.Start(t.Context()))
	r := p.Admin.Report(t.Context())
	require.Equal(t, map[string]string{"postgres": "ok", "migrations": "ok", "nats": "ok", "startup": "ok"}, r.Checks)
	ws := uuid.Must(uuid.NewV7())
	cc := rpctest.Dial(t, p.Server.Addr())
	_, err = probe.Invoke(a.As(t, t.Context(), rpctest.Member(ws, auth.Guest)), cc, "CountThings", `{}`)
	require.NoError(t, err)

	// What a service writes reaches the broker.
	require.NoError(t, p.DB.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
		return p.Outbox.Append(ctx, tx, outbox.Message{
			ID: uuid.Must(uuid.NewV7()), Workspace: ws, Aggregate: "a", Version: 1,
			Subject: "evt." + ws.String() + ".boottest.thing.made", Payload: []byte("x"),
		})
	}))
	require.NoError(t, p.Relay.Drained(t.Context()))
	stream, err := p.JS.Stream(t.Context(), eventbus.Stream)
	require.NoError(t, err)
	msg, err := stream.GetLastMsgForSubject(t.Context(), "evt."+ws.String()+".boottest.thing.made")
	require.NoError(t, err)
	require.Equal(t, "x", string(msg.Data))

	stop(t, p)
	require.Equal(t, []string{"start", "stop"}, order)
	require.Equal(t, "draining", p.Admin.Report(t.Context()).Status)
	require.True(t, p.NATS.IsClosed())
	require.Error(t, p.DB.Ping(t.Context()))
	require.NoError(t, p.Wait(ended(t)))
}

// ended is a context that is over.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestReadinessTellsTheTruthAboutTheBroker(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	p, err := boot.New(t.Context(), service, config(t, broker), boot.Deps{}, boot.Options{Keys: rpctest.NewAuthority(t)})
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context()))
	require.True(t, p.Admin.Report(t.Context()).OK())
	broker.Stop(t)
	require.Eventually(t, func() bool {
		r := p.Admin.Report(t.Context())
		return !r.OK() && r.Checks["nats"] != "ok" && r.Checks["postgres"] == "ok"
	}, 10*time.Second, 20*time.Millisecond)
	broker.Start(t)
	require.Eventually(t, func() bool { return p.Admin.Report(t.Context()).OK() }, 20*time.Second, 50*time.Millisecond,
		"it comes back by itself")
	stop(t, p)
}

// muted stands before the broker and can be told to swallow whatever comes, with every connection left open.
type muted struct {
	listener net.Listener
	silent   atomic.Bool
}

func newMuted(t *testing.T, target string) *muted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	m := &muted{listener: listener}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			go m.pump(near, far)
			go m.pump(far, near)
		}
	}()
	return m
}

func (m *muted) pump(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		if m.silent.Load() {
			continue
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// TestABrokerThatFallsSilentIsGivenUp: no connection breaks, and nothing is answered. By the client's defaults that takes
// minutes.
func TestABrokerThatFallsSilentIsGivenUp(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	way := newMuted(t, strings.TrimPrefix(broker.URL, "nats://"))
	p, err := boot.New(t.Context(), "gateway", boot.Config{
		GRPCAddr: "127.0.0.1:0", NATSURL: "nats://" + way.listener.Addr().String(),
		NATSUser: broker.Credentials.User, NATSPassword: broker.Credentials.Password,
	}, boot.Deps{}, boot.Options{Keys: rpctest.NewAuthority(t)})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	require.True(t, p.NATS.IsConnected())
	way.silent.Store(true)
	require.Eventually(t, func() bool { return !p.NATS.IsConnected() }, 90*time.Second, 50*time.Millisecond)
	way.silent.Store(false)
	require.Eventually(t, p.NATS.IsConnected, 30*time.Second, 50*time.Millisecond)
}

func TestRolesAndSchemaAreMadeWithAnAdminsURL(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	admin := pgtest.NewEmpty(t)
	as := func(user string) string {
		u, err := url.Parse(admin)
		require.NoError(t, err)
		u.User = url.UserPassword(user, "pw-of-"+user)
		return u.String()
	}
	cfg := boot.Config{
		GRPCAddr: "127.0.0.1:0", DatabaseAdminURL: admin,
		DatabaseURL: as("bootprepared_app"), DatabaseOwnerURL: as("bootprepared_owner"),
	}
	a := rpctest.NewAuthority(t)
	nc := broker.Conn(t)
	p, err := boot.New(t.Context(), "bootprepared", cfg, boot.Deps{NATS: nc}, boot.Options{Keys: a})
	require.NoError(t, err)
	require.NoError(t, p.DB.Ping(t.Context()))
	require.NoError(t, p.Start(t.Context()))
	stop(t, p)
	require.False(t, nc.IsClosed(), "a connection that was given is the giver's to close")

	p, err = boot.New(t.Context(), "bootprepared", cfg, boot.Deps{NATS: nc}, boot.Options{Keys: a})
	require.NoError(t, err, "a second start finds all in place")
	p.Close()
}

func TestAServiceWithoutADatabaseHasNone(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	cfg := boot.Config{GRPCAddr: "127.0.0.1:0", EventHost: "example.org"}
	verifier := verifierFunc(func(context.Context, string) (auth.Caller, error) {
		return auth.Caller{}, fault.New(fault.Unauthenticated, "MINE", "mine")
	})
	manual := clock.NewManual(time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC))
	p, err := boot.New(t.Context(), "gateway", cfg, boot.Deps{NATS: broker.Conn(t), Clock: manual}, boot.Options{
		Keys: rpctest.NewAuthority(t), Verifier: verifier, Server: rpcserver.Options{DefaultDeadline: time.Second},
	})
	require.NoError(t, err)
	require.Nil(t, p.DB)
	require.Nil(t, p.Owner)
	require.Nil(t, p.Outbox)
	require.Nil(t, p.Relay)
	require.Nil(t, p.Directory)
	require.Equal(t, manual, p.Clock)
	require.Equal(t, "example.org", p.Config.EventHost)
	probe.Register(p.Server, "ProbeService", func(context.Context, probe.Call) error { return nil })
	require.NoError(t, p.Start(t.Context()))
	ctx := rpctest.WithToken(t.Context(), "any")
	_, err = probe.Invoke(ctx, rpctest.Dial(t, p.Server.Addr()), "CountThings", `{}`)
	rpctest.Failed(t, err, codes.Unauthenticated, "MINE")
	stop(t, p)
}

type verifierFunc func(ctx context.Context, token string) (auth.Caller, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (auth.Caller, error) {
	return f(ctx, token)
}

func TestAFailingPartEndsThePlatform(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	p, err := boot.New(t.Context(), "gateway", boot.Config{GRPCAddr: "127.0.0.1:0"},
		boot.Deps{NATS: natstest.New(t).Conn(t)}, boot.Options{Keys: rpctest.NewAuthority(t)})
	require.NoError(t, err)
	p.Group.Go("mine", func(context.Context) error { return broken })
	require.NoError(t, p.Start(t.Context()))
	require.ErrorIs(t, p.Wait(t.Context()), broken)
	stop(t, p)
}

// keyServer is a directory that knows only its keys.
type keyServer struct {
	directoryv1.UnimplementedTokenServiceServer
	keys []*directoryv1.JsonWebKey
}

func (k *keyServer) GetJwks(context.Context, *directoryv1.GetJwksRequest) (*directoryv1.JsonWebKeySet, error) {
	return &directoryv1.JsonWebKeySet{Keys: k.keys}, nil
}

func TestTokensAreCheckedWithTheDirectorysKeys(t *testing.T) {
	t.Parallel()
	a := rpctest.NewAuthority(t)
	set, err := a.Keys(t.Context())
	require.NoError(t, err)
	public, ok := set.Keys[0].Key.(ed25519.PublicKey)
	require.True(t, ok)
	x := base64.RawURLEncoding.EncodeToString(public)
	keys := &keyServer{keys: []*directoryv1.JsonWebKey{
		{Kty: "RSA", Kid: "other"},
		{Kty: "OKP", Crv: "Ed25519", X: "!", Kid: "broken"},
		{Kty: "OKP", Crv: "Ed25519", X: x, Kid: "test", Alg: "EdDSA", Use: "sig"},
	}}
	_, directory := rpctest.Serve(t, a, rpcserver.Config{Service: "directory"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		directoryv1.RegisterTokenServiceServer(r, keys)
	})
	cfg := boot.Config{GRPCAddr: "127.0.0.1:0", DirectoryAddr: directory.Addr()}
	p, err := boot.New(t.Context(), "gateway", cfg, boot.Deps{NATS: natstest.New(t).Conn(t)}, boot.Options{})
	require.NoError(t, err)
	require.NotNil(t, p.Directory)
	defer p.Close()
	c := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Admin)
	got, err := p.Verifier.Verify(t.Context(), a.Token(t, c))
	require.NoError(t, err)
	require.Equal(t, c.Principal(), got.Principal())
	p.Revocations.RevokeSession(c.Session, p.Machine.Now())
	_, err = p.Verifier.Verify(t.Context(), a.Token(t, c))
	require.True(t, fault.HasReason(err, fault.ReasonTokenRevoked))
}

func TestKeysAreUnavailableWithoutTheDirectory(t *testing.T) {
	t.Parallel()
	cfg := boot.Config{GRPCAddr: "127.0.0.1:0", DirectoryAddr: "127.0.0.1:1"}
	p, err := boot.New(t.Context(), "gateway", cfg, boot.Deps{NATS: natstest.New(t).Conn(t)}, boot.Options{})
	require.NoError(t, err, "the directory may come later")
	defer p.Close()
	a := rpctest.NewAuthority(t)
	_, err = p.Verifier.Verify(t.Context(), a.Token(t, rpctest.Member(uuid.Must(uuid.NewV7()), auth.Admin)))
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

func TestAWrongConfigurationIsToldByItsFlag(t *testing.T) {
	t.Parallel()
	nc := natstest.New(t).Conn(t)
	const u = "postgres://127.0.0.1:1/x"
	seed := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for why, cfg := range map[string]boot.Config{
		"belong together":                   {DatabaseURL: u},
		"database-admin-url needs":          {DatabaseAdminURL: u},
		"database-owner-url: must be a URL": {DatabaseAdminURL: u, DatabaseURL: u, DatabaseOwnerURL: u},
		"database-url: must have a password": {
			DatabaseAdminURL: u, DatabaseURL: "postgres://a@h/x", DatabaseOwnerURL: "postgres://a:b@h/x",
		},
		"database-owner-url: failed":     {DatabaseURL: u, DatabaseOwnerURL: u},
		"identity-key: must be 32 bytes": {IdentityKey: "c2hvcnQ="},
		"the key of threads: must be":    {IdentityKey: seed, ServiceKeys: "threads=%"},
		"tokens cannot be checked":       {ServiceKeys: "threads=" + seed},
		"service-keys: must be name=key": {ServiceKeys: "threads"},
		"grpc-addr: must be host:port":   {GRPCAddr: "9090"},
		"admin-addr: must be":            {AdminAddr: "localhost"},
		"nats-replicas: must be from":    {Stream: eventbus.StreamConfig{Replicas: 6}},
		"nats-stream-max-age: must be":   {Stream: eventbus.StreamConfig{MaxAge: time.Hour}},
		"nats-stream-max-bytes: must be": {Stream: eventbus.StreamConfig{MaxBytes: 8}},
		"drain-delay: must not be":       {DrainDelay: -1},
		"max-in-work: must not be":       {Overload: overload.Limits{InWork: -1}},
		"tls-cert and tls-key":           {TLSCert: "x"},
		"tls-client-ca needs":            {TLSClientCA: "x"},
		"tls-clear-text needs":           {TLSClear: true},
		"tls-call-cert and tls-call-key": {TLSCallKey: "x"},
		"tls-call-cert needs":            {TLSCallCert: "x", TLSCallKey: "x"},
		"event-host: must be":            {EventHost: "https://meridian.example"},
		"drain-delay: must be at most":   {DrainDelay: time.Hour},
		"database-url: the file":         {DatabaseURL: "@/nowhere", DatabaseOwnerURL: u},
		"database-url: is no URL":        {DatabaseURL: "hunter2", DatabaseOwnerURL: u},
		"database-owner-url: is no URL":  {DatabaseURL: u, DatabaseOwnerURL: "postgres://a:hunter2@h:x/"},
		"nats-url: must be":              {NATSURL: "nats://a:4222,http://a:hunter2@b"},
		"directory-addr":                 {DirectoryAddr: "x\x00://"},
		"directory-addr: \"dns:///x\"":   {DirectoryAddr: "dns:///x"},
		"tls-server-ca":                  {DirectoryAddr: "x:1", TLSServerCA: "/nowhere"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := boot.New(ctx, "gateway", cfg, boot.Deps{NATS: nc}, boot.Options{})
		cancel()
		require.ErrorContains(t, err, why)
		require.NotContains(t, err.Error(), "hunter2")
		if cfg.IdentityKey != "" {
			require.NotContains(t, err.Error(), cfg.IdentityKey)
		}
	}
}

func TestABrokerThatNeverComesEndsNew(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	log := slog.New(slog.DiscardHandler)
	cfg := boot.Config{NATSURL: "nats://127.0.0.1:1"}
	_, err := boot.New(ctx, "gateway", cfg, boot.Deps{Log: log}, boot.Options{Keys: rpctest.NewAuthority(t)})
	require.ErrorContains(t, err, "the event stream: no broker answers at nats-url")
	cfg.NATSURL = "://"
	_, err = boot.New(ctx, "gateway", cfg, boot.Deps{Log: log}, boot.Options{})
	require.ErrorContains(t, err, "nats-url")
	require.NotErrorIs(t, err, nats.ErrTimeout)
}

func TestABrokerThatRefusesIsToldByTheSettings(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	cfg := boot.Config{NATSURL: natstest.New(t).URL, NATSUser: "meridian", NATSPassword: "hunter2"}
	_, err := boot.New(ctx, "gateway", cfg, boot.Deps{}, boot.Options{Keys: rpctest.NewAuthority(t)})
	require.ErrorContains(t, err, "refuses nats-user with nats-password")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestTheIdentityIsTheConfiguredOne(t *testing.T) {
	t.Parallel()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = 0xff
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(seed), base64.RawURLEncoding.EncodeToString(seed) + "\n",
	} {
		p, err := boot.New(t.Context(), "gateway", boot.Config{IdentityKey: text},
			boot.Deps{NATS: natstest.New(t).Conn(t)}, boot.Options{Keys: rpctest.NewAuthority(t)})
		require.NoError(t, err)
		require.Equal(t, "gateway", p.Identity.Name)
		require.Equal(t, ed25519.NewKeyFromSeed(seed), p.Identity.Current())
		p.Close()
	}
}
