package overload

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Observe shows the gate in the provider's metrics, under what its calls are for: a service, or the service behind one.
// What it returns ends that. An instrument that cannot be made is left out: metrics never keep a process from serving.
func (g *Gate) Observe(provider metric.MeterProvider, service, backend string) (end func()) {
	meter := provider.Meter("github.com/meridianhq/meridian/pkg/overload")
	inWork, _ := meter.Int64ObservableGauge("meridian.calls.in_work",
		metric.WithDescription("Calls in work."))
	queued, _ := meter.Int64ObservableGauge("meridian.calls.queued",
		metric.WithDescription("Calls that wait to be worked on."))
	refused, _ := meter.Int64ObservableCounter("meridian.calls.refused",
		metric.WithDescription("Calls refused for overload: full, at once because the queue was; waited, after the longest wait."))
	of := []attribute.KeyValue{attribute.String("service", service)}
	if backend != "" {
		of = append(of, attribute.String("backend", backend))
	}
	whole := metric.WithAttributes(of...)
	full := metric.WithAttributes(append(of[:len(of):len(of)], attribute.String("reason", "full"))...)
	waited := metric.WithAttributes(append(of[:len(of):len(of)], attribute.String("reason", "waited"))...)
	registered, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		now := g.Counts()
		o.ObserveInt64(inWork, int64(now.InWork), whole)
		o.ObserveInt64(queued, int64(now.Queued), whole)
		o.ObserveInt64(refused, now.RefusedFull, full)
		o.ObserveInt64(refused, now.RefusedWaited, waited)
		return nil
	}, inWork, queued, refused)
	if err != nil {
		return func() {}
	}
	return func() { _ = registered.Unregister() } // it fails only when the provider is gone
}
