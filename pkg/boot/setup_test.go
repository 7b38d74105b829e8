package boot_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/rpctest"
)

// apart is the configuration of a service in a database where nothing was made, all its secrets in files.
func apart(t *testing.T, broker *natstest.Server, name string) (cfg boot.Config, folder string) {
	t.Helper()
	admin := pgtest.NewEmpty(t)
	folder = t.TempDir()
	cfg = boot.Config{
		GRPCAddr: "127.0.0.1:0", NATSURL: broker.URL,
		DatabaseAdminURL: file(t, folder, "admin", admin),
		DatabaseOwnerURL: file(t, folder, "owner", as(t, admin, name+"_owner", "first")),
		DatabaseURL:      file(t, folder, "app", as(t, admin, name+"_app", "first")),
		NATSUser:         file(t, folder, "user", broker.Credentials.User),
		NATSPassword:     file(t, folder, "password", broker.Credentials.Password),
	}
	return cfg, folder
}

// file writes a secret and returns the setting that names it.
func file(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return "@" + path
}

func as(t *testing.T, admin, user, password string) string {
	t.Helper()
	u, err := url.Parse(admin)
	require.NoError(t, err)
	u.User = url.UserPassword(user, password)
	return u.String()
}

func TestAPreparedServiceNeedsWhatSetupMakes(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	cfg, folder := apart(t, broker, "setuptest")
	start := func() (*boot.Platform, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		prepared := cfg
		prepared.Prepared, prepared.DatabaseAdminURL = true, ""
		return boot.New(ctx, "setuptest", prepared, boot.Deps{}, boot.Options{Keys: rpctest.NewAuthority(t)})
	}
	_, err := start()
	require.Error(t, err, "there are no roles")

	bare := cfg
	bare.DatabaseAdminURL = ""
	require.Error(t, boot.Setup(t.Context(), "setuptest", bare, boot.Deps{}), "nobody may make roles")
	for range 2 {
		require.NoError(t, boot.Setup(t.Context(), "setuptest", cfg, boot.Deps{}, platformSets()[:0]...))
	}
	_, err = broker.JS(t).Stream(t.Context(), eventbus.Stream)
	require.NoError(t, err)
	p, err := start()
	require.NoError(t, err)
	require.NoError(t, p.DB.Ping(t.Context()))

	// A new password, in the file first: what is open stays so, what is opened takes the new one.
	held, err := p.DB.Pool().Acquire(t.Context())
	require.NoError(t, err)
	cfg.DatabaseURL = file(t, folder, "app", as(t, mustRead(t, folder, "admin"), "setuptest_app", "second"))
	require.NoError(t, boot.Setup(t.Context(), "setuptest", cfg, boot.Deps{}))
	require.NoError(t, held.Ping(t.Context()))
	held.Release()
	p.DB.Pool().Reset()
	require.NoError(t, p.DB.Ping(t.Context()))
	p.Close()
}

// TestClaimsAreKeptAsLongAsTheStreamThatStandsKeepsEvents: Setup was told an age, and the service that runs was not.
func TestClaimsAreKeptAsLongAsTheStreamThatStandsKeepsEvents(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	cfg := config(t, broker)
	making := cfg
	making.Stream = eventbus.StreamConfig{MaxAge: 60 * 24 * time.Hour, MaxBytes: 1 << 30}
	require.NoError(t, boot.Setup(t.Context(), service, making, boot.Deps{}))
	cfg.Prepared = true
	p, err := boot.New(t.Context(), service, cfg, boot.Deps{}, boot.Options{Keys: rpctest.NewAuthority(t)})
	require.NoError(t, err)
	_, err = p.Owner.Pool().Exec(t.Context(), `
		insert into inbox (consumer, event_id, stored_at)
		select 'c', gen_random_uuid(), clock_timestamp() - make_interval(days => days) from unnest(array[40, 60, 62]) as days`)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context()))
	var oldest float64
	require.Eventually(t, func() bool {
		return p.Owner.Pool().QueryRow(t.Context(), "select max(extract(epoch from clock_timestamp() - stored_at)) / 86400 from inbox").
			Scan(&oldest) == nil && oldest < 61
	}, 20*time.Second, 10*time.Millisecond)
	require.InDelta(t, 60, oldest, 0.1)
	age, err := eventbus.MaxAge(t.Context(), p.JS)
	require.NoError(t, err)
	require.Equal(t, making.Stream.MaxAge, age, "a prepared service leaves the stream alone")
	stop(t, p)
}

func mustRead(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	return string(text[:len(text)-1])
}

func TestTheBrokersLoginIsReadAgainAtEachConnect(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	cfg, folder := apart(t, broker, "logintest")
	cfg.DatabaseURL, cfg.DatabaseOwnerURL, cfg.DatabaseAdminURL = "", "", ""
	p, err := boot.New(t.Context(), "logintest", cfg, boot.Deps{}, boot.Options{Keys: rpctest.NewAuthority(t)})
	require.NoError(t, err)
	defer p.Close()
	login, err := p.BrokerLogin("nats-user", cfg.NATSUser, "nats-password", cfg.NATSPassword)
	require.NoError(t, err)
	var options nats.Options
	require.NoError(t, login(&options))
	_, password := options.UserInfo()
	require.Equal(t, broker.Credentials.Password, password)

	file(t, folder, "password", "second")
	_, password = options.UserInfo()
	require.Equal(t, "second", password)
	require.NoError(t, os.Remove(filepath.Join(folder, "password")))
	user, password := options.UserInfo()
	require.Equal(t, broker.Credentials.User, user)
	require.Empty(t, password)

	_, err = p.BrokerLogin("nats-user", cfg.NATSUser, "nats-password", cfg.NATSPassword)
	require.ErrorContains(t, err, "nats-password: the file")
}
