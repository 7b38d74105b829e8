package groupcommit

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// NewSizes makes the histogram of how many calls of a service were committed together, by what they do, and returns what
// tells it. An instrument that cannot be made is a no-op: metrics never stop a group.
func NewSizes(provider metric.MeterProvider, service, what string) func(items int) {
	sizes, _ := provider.Meter("github.com/meridianhq/meridian/pkg/groupcommit").Int64Histogram("meridian.group.size",
		metric.WithDescription("Calls committed together in one transaction."),
		metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64))
	of := metric.WithAttributes(attribute.String("service", service), attribute.String("what", what))
	return func(items int) { sizes.Record(context.Background(), int64(items), of) }
}
