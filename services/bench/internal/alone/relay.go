package alone

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/services/bench/internal/job"
)

// RoleRelay publishes what stands in an outbox and ends.
const RoleRelay = "relay"

// Relay plays RoleRelay: it fills the outbox with committed events, and measures from when its relay begins until the last
// is acknowledged.
func Relay(ctx context.Context, cfg job.Config) (any, func(context.Context) error, error) {
	g, err := prepare(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	defer g.close()
	if err := g.fill(ctx, cfg.Events); err != nil {
		return nil, nil, err
	}
	relay := outbox.NewRelay(outbox.RelayConfig{Service: service, DB: g.owner, JS: g.js, Alone: true})
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	machine := clock.Machine()
	start := machine.Now()
	go func() { ended <- relay.Run(running) }()
	if err := relay.Drained(ctx); err != nil {
		return nil, nil, err
	}
	done := job.Done{Events: cfg.Events, Took: machine.Now().Sub(start)}
	stop()
	if err := <-ended; err != nil {
		return nil, nil, err
	}
	_, err = g.owner.Pool().Exec(ctx, `TRUNCATE outbox`)
	return done, nil, err
}

// fill commits events in an outbox: all the same but for their ids, aggregates and versions.
func (g *ground) fill(ctx context.Context, n int) error {
	one, err := event(ctx, uuid.New(), 0)
	if err != nil {
		return err
	}
	headers, err := json.Marshal(one.Headers)
	if err != nil {
		return err
	}
	_, err = g.owner.Pool().Exec(ctx, `
		INSERT INTO outbox (workspace_id, event_id, aggregate, version, subject, headers, payload)
		SELECT $1, gen_random_uuid(), 'thing ' || i % $2, i, $3, $4, $5 FROM generate_series(1, $6::int) i`,
		one.Workspace, aggregates, one.Subject, headers, one.Payload, n)
	if err != nil {
		return fmt.Errorf("fill the outbox: %w", err)
	}
	return nil
}
