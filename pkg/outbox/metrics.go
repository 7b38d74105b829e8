package outbox

import "github.com/prometheus/client_golang/prometheus"

// metrics are the relay's. Only the replica with the lease shows a backlog, so a sum over replicas is right.
type metrics struct {
	rows, oldest      prometheus.Gauge
	published, failed prometheus.Counter
	batch             prometheus.Histogram
}

func newMetrics(service string) *metrics {
	labels := prometheus.Labels{"service": service}
	return &metrics{
		rows: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "meridian_outbox_rows", Help: "Events committed and not yet acknowledged by the broker.", ConstLabels: labels,
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "meridian_outbox_oldest_seconds", Help: "Age of the oldest event not yet acknowledged.", ConstLabels: labels,
		}),
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "meridian_outbox_published_total", Help: "Events acknowledged by the broker.", ConstLabels: labels,
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "meridian_outbox_failed_total", Help: "Events set aside in outbox_failed; each wants an operator.", ConstLabels: labels,
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meridian_outbox_batch_seconds", Help: "Time to read and publish a batch.", ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
	}
}

func (m *metrics) backlog(rows int64, oldest float64) {
	m.rows.Set(float64(rows))
	m.oldest.Set(oldest)
}

func (m *metrics) each() []prometheus.Collector {
	return []prometheus.Collector{m.rows, m.oldest, m.published, m.failed, m.batch}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.each() {
		c.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.each() {
		c.Collect(out)
	}
}
