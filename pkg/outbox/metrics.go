package outbox

import (
	"context"
	"math"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// metrics are the relay's. Only the replica with the lease shows a backlog, so a sum over replicas is right; that one
// replica has it is a metric of its own.
type metrics struct {
	service           metric.MeasurementOption
	published, failed metric.Int64Counter
	took              metric.Float64Histogram
	batch             metric.Int64Histogram

	rows   atomic.Int64
	oldest atomic.Uint64 // the bits of a number of seconds
}

// newMetrics makes the relay's instruments. One that cannot be made is a no-op: metrics never stop a relay.
func newMetrics(provider metric.MeterProvider, service string) *metrics {
	if provider == nil {
		provider = noop.NewMeterProvider()
	}
	meter := meterOf(provider)
	m := &metrics{service: metric.WithAttributes(attribute.String("service", service))}
	m.published, _ = meter.Int64Counter("meridian.outbox.published",
		metric.WithDescription("Events acknowledged by the broker."))
	m.failed, _ = meter.Int64Counter("meridian.outbox.failed",
		metric.WithDescription("Events set aside in outbox_failed; each wants an operator."))
	for _, counter := range []metric.Int64Counter{m.published, m.failed} {
		counter.Add(context.Background(), 0, m.service) // shown before the first event
	}
	m.took, _ = meter.Float64Histogram("meridian.outbox.batch", metric.WithUnit("s"),
		metric.WithDescription("Time to read and publish a batch."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8))
	m.batch, _ = meter.Int64Histogram("meridian.outbox.batch.rows",
		metric.WithDescription("Events in a batch."),
		metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, batchRows))
	return m
}

func meterOf(provider metric.MeterProvider) metric.Meter {
	return provider.Meter("github.com/meridianhq/meridian/pkg/outbox")
}

// observe shows the backlog and who leads until the end it returns.
func (m *metrics) observe(provider metric.MeterProvider, leading *atomic.Bool) (end func()) {
	if provider == nil {
		return func() {}
	}
	meter := meterOf(provider)
	rows, _ := meter.Int64ObservableGauge("meridian.outbox.rows",
		metric.WithDescription("Events committed and not yet acknowledged by the broker."))
	oldest, _ := meter.Float64ObservableGauge("meridian.outbox.oldest", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest event not yet acknowledged."))
	leads, _ := meter.Int64ObservableGauge("meridian.outbox.leading",
		metric.WithDescription("1 where this replica relays the service's events."))
	registered, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(rows, m.rows.Load(), m.service)
		o.ObserveFloat64(oldest, math.Float64frombits(m.oldest.Load()), m.service)
		var now int64
		if leading.Load() {
			now = 1
		}
		o.ObserveInt64(leads, now, m.service)
		return nil
	}, rows, oldest, leads)
	if err != nil {
		return func() {}
	}
	return func() { _ = registered.Unregister() } // it fails only when the provider is gone
}

func (m *metrics) backlog(rows int64, oldest float64) {
	m.rows.Store(rows)
	m.oldest.Store(math.Float64bits(oldest))
}
