package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const (
	// brokerPatience is how long New waits for the broker.
	brokerPatience = 30 * time.Second
	// brokerPause is between two tries.
	brokerPause = 250 * time.Millisecond
	// brokerTry is how long one try may take.
	brokerTry = 5 * time.Second
	// reconnectPause is between two tries of the client to find its broker again.
	reconnectPause = 250 * time.Millisecond
	// pingEvery and pingsOut are how soon a broker that fell silent without a word, paused or behind a dead network, is given
	// up: in a quarter of a minute, where the client's own defaults take six minutes.
	pingEvery = 5 * time.Second
	pingsOut  = 2
	// ownerConns is the size of the owner's pool: the relay, due claims, and now and then a lookup.
	ownerConns = 8
)

// openDatabases makes the roles if it may, migrates, and opens both pools.
func (p *Platform) openDatabases(ctx context.Context, _ Deps, opts Options) error {
	cfg := p.Config
	if err := cfg.validate(); err != nil {
		return err
	}
	if cfg.DatabaseURL == "" {
		return nil
	}
	if cfg.DatabaseAdminURL != "" {
		owner, app, err := cfg.passwords()
		if err != nil {
			return err
		}
		if err := postgres.Prepare(ctx, cfg.DatabaseAdminURL, p.Name, owner, app); err != nil {
			return fmt.Errorf("prepare the database: %w", err)
		}
	}
	sets := append([]postgres.Set{outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set()}, opts.Sets...)
	if err := postgres.Migrate(ctx, cfg.DatabaseOwnerURL, sets...); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	var err error
	p.DB, err = postgres.Open(ctx, cfg.DatabaseURL, postgres.Options{Name: p.Name, MaxConns: cfg.DatabaseConns})
	if err != nil {
		return fmt.Errorf("database-url: %w", err)
	}
	p.opened = append(p.opened, p.DB.Close)
	p.Owner, err = postgres.Open(ctx, cfg.DatabaseOwnerURL, postgres.Options{Name: p.Name + "-owner", MaxConns: ownerConns})
	if err != nil {
		return fmt.Errorf("database-owner-url: %w", err)
	}
	p.opened = append(p.opened, p.Owner.Close)
	// Both pools have to work; the migrations have, or New has failed.
	p.Admin.Ready("postgres", func(ctx context.Context) error { return errors.Join(p.DB.Ping(ctx), p.Owner.Ping(ctx)) })
	p.Admin.Ready("migrations", func(context.Context) error { return nil })
	return nil
}

// openBroker connects to NATS and makes the event stream.
func (p *Platform) openBroker(ctx context.Context, deps Deps, _ Options) error {
	p.NATS = deps.NATS
	if p.NATS == nil {
		var err error
		if p.NATS, err = p.dialBroker(); err != nil {
			return fmt.Errorf("nats-url: %w", err)
		}
		p.opened = append(p.opened, p.NATS.Close)
	}
	var err error
	if p.JS, err = jetstream.New(p.NATS); err != nil {
		return fmt.Errorf("JetStream: %w", err)
	}
	if err := p.ensureStream(ctx); err != nil {
		return err
	}
	p.Admin.Ready("nats", p.brokerReady)
	return nil
}

// dialBroker makes a connection that looks for its broker for ever.
func (p *Platform) dialBroker() (*nats.Conn, error) {
	return nats.Connect(p.Config.NATSURL,
		nats.Name(p.Name),
		nats.UserInfo(p.Config.NATSUser, p.Config.NATSPassword),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectPause),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(pingsOut),
		nats.RetryOnFailedConnect(true),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil is our own Close
				p.Log.Warn("broker lost", slog.Any("error", err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { p.Log.Info("broker found again") }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			p.Log.Warn("broker error", slog.String("subject", subject), slog.Any("error", err))
		}),
	)
}

// ensureStream tries until it works or the patience is over.
func (p *Platform) ensureStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	for {
		try, cancel := context.WithTimeout(ctx, brokerTry)
		err := eventbus.EnsureStream(try, p.JS, eventbus.StreamConfig{Replicas: p.Config.NATSReplicas})
		cancel()
		if err == nil {
			return nil
		}
		if clock.Sleep(ctx, brokerPause) != nil {
			return fmt.Errorf("the event stream: %w", err)
		}
	}
}

// brokerReady says whether the broker is there and keeps the stream.
func (p *Platform) brokerReady(ctx context.Context) error {
	if !p.NATS.IsConnected() {
		return errors.New("not connected")
	}
	if _, err := p.JS.Stream(ctx, eventbus.Stream); err != nil {
		return fmt.Errorf("the event stream: %w", err)
	}
	return nil
}

// openDirectory makes the connection to the directory, if there is one, and what checks tokens.
func (p *Platform) openDirectory(_ context.Context, _ Deps, opts Options) error {
	var err error
	if p.Identity, err = p.Config.identity(p.Name); err != nil {
		return err
	}
	services, err := p.Config.serviceKeys()
	if err != nil {
		return err
	}
	keys := opts.Keys
	if p.Config.DirectoryAddr != "" {
		if p.Directory, err = p.Dial("directory-addr", p.Config.DirectoryAddr); err != nil {
			return err
		}
		if keys == nil {
			keys = directoryKeys{directoryv1.NewTokenServiceClient(p.Directory)}
		}
	}
	if keys == nil {
		return errors.New("directory-addr: tokens cannot be checked without the directory's keys")
	}
	p.Revocations = auth.NewRevocations(p.Machine)
	p.Verifier = auth.NewVerifier(auth.VerifierConfig{
		Keys: keys, Services: services, Revocations: p.Revocations, Clock: p.Machine,
	})
	return nil
}

// makeServer makes the RPC server; it listens when the platform starts.
func (p *Platform) makeServer(_ context.Context, deps Deps, opts Options) error {
	verifier := opts.Verifier
	if verifier == nil {
		verifier = p.Verifier
	}
	p.Server = rpcserver.New(rpcserver.Config{
		Service: p.Name, Addr: p.Config.GRPCAddr, Reflection: p.Config.Reflection, TLS: p.Config.serverTLS(),
		Limits: p.Config.Overload, Options: opts.Server,
	}, rpcserver.Deps{
		Verifier: verifier, Log: p.Log, Machine: p.Machine,
		TracerProvider: deps.TracerProvider, MeterProvider: p.Meters,
	})
	p.Admin.Ready("startup", func(context.Context) error {
		if !p.ready.Load() {
			return errStarting
		}
		return nil
	})
	return nil
}
