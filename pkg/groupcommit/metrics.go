package groupcommit

import "github.com/prometheus/client_golang/prometheus"

// NewSizes makes and registers the histogram of how many calls of a service were committed together, by what they do. The
// registerer may be nil.
func NewSizes(registerer prometheus.Registerer, service, what string) prometheus.Observer {
	sizes := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "meridian_group_size", Help: "Calls committed together in one transaction.",
		ConstLabels: prometheus.Labels{"service": service, "what": what}, Buckets: prometheus.ExponentialBuckets(1, 2, 7),
	})
	if registerer != nil {
		registerer.MustRegister(sizes)
	}
	return sizes
}
