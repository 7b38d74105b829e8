package part

import (
	"context"
	"fmt"
	"math/rand/v2"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
)

// Post measures posting over gRPC by many clients in many threads, and by one client alone, against all limits.
func (b *Bench) Post(ctx context.Context) (figure.Part, error) {
	many, alone := fmt.Sprintf("%d clients", b.cfg.Clients), "one client"
	ours, bareMany, pgMany := "ours, "+many, "bare server with relay, "+many, "pgbench, one statement, "+many
	oursAlone, bareAlone := "ours, "+alone, "bare server with relay, "+alone
	sides, err := b.turns(ctx,
		b.pgbench(pgMany, b.cfg.Clients, b.cfg.Threads),
		b.sideOf("pgx, BEGIN and three statements, "+many, b.plainPosts()),
		b.sideOf(bareMany, b.barePosts(b.cfg.Clients, b.cfg.Threads)),
		b.sideOf(ours, b.posts(b.cfg.Clients, b.cfg.Threads)),
		b.pgbench("pgbench, one statement, "+alone, 1, b.cfg.Threads),
		b.sideOf(bareAlone, b.barePosts(1, b.cfg.Threads)),
		b.sideOf(oursAlone, b.posts(1, b.cfg.Threads)),
		b.sideOf("bare gRPC echo, "+many, b.echo(b.cfg.Clients)),
	)
	part := figure.Part{
		Name: "post", Sides: sides,
		About: fmt.Sprintf("CreateMessage over gRPC, %d threads, each client a member; the relay drained within the time", b.cfg.Threads),
	}
	if err != nil {
		return part, err
	}
	part.Rows = []figure.Row{
		figure.Against("PostMessage, "+many, "a second", part.Side(ours), part.Side(bareMany), figure.Rate, figure.AtLeast, 1, 1),
		figure.Against("PostMessage, "+many, "a second", part.Side(ours), part.Side(pgMany), figure.Rate, figure.AtLeast, 0, 1),
		figure.Against("one client, p50", "ms", part.Side(oursAlone), part.Side(bareAlone), figure.P50, figure.AtMost, 2, 1.3),
		figure.Against(many+", p99", "ms", part.Side(ours), part.Side(bareMany), figure.P99, figure.AtMost, 1.5, 1),
		figure.Absolute("CPU a message without the load", "ms", part.Side(ours).Of(figure.CPU), figure.Under, 0.4, 0.16),
	}
	return part, nil
}

// HotThread measures posting to one thread, by the clients and by twice as many.
func (b *Bench) HotThread(ctx context.Context) (figure.Part, error) {
	many, more := fmt.Sprintf("%d clients", b.cfg.Clients), fmt.Sprintf("%d clients", 2*b.cfg.Clients)
	pg, ours, twice := "pgbench, one statement, "+many, "ours, "+many, "ours, "+more
	sides, err := b.turns(ctx,
		b.pgbench(pg, b.cfg.Clients, 1),
		b.sideOf("bare server with relay, "+many, b.barePosts(b.cfg.Clients, 1)),
		b.sideOf(ours, b.posts(b.cfg.Clients, 1)),
		b.sideOf(twice, b.posts(2*b.cfg.Clients, 1)),
	)
	part := figure.Part{Name: "hot-thread", Sides: sides, About: "CreateMessage over gRPC, one thread; the relay drained within the time"}
	if err != nil {
		return part, err
	}
	part.Rows = []figure.Row{
		figure.Against("one hot thread, "+many, "a second", part.Side(ours), part.Side(pg), figure.Rate, figure.AtLeast, 2, 4),
		figure.Against("one hot thread, "+more, "a second", part.Side(twice), part.Side(ours), figure.Rate, figure.AtLeast, 0.9, 1),
	}
	return part, nil
}

// plainPosts is a side that posts with BEGIN, three statements and COMMIT. The program is the load, too.
func (b *Bench) plainPosts() closed {
	return closed{clients: b.cfg.Clients, prepare: func(context.Context) (load.Call, error) {
		return func(ctx context.Context, _ int, random *rand.Rand) error {
			return b.plain.Post(ctx, 1+random.IntN(b.cfg.Threads), b.bodies.Draw(random))
		}, nil
	}}
}

// echo is a side whose server does nothing.
func (b *Bench) echo(clients int) closed {
	return closed{clients: clients, server: b.server.PID(), who: figure.Bare, prepare: func(context.Context) (load.Call, error) {
		return func(ctx context.Context, client int, random *rand.Rand) error {
			_, err := threadsv1.NewMessageServiceClient(b.bare[client%len(b.bare)]).GetMessage(ctx, &threadsv1.GetMessageRequest{Name: b.bodies.Draw(random)})
			return err
		}, nil
	}}
}
