package bare

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/bench/internal/job"
)

// RoleConsume consumes what stands in the limits' stream and ends.
const RoleConsume = "bare-consumer"

const (
	// consumers is how many messages are handled at once, ahead how many are fetched before they are asked for.
	consumers = 16
	ahead     = 512
	// idleAfter ends a wait for a message that does not come.
	idleAfter = 10 * time.Second
)

// Consume plays RoleConsume: a pull consumer, and for each message one statement with an inbox row and an effect, and an
// acknowledgement. Nothing keeps messages in order, counts their failures or gives them up.
func Consume(ctx context.Context, cfg job.Config) (any, func(context.Context) error, error) {
	db, err := open(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	if _, err := db.Exec(ctx, `TRUNCATE bench.inbox, bench.effects`); err != nil {
		return nil, nil, err
	}
	conn, js, err := cfg.Broker.Connect()
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	first, err := publish(ctx, js, cfg.Events)
	if err != nil {
		return nil, nil, err
	}
	name := "bench-" + uuid.NewString()
	machine := clock.Machine()
	start := machine.Now()
	consumer, err := js.CreateConsumer(ctx, Stream, jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: first,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make a consumer: %w", err)
	}
	if err := handle(ctx, db, consumer, cfg.Events); err != nil {
		return nil, nil, err
	}
	took := machine.Now().Sub(start)
	return job.Done{Events: cfg.Events, Took: took}, nil, js.DeleteConsumer(ctx, Stream, name)
}

// publish puts messages into the stream and returns the sequence of the first.
func publish(ctx context.Context, js jetstream.JetStream, n int) (uint64, error) {
	stream, err := js.Stream(ctx, Stream)
	if err != nil {
		return 0, fmt.Errorf("the limits' stream: %w", err)
	}
	first := stream.CachedInfo().State.LastSeq + 1
	for i := range n {
		if _, err := js.PublishAsync("bench."+strconv.Itoa(i%1000), eventBytes()); err != nil {
			return 0, err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return first, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// handle has n messages handled, many at once.
func handle(ctx context.Context, db *pgxpool.Pool, consumer jetstream.Consumer, n int) error {
	var (
		taken   atomic.Int64
		workers sync.WaitGroup
		mu      sync.Mutex
		errs    []error
	)
	messages, err := consumer.Messages(jetstream.PullMaxMessages(ahead))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for range consumers {
		workers.Go(func() {
			for taken.Add(1) <= int64(n) {
				if err := handleOne(ctx, db, messages); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	workers.Wait()
	return errors.Join(errs...)
}

func handleOne(ctx context.Context, db *pgxpool.Pool, messages jetstream.MessagesContext) error {
	message, err := messages.Next(jetstream.NextMaxWait(idleAfter))
	if err != nil {
		return err
	}
	at, err := message.Metadata()
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, `WITH claimed AS (
			INSERT INTO bench.inbox (consumer, event_id) VALUES ('bench', $1) ON CONFLICT DO NOTHING RETURNING event_id
		) INSERT INTO bench.effects SELECT $2, $3 FROM claimed`, uuid.New(), int64(at.Sequence.Stream), message.Subject())
	if err != nil {
		return err
	}
	return message.Ack()
}
