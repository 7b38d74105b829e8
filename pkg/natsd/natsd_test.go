package natsd_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/natsd"
)

func start(t *testing.T, cfg natsd.Config) *natsd.Server {
	t.Helper()
	if cfg.StoreDir == "" {
		cfg.StoreDir = t.TempDir()
	}
	if cfg.Credentials == (natsd.Credentials{}) {
		creds, err := natsd.NewCredentials()
		require.NoError(t, err)
		cfg.Credentials = creds
	}
	server, err := natsd.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, server) })
	return server
}

func stop(t *testing.T, server *natsd.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	defer cancel()
	require.NoError(t, server.Stop(ctx))
}

func TestTheConfigurationIsTheOneOfDeploy(t *testing.T) {
	t.Parallel()
	embedded, err := os.ReadFile("meridian.conf")
	require.NoError(t, err)
	deployed, err := os.ReadFile("../../deploy/nats/meridian.conf")
	require.NoError(t, err)
	require.Equal(t, string(embedded), string(deployed), "copy pkg/natsd/meridian.conf to deploy/nats")
}

func TestNoListenerTakesAClientWithoutCredentials(t *testing.T) {
	t.Parallel()
	creds, err := natsd.NewCredentials()
	require.NoError(t, err)
	server := start(t, natsd.Config{Addr: "127.0.0.1:0", Credentials: creds})

	for name, opts := range map[string][]nats.Option{
		"nothing":           nil,
		"an unknown user":   {nats.UserInfo("nobody", "x")},
		"a wrong password":  {nats.UserInfo(creds.User, "x")},
		"an empty password": {nats.UserInfo(creds.User, "")},
		"a token":           {nats.Token("x")},
		"callout's name":    {nats.UserInfo(creds.CalloutUser, creds.Password)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := nats.Connect(server.URL(), append(opts, nats.Timeout(10*time.Second))...)
			require.Error(t, err)
		})
	}
	for name, user := range map[string][2]string{"nobody in process": {}, "a wrong password in process": {creds.User, "x"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := server.ConnectAs(user[0], user[1], nats.Timeout(10*time.Second))
			require.Error(t, err)
		})
	}
}

func TestServicesHaveJetStreamInProcessAndOverTCP(t *testing.T) {
	t.Parallel()
	creds, err := natsd.NewCredentials()
	require.NoError(t, err)
	server := start(t, natsd.Config{Addr: "127.0.0.1:0", Credentials: creds})
	require.True(t, server.Healthy())

	inside, err := server.Connect()
	require.NoError(t, err)
	defer inside.Close()
	outside, err := nats.Connect(server.URL(), nats.UserInfo(creds.User, creds.Password))
	require.NoError(t, err)
	defer outside.Close()
	for _, conn := range []*nats.Conn{inside, outside} {
		js, err := jetstream.New(conn)
		require.NoError(t, err)
		_, err = js.AccountInfo(t.Context())
		require.NoError(t, err)
	}
}

func TestWithoutAnAddressThereIsNoListener(t *testing.T) {
	t.Parallel()
	server := start(t, natsd.Config{})
	require.Empty(t, server.URL())
	conn, err := server.Connect()
	require.NoError(t, err)
	conn.Close()
}

func TestWhatWasStoredIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	creds, err := natsd.NewCredentials()
	require.NoError(t, err)
	cfg := natsd.Config{StoreDir: t.TempDir(), Credentials: creds}
	first, err := natsd.Start(t.Context(), cfg)
	require.NoError(t, err)
	js := jetStream(t, first)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "s.1", []byte("kept"))
	require.NoError(t, err)
	stop(t, first)

	second := start(t, cfg)
	stream, err := jetStream(t, second).Stream(t.Context(), "S")
	require.NoError(t, err)
	msg, err := stream.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "kept", string(msg.Data))
}

func jetStream(t *testing.T, server *natsd.Server) jetstream.JetStream {
	t.Helper()
	conn, err := server.Connect()
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return js
}

func TestTheDirectorysUsersMayDoNothingElse(t *testing.T) {
	t.Parallel()
	creds, err := natsd.NewCredentials()
	require.NoError(t, err)
	server := start(t, natsd.Config{Credentials: creds})
	for name, user := range map[string][2]string{
		"callout": {creds.CalloutUser, creds.CalloutPassword},
		"system":  {creds.SystemUser, creds.SystemPassword},
	} {
		refused := make(chan error, 8)
		conn, err := server.ConnectAs(user[0], user[1],
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
		require.NoError(t, err, name)
		t.Cleanup(conn.Close)
		require.NoError(t, conn.Publish("evt.x", nil))
		require.NoError(t, conn.Publish("$JS.API.INFO", nil))
		_, err = conn.SubscribeSync(">")
		require.NoError(t, err)
		require.NoError(t, conn.Flush())
		for range 3 {
			require.ErrorIs(t, <-refused, nats.ErrPermissionViolation, name)
		}
	}
}

func TestCredentialsAreKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "nats.json")
	made, err := natsd.LoadCredentials(path)
	require.NoError(t, err)
	again, err := natsd.LoadCredentials(path)
	require.NoError(t, err)
	require.Equal(t, made, again)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	other, err := natsd.NewCredentials()
	require.NoError(t, err)
	require.NotEqual(t, made.Password, other.Password)

	require.NoError(t, os.WriteFile(path, []byte(`{"user":"meridian"}`), 0o600))
	_, err = natsd.LoadCredentials(path)
	require.ErrorContains(t, err, "is empty")
	require.NoError(t, os.WriteFile(path, []byte(`{`), 0o600))
	_, err = natsd.LoadCredentials(path)
	require.ErrorContains(t, err, "not readable")
}

func TestBadSettingsAreRefused(t *testing.T) {
	t.Parallel()
	good, err := natsd.NewCredentials()
	require.NoError(t, err)
	with := func(change func(*natsd.Credentials)) natsd.Credentials {
		c := good
		change(&c)
		return c
	}
	for name, cfg := range map[string]natsd.Config{
		"no folder":      {Credentials: good},
		"no credentials": {StoreDir: t.TempDir()},
		"empty password": {StoreDir: t.TempDir(), Credentials: with(func(c *natsd.Credentials) { c.Password = "" })},
		"one name twice": {StoreDir: t.TempDir(), Credentials: with(func(c *natsd.Credentials) { c.CalloutUser = c.User })},
		"issuer is xkey": {StoreDir: t.TempDir(), Credentials: with(func(c *natsd.Credentials) { c.IssuerSeed = c.XKeySeed })},
		"broken seed":    {StoreDir: t.TempDir(), Credentials: with(func(c *natsd.Credentials) { c.XKeySeed = "x" })},
		"injection": {StoreDir: t.TempDir(), Credentials: with(func(c *natsd.Credentials) {
			c.Password = "x\"\nno_auth_user: \"meridian"
		})},
	} {
		_, err := natsd.Start(t.Context(), cfg)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), good.Password, name)
	}
}
