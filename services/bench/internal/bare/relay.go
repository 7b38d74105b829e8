package bare

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/bench/internal/job"
)

const (
	// Stream is the limits' own stream.
	Stream = "BENCH"
	// Subject is where all of its messages are.
	Subject = "bench.>"
	// maxStream bounds it.
	maxStream = 4 << 30
	// batch is how many rows are relayed at once, relayPoll how often the relay looks when nothing woke it.
	batch     = 500
	relayPoll = 50 * time.Millisecond
)

// relay reads rows, publishes them and deletes them.
type relay struct {
	db   *pgxpool.Pool
	conn *nats.Conn
	js   jetstream.JetStream
	kick chan struct{}
	// outbox is the table.
	outbox string
}

func newRelay(ctx context.Context, db *pgxpool.Pool, broker job.Broker, outbox string) (*relay, error) {
	conn, js, err := broker.Connect()
	if err != nil {
		return nil, err
	}
	_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: Stream, Subjects: []string{Subject}, Storage: jetstream.FileStorage, MaxBytes: maxStream, Discard: jetstream.DiscardOld,
	})
	return &relay{db: db, conn: conn, js: js, kick: make(chan struct{}, 1), outbox: outbox}, err
}

func (r *relay) close() { r.conn.Close() }

// wake tells that something was committed.
func (r *relay) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// run relays until ctx ends.
func (r *relay) run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := r.round(context.WithoutCancel(ctx))
		if err != nil {
			return fmt.Errorf("the bare relay: %w", err)
		}
		if n > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.kick:
		case <-time.After(relayPoll):
		}
	}
	return nil
}

// round relays one batch and returns how many rows that were.
func (r *relay) round(ctx context.Context) (int, error) {
	rows, err := r.db.Query(ctx, `SELECT id, aggregate, payload FROM `+r.outbox+` ORDER BY id LIMIT $1`, batch)
	if err != nil {
		return 0, err
	}
	var ids []int64
	var (
		id        int64
		aggregate string
		payload   []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &aggregate, &payload}, func() error {
		ids = append(ids, id)
		_, err := r.js.PublishAsync("bench."+aggregate, append([]byte(nil), payload...))
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	select {
	case <-r.js.PublishAsyncComplete():
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	_, err = r.db.Exec(ctx, `DELETE FROM `+r.outbox+` WHERE id = ANY ($1)`, ids)
	return len(ids), err
}

// RoleDrain relays what stands in the outbox and ends.
const RoleDrain = "bare-drain"

// Drain plays RoleDrain.
func Drain(ctx context.Context, cfg job.Config) (any, func(context.Context) error, error) {
	db, err := open(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	r, err := newRelay(ctx, db, cfg.Broker, "bench.ready")
	if err != nil {
		return nil, nil, err
	}
	defer r.close()
	_, err = db.Exec(ctx, `INSERT INTO bench.ready (aggregate, payload) SELECT i % 1000, $1 FROM generate_series(1, $2::int) i`, eventBytes(), cfg.Events)
	if err != nil {
		return nil, nil, err
	}
	machine := clock.Machine()
	start, drained := machine.Now(), job.Done{}
	for {
		n, err := r.round(ctx)
		if err != nil {
			return nil, nil, err
		}
		if n == 0 {
			break
		}
		drained.Events += n
	}
	drained.Took = machine.Now().Sub(start)
	return drained, nil, nil
}
