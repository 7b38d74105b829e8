package boot

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/meridianhq/meridian/pkg/postgres"
)

// observeLimit bounds what is asked of the database when metrics are read.
const observeLimit = 2 * time.Second

// gauges are what a platform shows of itself when metrics are read, besides what its parts show.
type gauges struct {
	ready, connections, limit, late, held, letters metric.Int64ObservableGauge
	waits, done                                    metric.Int64ObservableCounter
	waited                                         metric.Float64ObservableCounter
}

// addMetrics adds the platform's own metrics: they are shown from the start to the stop. An instrument that cannot be
// made is left out: metrics never keep a process from serving.
func (p *Platform) addMetrics() {
	var shown metric.Registration
	p.Group.Add("metrics", func(context.Context) error {
		meter := p.Meters.Meter("github.com/meridianhq/meridian/pkg/boot")
		g := &gauges{}
		g.ready, _ = meter.Int64ObservableGauge("meridian.ready",
			metric.WithDescription("1 where a check of /readyz holds, 0 where it does not."))
		g.connections, _ = meter.Int64ObservableGauge("meridian.pool.connections",
			metric.WithDescription("Connections to the database, by pool and state: used, idle."))
		g.limit, _ = meter.Int64ObservableGauge("meridian.pool.limit",
			metric.WithDescription("Connections that a pool may have."))
		g.waits, _ = meter.Int64ObservableCounter("meridian.pool.waits",
			metric.WithDescription("How often a connection had to be waited for."))
		g.waited, _ = meter.Float64ObservableCounter("meridian.pool.waited", metric.WithUnit("s"),
			metric.WithDescription("How long connections were waited for, all together."))
		g.late, _ = meter.Int64ObservableGauge("meridian.due.late", metric.WithUnit("s"),
			metric.WithDescription("How long the oldest thing that is due has been so, by worker."))
		g.held, _ = meter.Int64ObservableGauge("meridian.due.held",
			metric.WithDescription("Due things that this replica has claimed and not done, by worker."))
		g.done, _ = meter.Int64ObservableCounter("meridian.due.done",
			metric.WithDescription("Due things by what became of them: ok, failed (it comes again)."))
		g.letters, _ = meter.Int64ObservableGauge("meridian.consumer.dead_letters",
			metric.WithDescription("Events given up that wait for an operator, by consumer."))
		var err error
		shown, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
			return p.observe(ctx, o, g)
		}, g.ready, g.connections, g.limit, g.waits, g.waited, g.late, g.held, g.done, g.letters)
		if err != nil {
			shown = nil
		}
		return nil
	}, func(context.Context) error {
		if shown == nil {
			return nil
		}
		return shown.Unregister()
	})
}

// observe shows how the platform stands. What cannot be asked is left out, and the error says so.
func (p *Platform) observe(ctx context.Context, o metric.Observer, g *gauges) error {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	of := func(key, value string) metric.MeasurementOption {
		return metric.WithAttributes(attribute.String("service", p.Name), attribute.String(key, value))
	}
	for check, outcome := range p.Admin.Report(ctx).Checks {
		var holds int64
		if outcome == "ok" {
			holds = 1
		}
		o.ObserveInt64(g.ready, holds, of("check", check))
	}
	p.observePool(o, g, "app", p.DB)
	p.observePool(o, g, "owner", p.Owner)
	var errs []error
	for _, worker := range p.workers {
		now, err := worker.Measure(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		o.ObserveInt64(g.late, int64(now.Late/time.Second), of("worker", now.Name))
		o.ObserveInt64(g.held, int64(now.Held), of("worker", now.Name))
		for result, n := range map[string]uint64{"ok": now.Done, "failed": now.Failed} {
			o.ObserveInt64(g.done, int64(n), metric.WithAttributes(attribute.String("service", p.Name),
				attribute.String("worker", now.Name), attribute.String("result", result)))
		}
	}
	if p.letters == nil {
		return errors.Join(errs...)
	}
	letters, err := p.letters.Count(ctx)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, consumer := range p.consumers {
		o.ObserveInt64(g.letters, letters[consumer.Durable()], of("consumer", consumer.Durable()))
	}
	return errors.Join(errs...)
}

func (p *Platform) observePool(o metric.Observer, g *gauges, role string, db *postgres.DB) {
	if db == nil {
		return
	}
	stat := db.Pool().Stat()
	service, pool := attribute.String("service", p.Name), attribute.String("role", role)
	whole := metric.WithAttributes(service, pool)
	o.ObserveInt64(g.connections, int64(stat.AcquiredConns()), metric.WithAttributes(service, pool, attribute.String("state", "used")))
	o.ObserveInt64(g.connections, int64(stat.IdleConns()), metric.WithAttributes(service, pool, attribute.String("state", "idle")))
	o.ObserveInt64(g.limit, int64(stat.MaxConns()), whole)
	o.ObserveInt64(g.waits, stat.EmptyAcquireCount(), whole)
	o.ObserveFloat64(g.waited, stat.EmptyAcquireWaitTime().Seconds(), whole)
}
