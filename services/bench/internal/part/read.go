package part

import (
	"context"
	"fmt"
	"math/rand/v2"

	"google.golang.org/grpc"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/bare"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

const (
	// pageSize is how many messages are read at once.
	pageSize = 50
	// readThreads is how many threads are read, readMessages how many messages each holds at least.
	readThreads  = 200
	readMessages = 200
)

// Read measures reading the newest messages of a thread.
func (b *Bench) Read(ctx context.Context) (figure.Part, error) {
	const ours, limit = "ours", "bare server"
	part := figure.Part{Name: "read", About: fmt.Sprintf("the newest %d messages of a thread over gRPC, %d clients", pageSize, b.cfg.Clients)}
	if err := b.fillThreads(ctx); err != nil {
		return part, err
	}
	var err error
	part.Sides, err = b.turns(ctx, b.sideOf(limit, b.bareReads()), b.sideOf(ours, b.reads()))
	if err != nil {
		return part, err
	}
	part.Rows = []figure.Row{
		figure.Against("newest 50 messages over gRPC", "a second", part.Side(ours), part.Side(limit), figure.Rate, figure.AtLeast, 0.5, 0.9),
	}
	return part, nil
}

func (b *Bench) reads() closed {
	return closed{clients: b.cfg.Clients, server: b.world.MeridianPID(), who: figure.Meridian, prepare: func(ctx context.Context) (load.Call, error) {
		signed, err := b.people.SignIn(ctx)
		return func(_ context.Context, client int, random *rand.Rand) error {
			return newest(signed[client], b.ours[client%len(b.ours)], b.threads[random.IntN(min(readThreads, len(b.threads)))])
		}, err
	}}
}

func (b *Bench) bareReads() closed {
	return closed{clients: b.cfg.Clients, server: b.server.PID(), who: figure.Bare, prepare: func(context.Context) (load.Call, error) {
		return func(ctx context.Context, client int, random *rand.Rand) error {
			return newest(ctx, b.bare[client%len(b.bare)], bare.Thread(1+random.IntN(min(readThreads, b.cfg.Threads))))
		}, nil
	}}
}

// newest reads the newest messages of a thread; fewer are a failure.
func newest(ctx context.Context, conn *grpc.ClientConn, thread string) error {
	page, err := threadsv1.NewMessageServiceClient(conn).ListMessages(ctx, &threadsv1.ListMessagesRequest{
		Parent: thread, PageSize: pageSize, OrderBy: "sequence desc",
	})
	if err == nil && len(page.GetMessages()) != pageSize {
		err = fmt.Errorf("%s has %d messages", thread, len(page.GetMessages()))
	}
	return err
}

// fillThreads puts messages into the threads that are read, as their owner: ours and the limits' alike.
func (b *Bench) fillThreads(ctx context.Context) error {
	ids := make([]string, 0, readThreads)
	for _, name := range b.threads[:min(readThreads, len(b.threads))] {
		ids = append(ids, world.ID(name))
	}
	workspace := b.people.WorkspaceID()
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{
			`INSERT INTO threads.messages (workspace_id, thread_id, sequence, message_id, author_id, body, version, create_time, update_time)
			SELECT t.workspace_id, t.thread_id, t.last_sequence + n, gen_random_uuid(), t.creator_id, $3, t.version + n, now(), now()
			FROM threads.threads t, generate_series(1, $4::int) n WHERE t.workspace_id = $1 AND t.thread_id = ANY ($2::uuid[])`,
			[]any{workspace, ids, b.bodies[0], readMessages},
		},
		{`UPDATE threads.threads SET last_sequence = last_sequence + $3, version = version + $3
			WHERE workspace_id = $1 AND thread_id = ANY ($2::uuid[])`, []any{workspace, ids, readMessages}},
		{`INSERT INTO bench.messages SELECT t.workspace, t.id, t.last_sequence + n, $1, $2, now()
			FROM bench.threads t, generate_series(1, $3::int) n WHERE t.id <= $4`, []any{bare.Workspace, b.bodies[0], readMessages, readThreads}},
		{`UPDATE bench.threads SET last_sequence = last_sequence + $1 WHERE id <= $2`, []any{readMessages, readThreads}},
		{`ANALYZE threads.messages`, nil},
		{`ANALYZE bench.messages`, nil},
	} {
		if _, err := b.world.DB.Exec(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("fill the threads: %w", err)
		}
	}
	return nil
}
