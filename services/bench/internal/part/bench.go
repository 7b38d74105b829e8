// Package part is the measurements of the benchmark, one file for each part: ours and its limits, in turns, on the same
// machine.
package part

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/bare"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
	"github.com/meridianhq/meridian/services/bench/internal/proc"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

const (
	// connections is how many the clients of a side share.
	connections = 8
	// bodies is how many texts the messages are drawn from.
	bodies = 2048
	// rest is how long a process has to come to rest.
	rest = 3 * time.Second
)

// Settings are how long and how often each side is measured.
type Settings struct {
	Rounds  int
	Time    time.Duration
	Warm    time.Duration
	Clients int
	Threads int
	Rate    int
	// Only names the one side to measure, without rows; empty for all.
	Only string
	// Profiles is a folder for CPU profiles of Meridian; empty for none.
	Profiles string
}

// Bench is the world with its people and the limits, ready to be measured.
type Bench struct {
	cfg    Settings
	world  *world.World
	people *world.People
	bodies load.Bodies

	ours    []*grpc.ClientConn // to the threads service
	threads []string

	// idle is what Meridian took of the memory before anything was asked of it, profiled how many profiles were written.
	idle     int64
	profiled map[string]int

	server   *proc.Process // the bare one
	bare     []*grpc.ClientConn
	plain    *bare.Plain
	programs string
}

// New makes everything that the parts need. What it starts ends with the world.
func New(ctx context.Context, w *world.World, cfg Settings) (*Bench, error) {
	b := &Bench{cfg: cfg, profiled: map[string]int{}, world: w, bodies: load.NewBodies(bodies, bare.BodySize)}
	for _, step := range []func(context.Context) error{b.weigh, b.invite, b.prepareLimits, b.countStatements} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// weigh reads the memory of Meridian at rest.
func (b *Bench) weigh(ctx context.Context) (err error) {
	if err := clock.Sleep(ctx, rest); err != nil {
		return err
	}
	b.idle, _, err = proc.Memory(b.world.MeridianPID())
	return err
}

func (b *Bench) invite(ctx context.Context) (err error) {
	if b.people, err = b.world.Invite(ctx, 2*b.cfg.Clients); err != nil {
		return err
	}
	if b.threads, err = b.people.NewThreads(ctx, b.cfg.Threads); err != nil {
		return err
	}
	b.ours, err = b.world.Connect(b.world.At.Services["threads"], connections)
	return err
}

// countStatements makes what Postgres counts of statements readable, where profiles are asked for.
func (b *Bench) countStatements(ctx context.Context) error {
	if b.cfg.Profiles == "" {
		return nil
	}
	_, err := b.world.DB.Exec(ctx, `CREATE EXTENSION IF NOT EXISTS pg_stat_statements`)
	return err
}

func (b *Bench) prepareLimits(ctx context.Context) (err error) {
	if err := bare.Prepare(ctx, b.world.DB, b.cfg.Threads); err != nil {
		return err
	}
	if b.programs, err = b.world.Programs(); err != nil {
		return err
	}
	var addr string
	b.server, addr, err = proc.Start[string](ctx, bare.RoleServer, b.world.Job(0))
	if err != nil {
		return err
	}
	b.world.Keep(b.server.Stop)
	if b.bare, err = b.world.Connect(addr, connections); err != nil {
		return err
	}
	if b.plain, err = bare.OpenPlain(ctx, b.world.DatabaseURL()); err != nil {
		return err
	}
	b.world.Keep(b.plain.Close)
	return nil
}

// side is one thing that is measured in turns with others.
type side struct {
	name string
	run  func(ctx context.Context, d time.Duration) (figure.Round, error)
}

// turns warms every side up and then measures them in turns, each round beginning with another one.
func (b *Bench) turns(ctx context.Context, sides ...side) ([]figure.Side, error) {
	if b.cfg.Only != "" {
		sides = slices.DeleteFunc(sides, func(s side) bool { return s.name != b.cfg.Only })
	}
	measured := make([]figure.Side, len(sides))
	for i, s := range sides {
		measured[i].Name = s.name
		if _, err := s.run(ctx, b.cfg.Warm); err != nil {
			return nil, fmt.Errorf("warm up: %s: %w", s.name, err)
		}
	}
	// What the warming has filled is new to the database, which looks at its tables by itself once a minute.
	if _, err := b.world.DB.Exec(ctx, `ANALYZE`); err != nil {
		return nil, fmt.Errorf("analyze: %w", err)
	}
	for round := range b.cfg.Rounds {
		for i := range sides {
			i = (i + round) % len(sides)
			r, err := sides[i].run(ctx, b.cfg.Time)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sides[i].name, err)
			}
			measured[i].Rounds = append(measured[i].Rounds, r)
		}
	}
	return measured, nil
}

// closed is a side of a closed loop. Its calls are made by prepare before each round; finish, where there is one, is part
// of what is measured.
type closed struct {
	clients int
	// name is the side's, for profiles.
	name string
	// server is the process that answers, and who its time is of.
	server int
	who    string
	// prepare makes the call of a round.
	prepare func(ctx context.Context) (load.Call, error)
	// stream and subject are where each call's event is published; empty for none.
	stream, subject string
	// settle waits for the consumers after each round.
	settle bool
}

// run measures one round.
func (b *Bench) run(ctx context.Context, c closed, d time.Duration) (figure.Round, error) {
	call, err := c.prepare(ctx)
	if err != nil {
		return figure.Round{}, err
	}
	var published uint64
	if c.stream != "" {
		if published, err = b.world.Count(ctx, c.stream, c.subject); err != nil {
			return figure.Round{}, err
		}
	}
	before, err := b.world.Costs(c.who, c.server)
	if err != nil {
		return figure.Round{}, err
	}
	wait := func() error { return nil }
	if c.who == figure.Meridian {
		wait = b.profiling(ctx, c.name, d)
	}
	sample, err := load.Closed(ctx, c.clients, d, call)
	if err := errors.Join(err, wait()); err != nil {
		return figure.Round{}, err
	}
	if c.stream != "" {
		if err := b.world.Published(ctx, c.stream, c.subject, published+uint64(len(sample.Took))); err != nil {
			return figure.Round{}, err
		}
	}
	elapsed := clock.Machine().Now().Sub(sample.Start)
	after, err := b.world.Costs(c.who, c.server)
	if err != nil {
		return figure.Round{}, err
	}
	round := figure.Round{
		Done: len(sample.Took), PerSecond: float64(len(sample.Took)) / elapsed.Seconds(),
		P50: figure.Milliseconds(figure.Percentile(sample.Took, 50)), P99: figure.Milliseconds(figure.Percentile(sample.Took, 99)),
		CPU: after.Since(before, len(sample.Took)),
	}
	if !c.settle {
		return round, nil
	}
	return b.settled(ctx, c, round, before)
}

// settled adds what the consumers still did.
func (b *Bench) settled(ctx context.Context, c closed, round figure.Round, before world.Costs) (figure.Round, error) {
	var err error
	if round.Lag, err = b.world.Lag(ctx); err != nil {
		return round, err
	}
	late, err := b.world.Settle(ctx)
	if err != nil {
		return round, err
	}
	round.LagSeconds = late.Seconds()
	settled, err := b.world.Costs(c.who, c.server)
	round.SettledCPU = settled.Since(before, round.Done)
	return round, err
}

// posts is a side that posts to the threads service over gRPC: each client a member of their own.
func (b *Bench) posts(clients, threads int) closed {
	return b.postsTo(b.ours, b.world.MeridianPID(), clients, threads)
}

// postsTo is posts to a server of one's own choice.
func (b *Bench) postsTo(conns []*grpc.ClientConn, server, clients, threads int) closed {
	return closed{
		clients: clients, server: server, who: figure.Meridian, settle: true,
		stream: eventbus.Stream, subject: threadsv1.MessagePostedSubject(b.people.WorkspaceID()),
		prepare: func(ctx context.Context) (load.Call, error) {
			signed, err := b.people.SignIn(ctx)
			return func(_ context.Context, client int, random *rand.Rand) error {
				return b.post(signed[client], conns[client%len(conns)], b.threads[random.IntN(threads)], random)
			}, err
		},
	}
}

// post posts one message.
func (b *Bench) post(ctx context.Context, conn *grpc.ClientConn, thread string, random *rand.Rand) error {
	_, err := threadsv1.NewMessageServiceClient(conn).CreateMessage(ctx, &threadsv1.CreateMessageRequest{
		Parent: thread, RequestId: uuid.NewString(), Message: &threadsv1.Message{Body: b.bodies.Draw(random)},
	})
	return err
}

// barePosts is the same against the bare server.
func (b *Bench) barePosts(clients, threads int) closed {
	return closed{
		clients: clients, server: b.server.PID(), who: figure.Bare, stream: bare.Stream, subject: bare.Subject,
		prepare: func(context.Context) (load.Call, error) {
			return func(ctx context.Context, client int, random *rand.Rand) error {
				return b.post(ctx, b.bare[client%len(b.bare)], bare.Thread(1+random.IntN(threads)), random)
			}, nil
		},
	}
}

func (b *Bench) sideOf(name string, c closed) side {
	c.name = name
	return side{name, func(ctx context.Context, d time.Duration) (figure.Round, error) { return b.run(ctx, c, d) }}
}

// pgbench is a side of the one statement by Postgres' own load generator.
func (b *Bench) pgbench(name string, clients, threads int) side {
	bench := bare.Pgbench{Programs: b.programs, DatabaseURL: b.world.DatabaseURL(), Folder: b.world.Folder(), Clients: clients, Threads: threads}
	return side{name, func(ctx context.Context, d time.Duration) (figure.Round, error) {
		before, err := b.world.Costs("", 0)
		if err != nil {
			return figure.Round{}, err
		}
		done, rate, err := bench.Run(ctx, d)
		if err != nil {
			return figure.Round{}, err
		}
		after, err := b.world.Costs("", 0)
		return figure.Round{Done: done, PerSecond: rate, CPU: after.Since(before, done)}, err
	}}
}
