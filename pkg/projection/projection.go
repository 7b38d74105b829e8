// Package projection keeps, in a service's own schema, what the directory knows of workspaces, members, teams, spaces and
// rights, so that the service's queries decide inside SQL what a caller may read.
//
// It is built by one rule: note the stream's last sequence, page the directory's snapshot, apply events from there
// by version. Rows are guarded by version and what ended stays as a tombstone, so events may come late, twice and in
// any order, and the tables are the same. An event that cannot be applied is replaced by a snapshot of its workspace
// before it goes to the dead letters. It promises that a right taken away is gone when the directory's event
// is handled; that a right given is there, at the latest, when Confirm has returned; and that Current fails rather
// than let a service decide from tables that nobody has confirmed for ten minutes.
//
// The tables and the SQL functions space_right, readable_spaces and space_readers are in the migrations of Set.
package projection

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the tables and functions, for every service that decides about spaces.
func Set() postgres.Set {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return postgres.Set{Name: "projection", FS: dir}
}

// Config is what a projection needs. Every field is required.
type Config struct {
	// Service is the name of the service whose schema holds the tables. The durable is `<service>_projection`.
	Service string
	// DB is the service's database as the app role: events are applied behind row-level security.
	DB *postgres.DB
	// Owner is the same as the owner: the snapshot covers all workspaces.
	Owner *postgres.DB
	// JS is the broker.
	JS jetstream.JetStream
	// Client asks the directory. Calls are made with the service's own identity.
	Client directoryv1.AccessServiceClient
	// Log receives what goes wrong and is tried again.
	Log *slog.Logger
	// Machine is the machine's clock.
	Machine clock.Clock
}

const (
	// staleAfter is how long the tables are trusted without a confirmation that nothing is missing.
	staleAfter = 10 * time.Minute
	// askEvery is the least time between two questions about the same thing.
	askEvery = time.Second
	// askTimeout bounds a question about one member and space, refreshTimeout the snapshot of one workspace.
	askTimeout     = 2 * time.Second
	refreshTimeout = 10 * time.Second
	// checkEvery is how often it is confirmed that nothing is missing, checkSoon how often until it first is.
	checkEvery = 15 * time.Second
	checkSoon  = 20 * time.Millisecond
	// startPatience is how long Start waits for the first confirmation when the tables were filled in an earlier life.
	startPatience = 2 * time.Second
)

// retryDelays are the waits between the attempts at an event that fails: few and short, for until its end nothing is
// confirmed, and a snapshot then stands in for it.
func retryDelays() []time.Duration {
	return []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}
}

// Projection keeps the tables. It may be used by many goroutines.
type Projection struct {
	cfg       Config
	router    *eventbus.Router
	asks      *throttle[question]
	refreshes *throttle[uuid.UUID]

	confirmed atomic.Int64  // machine time of the last confirmation, UnixNano; 0 for never
	fresh     chan struct{} // closed at the first confirmation
	once      sync.Once

	every  time.Duration // checkEvery, but in tests
	cancel context.CancelFunc
	done   chan struct{}
}

// New makes a projection. Nothing runs before Start.
func New(cfg Config) *Projection {
	p := &Projection{
		cfg:       cfg,
		asks:      newThrottle[question](cfg.Machine, askTimeout),
		refreshes: newThrottle[uuid.UUID](cfg.Machine, refreshTimeout),
		fresh:     make(chan struct{}),
		every:     checkEvery,
	}
	p.router = eventbus.NewRouter(eventbus.RouterConfig{
		Durable: cfg.Service + "_projection", JS: cfg.JS, DB: cfg.Owner, Log: cfg.Log, Machine: cfg.Machine,
		Delays: retryDelays(), Buried: p.buried,
	})
	p.handle()
	return p
}

// Router is the consumer of the directory's events, for its dead letters and for tests.
func (p *Projection) Router() *eventbus.Router { return p.router }

// Start fills the tables where they never were, or where the stream has moved on beyond what was read, and begins to
// apply events. A service that never knew any right cannot serve, so the first time Start waits until the directory
// has answered; later it waits a moment for the broker and goes on with what it has. It returns ctx's error when ctx
// ends first.
func (p *Projection) Start(ctx context.Context) error {
	_, filled, err := p.state(ctx)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel, p.done = cancel, make(chan struct{})
	go p.run(running)

	patience := make(<-chan time.Time)
	if filled {
		timer := time.NewTimer(startPatience)
		defer timer.Stop()
		patience = timer.C
	}
	select {
	case <-p.fresh:
		return nil
	case <-patience:
		return nil
	case <-ctx.Done():
		cancel()
		<-p.done
		return context.Cause(ctx)
	}
}

// Stop ends what Start began: events in hand are finished. It returns ctx's error when ctx ends first.
func (p *Projection) Stop(ctx context.Context) error {
	if p.cancel == nil {
		return nil
	}
	p.cancel()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run fills, then consumes and confirms until ctx ends.
func (p *Projection) run(ctx context.Context) {
	defer close(p.done)
	for failures := 0; ; failures++ {
		err := p.fill(ctx)
		if err == nil {
			break
		}
		p.cfg.Log.WarnContext(ctx, "projection cannot be filled yet", "failures", failures+1, "error", err)
		if clock.Sleep(ctx, min(50*time.Millisecond<<min(failures, 10), 5*time.Second)) != nil {
			return
		}
	}
	var checking sync.WaitGroup
	checking.Go(func() { p.check(ctx) })
	if err := p.router.Run(ctx); err != nil {
		p.cfg.Log.ErrorContext(ctx, "projection stopped", "error", err)
	}
	checking.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	p.confirm(ctx) // so that the next start goes on from here
}
