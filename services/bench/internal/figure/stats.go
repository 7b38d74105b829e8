// Package figure is what the benchmark's measurements become: percentiles, medians and spreads, ratios to limits of the
// same run, the table that says which of them are good enough, and the comparison of two results.
package figure

import (
	"slices"
	"time"
)

// Percentile is the smallest value that p in a hundred do not exceed; 0 of none.
func Percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// Spread is the middle of a figure's rounds, the mean of the middle two, and the least and the most of them.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// SpreadOf is zero of none.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Spread{
		Median: (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2,
		Low:    sorted[0], High: sorted[len(sorted)-1],
	}
}

// Milliseconds is a duration as figures have it.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
