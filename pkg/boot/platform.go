// Package boot makes what every service stands on, from one configuration: databases, broker, RPC server, admin
// port, the relay of its events and the feed of revocations.
//
// It promises one order: New migrates the schema and reaches everything that is needed, or fails; Start brings the
// parts up in the order they were added, the RPC server after the service's own, and says ready last; Stop goes the
// same way back. A service adds its parts between New and Start and knows nothing of the rest.
package boot

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/adminhttp"
	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/lifecycle"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/revocation"
	"github.com/meridianhq/meridian/pkg/rpcserver"
)

// Deps is what a process shares between the services in it. Every field may be left empty.
type Deps struct {
	// Log gets everything; dropped when nil. NewLog makes one.
	Log *slog.Logger
	// Clock is domain time; the system's when nil.
	Clock clock.Clock
	// Machine is machine time; the system's when nil.
	Machine clock.Clock
	// NATS is a connection to the platform's account. When nil one is made and closed at the end.
	NATS *nats.Conn
	// Alone says that no other process relays the events of this database, so that the relay takes up its work at
	// once after a crash.
	Alone bool
	// TracerProvider gets the traces of RPCs, MeterProvider what is measured; OpenTelemetry's global ones when nil.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// Options is what a service says of itself.
type Options struct {
	// Sets are the service's own migrations, and its projection's. Those of the platform are added.
	Sets []postgres.Set
	// Keys is where public keys come from; nil asks the directory. The directory gives its own.
	Keys auth.KeySource
	// Verifier checks tokens in the place of Platform.Verifier; the gateway gives its own.
	Verifier rpcserver.Verifier
	// Server are the RPC server's settings that depend on the service.
	Server rpcserver.Options
}

// Platform is what a service stands on.
type Platform struct {
	// Name is the service's name.
	Name string
	// Config is what it was told.
	Config Config
	// Log names the service in every line.
	Log *slog.Logger
	// Clock is domain time, Machine machine time.
	Clock, Machine clock.Clock

	// DB is the pool of the app role, Owner that of the schema's owner; nil without a database.
	DB, Owner *postgres.DB
	// NATS is the connection to the platform's account, JS its JetStream.
	NATS *nats.Conn
	JS   jetstream.JetStream
	// Outbox takes the service's events, Relay publishes them; nil without a database.
	Outbox *outbox.Outbox
	Relay  *outbox.Relay

	// Server is where the service registers its RPCs.
	Server *rpcserver.Server
	// Admin is the port for operators. It listens only when it has an address.
	Admin *adminhttp.Server
	// Group is where the service adds its own parts.
	Group *lifecycle.Group

	// Identity is the service's own; without a key it cannot call for itself.
	Identity auth.Identity
	// Directory is the connection to the directory; nil in the directory itself.
	Directory *grpc.ClientConn
	// Verifier knows members' and services' tokens; Revocations is what it asks and what the feed fills.
	Verifier    *auth.Verifier
	Revocations *auth.Revocations

	// Meters gets what is measured.
	Meters metric.MeterProvider

	tracer    trace.TracerProvider
	consumers []*eventbus.Router
	letters   *eventbus.DeadLetters
	workers   []Worker
	ready     atomic.Bool
	opened    []func()
}

// New makes the platform of the named service: it makes the roles when it has an admin's URL, migrates, opens the
// pools and the connections, and makes the event stream. It waits half a minute each for a database and a broker that are not there yet.
// When it fails, nothing stays open; when it does not, Start or Close must follow.
func New(ctx context.Context, name string, cfg Config, deps Deps, opts Options) (*Platform, error) {
	RoomyHeap()
	p := newPlatform(name, cfg, deps)
	for _, step := range []func(context.Context, Deps, Options) error{
		p.openDatabases, p.openBroker, p.openDirectory, p.makeServer,
	} {
		if err := step(ctx, deps, opts); err != nil {
			p.Close()
			return nil, err
		}
	}
	p.addParts(deps)
	return p, nil
}

func newPlatform(name string, cfg Config, deps Deps) *Platform {
	p := &Platform{
		Name: name, Config: cfg, Log: deps.Log, Clock: deps.Clock, Machine: deps.Machine,
		Admin: adminhttp.New(cfg.AdminAddr), Meters: deps.MeterProvider, tracer: deps.TracerProvider,
	}
	if p.Meters == nil {
		p.Meters = otel.GetMeterProvider()
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	p.Log = p.Log.With(slog.String("service", name))
	if p.Clock == nil {
		p.Clock = clock.System()
	}
	if p.Machine == nil {
		p.Machine = clock.Machine()
	}
	if p.Config.EventHost == "" {
		p.Config.EventHost = defaultEventHost
	}
	p.Group = lifecycle.New(p.Log)
	return p
}

// addParts adds what runs below the service's own parts.
func (p *Platform) addParts(deps Deps) {
	p.Group.Add("connections", nil, func(context.Context) error {
		p.Close()
		return nil
	})
	if p.Config.AdminAddr != "" {
		p.Group.Add("admin port", p.Admin.Start, p.Admin.Stop)
		p.Group.Go("admin serving", p.Admin.Wait)
	}
	feed := revocation.New(revocation.Config{JS: p.JS, Revocations: p.Revocations, Log: p.Log, Machine: p.Machine})
	p.Group.Go("revocations", feed.Run)
	p.Group.Add("revocations known", feed.Settle, nil)
	if p.DB == nil {
		return
	}
	p.Relay = outbox.NewRelay(outbox.RelayConfig{
		Service: p.Name, DB: p.Owner, JS: p.JS, Log: p.Log, Machine: p.Machine, Meters: p.Meters, Alone: deps.Alone,
	})
	p.Outbox = outbox.New(p.Relay.Wake)
	p.Group.Go("relay", p.Relay.Run)
	p.Group.Go("replay pruning", func(ctx context.Context) error { return replay.Pruning().Run(ctx, p.Owner, p.Machine, p.Log) })
	p.Group.Go("inbox pruning", p.pruneInbox)
}

// pruneInbox goes by the stream as it is each time, since a set-up may change it under a running service. A failure is logged
// and tried again the next time.
func (p *Platform) pruneInbox(ctx context.Context) error {
	return clock.Every(ctx, inbox.PruneEvery, func(ctx context.Context) {
		age, err := eventbus.MaxAge(ctx, p.JS)
		if err == nil {
			_, err = inbox.Prune(ctx, p.Owner.Pool(), p.Machine.Now(), age)
		}
		if err != nil && ctx.Err() == nil {
			p.Log.WarnContext(ctx, "claims of the inbox stay for now", slog.Any("error", err))
		}
	})
}

// errStarting is why a process that has not started is not ready.
var errStarting = errors.New("still starting")

// Start starts everything in order and then says ready. Call it once.
func (p *Platform) Start(ctx context.Context) error {
	p.Group.Add("rpc server", p.Server.Start, p.Server.Stop)
	p.Group.Go("rpc serving", p.Server.Wait)
	p.addMetrics()
	p.Group.Add("readiness", func(context.Context) error {
		p.ready.Store(true)
		return nil
	}, p.leave)
	return p.Group.Start(ctx)
}

// leave says not ready and goes on serving for the drain delay, so that nobody is sent to a closed door.
func (p *Platform) leave(ctx context.Context) error {
	p.Admin.Drain()
	if p.Config.DrainDelay > 0 {
		return clock.Sleep(ctx, p.Config.DrainDelay)
	}
	return nil
}

// Wait blocks until a part fails, whose error it returns, or until ctx ends, when it returns nil.
func (p *Platform) Wait(ctx context.Context) error { return p.Group.Wait(ctx) }

// Stop stops everything in reverse order, within ctx, and closes the connections.
func (p *Platform) Stop(ctx context.Context) error { return p.Group.Stop(ctx) }

// Close closes the connections of a platform that is not to be started after all. Stop does it for one that was.
func (p *Platform) Close() {
	for _, shut := range slices.Backward(p.opened) {
		shut()
	}
	p.opened = nil
}
