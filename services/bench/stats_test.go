package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStats(t *testing.T) {
	t.Parallel()
	values := []time.Duration{5, 1, 3, 2, 4}
	require.EqualValues(t, 3, percentile(values, 50))
	require.EqualValues(t, 5, percentile(values, 99))
	require.EqualValues(t, 1, percentile(values, 1))
	require.Zero(t, percentile(nil, 50))
	require.InDelta(t, 2.5, median([]float64{4, 1, 2, 3}), 0)
	require.InDelta(t, 2, median([]float64{3, 1, 2}), 0)
	require.Zero(t, median(nil))
	low, high := bounds([]float64{2, 1, 3})
	require.InDelta(t, 1, low, 0)
	require.InDelta(t, 3, high, 0)
}
