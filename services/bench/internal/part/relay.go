package part

import (
	"context"
	"fmt"
	"time"

	"github.com/meridianhq/meridian/services/bench/internal/alone"
	"github.com/meridianhq/meridian/services/bench/internal/bare"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/job"
	"github.com/meridianhq/meridian/services/bench/internal/proc"
)

const (
	// drainedEach and consumedEach are how many events stand ready for each second of a side.
	drainedEach  = 20_000
	consumedEach = 4_000
)

// Relay measures how fast committed events leave an outbox for the stream: the platform's relay and a bare one, each alone
// in a process.
func (b *Bench) Relay(ctx context.Context) (figure.Part, error) {
	const ours, limit = "the platform's relay", "bare relay"
	sides, err := b.turns(ctx,
		b.job(limit, bare.RoleDrain, drainedEach), b.job(ours, alone.RoleRelay, drainedEach))
	part := figure.Part{Name: "relay", Sides: sides, About: "committed events of 1,000 aggregates in an outbox, until the last is acknowledged"}
	if err != nil {
		return part, err
	}
	part.Rows = []figure.Row{
		figure.Against("relay drain", "a second", part.Side(ours), part.Side(limit), figure.Rate, figure.AtLeast, 0.5, 0.9),
	}
	return part, nil
}

// Consumer measures how fast events have their effect: the platform's consumer and a bare one, each alone in a process.
func (b *Bench) Consumer(ctx context.Context) (figure.Part, error) {
	const (
		ours, single = "the platform's consumer", "the same, one event a transaction"
		limit        = "bare consumer, one statement a message"
	)
	sides, err := b.turns(ctx, b.job(limit, bare.RoleConsume, consumedEach),
		b.job(ours, alone.RoleConsumer, consumedEach), b.job(single, alone.RoleConsumerOne, consumedEach))
	part := figure.Part{Name: "consumer", Sides: sides, About: "events of 1,000 aggregates in the stream, each with an inbox row and one row of effect"}
	if err != nil {
		return part, err
	}
	part.Rows = []figure.Row{
		figure.Absolute("a consumer, inbox row and effect", "a second", part.Side(ours).Of(figure.Rate), figure.OverAll, 5000, 15000),
		figure.Against("a consumer, inbox row and effect", "a second", part.Side(ours), part.Side(limit), figure.Rate, figure.AtLeast, 0, 1),
		figure.Against("the same, one event a transaction", "a second", part.Side(single), part.Side(limit), figure.Rate, figure.AtLeast, 0, 1),
	}
	return part, nil
}

// job is a side that a role does from its start to its end: so many events for each second.
func (b *Bench) job(name, role string, each int) side {
	return side{name, func(ctx context.Context, d time.Duration) (figure.Round, error) {
		n := int(float64(each) * d.Seconds())
		done, err := proc.Run[job.Done](ctx, role, b.world.Job(n))
		if err == nil && done.Events != n {
			err = fmt.Errorf("%d of %d were done", done.Events, n)
		}
		if err != nil {
			return figure.Round{}, err
		}
		return figure.Round{Done: done.Events, PerSecond: float64(done.Events) / done.Took.Seconds()}, nil
	}}
}
