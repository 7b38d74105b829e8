package part

import (
	"context"
	"fmt"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/proc"
)

// Memory measures how much of a service alone, and of the one process with all services, stands in memory: at rest, and at
// most while it is posted to.
func (b *Bench) Memory(ctx context.Context) (figure.Part, error) {
	part := figure.Part{Name: "memory", About: fmt.Sprintf("resident memory at rest and at most under load, %d clients", b.cfg.Clients)}
	service, addr, err := b.world.StartThreads(ctx)
	if err != nil {
		return part, err
	}
	if err := clock.Sleep(ctx, rest); err != nil {
		return part, err
	}
	idle, _, err := proc.Memory(service)
	if err != nil {
		return part, err
	}
	conns, err := b.world.Connect(addr, connections)
	if err != nil {
		return part, err
	}
	loaded, err := b.most(ctx, b.postsTo(conns, service, b.cfg.Clients, b.cfg.Threads))
	if err != nil {
		return part, err
	}
	whole, err := b.most(ctx, b.posts(b.cfg.Clients, b.cfg.Threads))
	if err != nil {
		return part, err
	}
	part.Rows = []figure.Row{
		figure.Absolute("memory of the threads service, at rest", "MB", once(idle), figure.Under, 40, 25),
		figure.Absolute("memory of the threads service, under load", "MB", once(loaded), figure.Under, 100, 50),
		figure.Absolute("memory of all services in one, at rest", "MB", once(b.idle), figure.Under, 200, 200),
	}
	part.Notes = []string{fmt.Sprintf("all services in one under load: %.0f MB; the broker is a process of its own here", megabytes(whole))}
	return part, nil
}

// most is the most memory that a side's server took while it was measured.
func (b *Bench) most(ctx context.Context, c closed) (int64, error) {
	if err := proc.ForgetPeak(c.server); err != nil {
		return 0, err
	}
	if _, err := b.run(ctx, c, b.cfg.Time); err != nil {
		return 0, err
	}
	_, peak, err := proc.Memory(c.server)
	return peak, err
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func once(bytes int64) figure.Spread { return figure.SpreadOf([]float64{megabytes(bytes)}) }
