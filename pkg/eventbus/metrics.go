package eventbus

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics counts what a router does and observes its lag when metrics are read.
type metrics struct {
	consumer     metric.MeasurementOption
	durable      attribute.KeyValue
	results      metric.Int64Counter
	outages      metric.Int64Counter
	batches      metric.Int64Histogram
	registration metric.Registration
}

// newMetrics registers the router's instruments. An instrument that cannot be made is a no-op: metrics never stop
// a consumer.
func newMetrics(r *Router) *metrics {
	meter := otel.Meter("github.com/meridianhq/meridian/pkg/eventbus")
	durable := attribute.String("consumer", r.cfg.Durable)
	m := &metrics{durable: durable, consumer: metric.WithAttributes(durable)}
	m.results, _ = meter.Int64Counter("meridian.consumer.events",
		metric.WithDescription("Events by what became of them: ok, retry, dead."))
	m.outages, _ = meter.Int64Counter("meridian.consumer.outages",
		metric.WithDescription("Attempts that met a dependency that was down."))
	m.batches, _ = meter.Int64Histogram("meridian.consumer.batch",
		metric.WithDescription("Events that were handled together, by whether that succeeded."),
		metric.WithExplicitBucketBoundaries(2, 4, 8, 16, 32, 64, 128))
	for _, result := range []string{"ok", "retry", "dead"} { // shown before the first event
		m.results.Add(context.Background(), 0, metric.WithAttributes(durable, attribute.String("result", result)))
	}
	m.outages.Add(context.Background(), 0, m.consumer)
	lag, _ := meter.Int64ObservableGauge("meridian.consumer.lag",
		metric.WithDescription("Events not finished: not delivered, or delivered and not acknowledged."))
	heldNow, _ := meter.Int64ObservableGauge("meridian.consumer.held",
		metric.WithDescription("Events in this replica's hands."))
	again, _ := meter.Int64ObservableGauge("meridian.consumer.redelivered",
		metric.WithDescription("Events not finished that were delivered more than once."))
	m.registration, _ = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		o.ObserveInt64(heldNow, int64(r.held.size()), m.consumer)
		at, err := r.Position(ctx)
		if err != nil {
			return err
		}
		o.ObserveInt64(lag, int64(at.Lag), m.consumer)
		o.ObserveInt64(again, int64(at.Redelivered), m.consumer)
		return nil
	}, lag, again, heldNow)
	return m
}

func (m *metrics) handled(ctx context.Context, events int, result string) {
	m.results.Add(ctx, int64(events), metric.WithAttributes(m.durable, attribute.String("result", result)))
}

func (m *metrics) outage(ctx context.Context) { m.outages.Add(ctx, 1, m.consumer) }

func (m *metrics) together(ctx context.Context, events int, ok bool) {
	m.batches.Record(ctx, int64(events), metric.WithAttributes(m.durable, attribute.Bool("ok", ok)))
}

func (m *metrics) close() {
	if m.registration != nil {
		_ = m.registration.Unregister()
	}
}
