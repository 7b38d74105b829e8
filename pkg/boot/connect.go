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
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/secret"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const (
	// patience is how long New waits for the database, and for the broker.
	patience = 30 * time.Second
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

// openDatabases sees to the schema and opens both pools.
func (p *Platform) openDatabases(ctx context.Context, _ Deps, opts Options) error {
	cfg := p.Config
	if err := cfg.validate(); err != nil {
		return err
	}
	if cfg.DatabaseURL == "" {
		return nil
	}
	urls, err := cfg.databaseURLs()
	if err != nil {
		return err
	}
	if cfg.Prepared {
		err = urls.check(ctx, all(opts.Sets)...)
	} else {
		err = urls.migrate(ctx, p.Name, all(opts.Sets)...)
	}
	if err != nil {
		return err
	}
	p.DB, err = postgres.Open(ctx, urls.app, postgres.Options{
		Name: p.Name, MaxConns: cfg.DatabaseConns, Login: login("database-url", cfg.DatabaseURL),
	})
	if err != nil {
		return fmt.Errorf("database-url: %w", err)
	}
	p.opened = append(p.opened, p.DB.Close)
	p.Owner, err = postgres.Open(ctx, urls.owner, postgres.Options{
		Name: p.Name + "-owner", MaxConns: ownerConns, Login: login("database-owner-url", cfg.DatabaseOwnerURL),
	})
	if err != nil {
		return fmt.Errorf("database-owner-url: %w", err)
	}
	p.opened = append(p.opened, p.Owner.Close)
	// Both pools have to work; the schema is new enough, or New has failed.
	p.Admin.Ready("postgres", func(ctx context.Context) error { return errors.Join(p.DB.Ping(ctx), p.Owner.Ping(ctx)) })
	p.Admin.Ready("migrations", func(context.Context) error { return nil })
	return nil
}

// openBroker connects to NATS and sees to the event stream.
func (p *Platform) openBroker(ctx context.Context, deps Deps, _ Options) error {
	if err := p.connectBroker(deps); err != nil {
		return err
	}
	see := p.ensureStream
	if p.Config.Prepared {
		see = p.awaitStream
	}
	if err := see(ctx); err != nil {
		return err
	}
	p.Admin.Ready("nats", p.brokerReady)
	return nil
}

// connectBroker makes the connection, if none was given.
func (p *Platform) connectBroker(deps Deps) error {
	p.NATS = deps.NATS
	var err error
	if p.NATS == nil {
		if p.NATS, err = p.dialBroker(); err != nil {
			return err
		}
		p.opened = append(p.opened, p.NATS.Close)
	}
	if p.JS, err = jetstream.New(p.NATS); err != nil {
		return fmt.Errorf("JetStream: %w", err)
	}
	return nil
}

// dialBroker makes a connection that looks for its broker for ever.
func (p *Platform) dialBroker() (*nats.Conn, error) {
	credentials, err := p.BrokerLogin("nats-user", p.Config.NATSUser, "nats-password", p.Config.NATSPassword)
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(p.Config.NATSURL,
		// A password may be replaced at the broker before it is replaced here.
		nats.IgnoreAuthErrorAbort(),
		nats.Name(p.Name),
		credentials,
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
	if err != nil {
		return nil, fmt.Errorf("nats-url: %w", err)
	}
	return nc, nil
}

// BrokerLogin is who a connection to the broker is for, from the values of two settings of those names. It is read again at
// every reconnect; where it cannot be, the broker refuses it. It fails when it cannot be read now.
func (p *Platform) BrokerLogin(userFlag, user, passwordFlag, password string) (nats.Option, error) {
	for flag, value := range map[string]string{userFlag: user, passwordFlag: password} {
		if _, err := secret.Read(value); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
	}
	return nats.UserInfoHandler(func() (string, string) {
		name, err := secret.Read(user)
		if err != nil {
			p.Log.Error("broker login", slog.String("setting", userFlag), slog.Any("error", err))
		}
		word, err := secret.Read(password)
		if err != nil {
			p.Log.Error("broker login", slog.String("setting", passwordFlag), slog.Any("error", err))
		}
		return name, word
	}), nil
}

// ensureStream makes the event stream, or brings it to what it should be.
func (p *Platform) ensureStream(ctx context.Context) error {
	return p.patiently(ctx, func(ctx context.Context) error {
		return eventbus.EnsureStream(ctx, p.JS, p.Config.Stream)
	})
}

// awaitStream looks for the event stream that Setup made.
func (p *Platform) awaitStream(ctx context.Context) error {
	return p.patiently(ctx, func(ctx context.Context) error {
		_, err := p.JS.Stream(ctx, eventbus.Stream)
		return err
	})
}

// patiently tries until it works or the patience is over.
func (p *Platform) patiently(ctx context.Context, see func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		try, cancel := context.WithTimeout(ctx, brokerTry)
		err := see(try)
		cancel()
		if err == nil {
			return nil
		}
		if clock.Sleep(ctx, brokerPause) != nil {
			return fmt.Errorf("the event stream: %w", p.brokerFault(err))
		}
	}
}

// brokerFault names the settings that keep the broker away; where it is there, the error is its own.
func (p *Platform) brokerFault(err error) error {
	switch refused := p.NATS.LastError(); {
	case p.NATS.IsConnected():
		return err
	case errors.Is(refused, nats.ErrAuthorization):
		return fmt.Errorf("the broker of nats-url refuses nats-user with nats-password: %w", refused)
	default:
		return fmt.Errorf("no broker answers at nats-url: %w", errors.Join(refused, err))
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
	if err := p.Config.ClientTLS().Check(); err != nil {
		return fmt.Errorf("tls-server-ca with tls-call-cert or tls-cert: %w", err)
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
		Service: p.Name, Addr: p.Config.GRPCAddr, Reflection: p.Config.Reflection, TLS: p.Config.ServerTLS(),
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
