package figure

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentilesAndSpreads(t *testing.T) {
	t.Parallel()
	values := []time.Duration{5, 1, 3, 2, 4}
	require.EqualValues(t, 3, Percentile(values, 50))
	require.EqualValues(t, 5, Percentile(values, 99))
	require.EqualValues(t, 1, Percentile(values, 1))
	require.Zero(t, Percentile(nil, 50))
	require.Equal(t, Spread{Median: 2.5, Low: 1, High: 4}, SpreadOf([]float64{4, 1, 2, 3}))
	require.Equal(t, Spread{Median: 2, Low: 1, High: 3}, SpreadOf([]float64{3, 1, 2}))
	require.Zero(t, SpreadOf(nil))
	require.InDelta(t, 1.5, Milliseconds(1500*time.Microsecond), 0)
}

func side(name string, rates ...float64) Side {
	s := Side{Name: name}
	for _, rate := range rates {
		s.Rounds = append(s.Rounds, Round{
			PerSecond: rate, P50: 1000 / rate, P99: 2000 / rate,
			CPU: map[string]float64{Load: 5, Meridian: 0.25, Postgres: 0.5}, Lag: 3, LagSeconds: 0.5,
			SettledCPU: map[string]float64{Load: 5, Meridian: 0.75, Postgres: 0.5},
		})
	}
	return s
}

func TestARowJudgesTheRatioOfEachRound(t *testing.T) {
	t.Parallel()
	ours, limit := side("ours", 100, 300, 200), side("limit", 100, 100, 400)
	row := Against("posting", "a second", ours, limit, Rate, AtLeast, 1, 1.5)
	require.Equal(t, Spread{Median: 1, Low: 0.5, High: 3}, row.Ratio)
	require.True(t, row.Met)
	require.False(t, row.Aimed)
	require.False(t, Against("p50", "ms", ours, limit, P50, AtMost, 0.9, 0.5).Met)
	require.False(t, Against("posting", "a second", ours, side("nothing"), Rate, AtMost, 1, 1).Met, "a row without a limit is not met")

	cost := Absolute("CPU", "ms", ours.Of(CPU), Under, 0.75, 0.5)
	require.InDelta(t, 0.75, cost.Ours.Median, 1e-9)
	require.True(t, cost.Met)
	require.InDelta(t, 1.25, ours.Of(SettledCPU).Median, 1e-9)
	require.True(t, Absolute("a consumer", "a second", SpreadOf([]float64{6000}), OverAll, 5000, 15000).Met)
}

func TestTheReportHasEveryRowAndSide(t *testing.T) {
	t.Parallel()
	ours, limit := side("ours", 100), side("limit", 200)
	part := Part{Name: "post", About: "about", Sides: []Side{ours, limit}, Notes: []string{"a note"}, Rows: []Row{
		Against("posting", "a second", ours, limit, Rate, AtLeast, 1, 1), Absolute("CPU", "ms", ours.Of(CPU), Under, 1, 0.1),
	}}
	report := part.Report()
	for _, text := range []string{"post: about", "ours", "limit", "a note", "0.750 without load (load 5.000, meridian 0.250, postgres 0.500)", "lag at the end 3"} {
		require.Contains(t, report, text)
	}
	table := Table([]Part{part})
	require.Contains(t, table, "0.50")
	require.Contains(t, table, "1 rows miss")
	require.Equal(t, limit, part.Side("limit"))
	require.Empty(t, part.Side("other").Rounds)
}

func TestTwoResultsAreCompared(t *testing.T) {
	t.Parallel()
	result := func(rate float64) Result {
		ours, limit := side("ours", rate), side("limit", 100)
		return Result{Machine: "two cores", Parts: []Part{{Name: "post", Sides: []Side{ours, limit}, Rows: []Row{
			Against("posting", "a second", ours, limit, Rate, AtLeast, 1, 2),
		}}}}
	}
	file := filepath.Join(t.TempDir(), "a.json")
	require.NoError(t, result(80).Save(file))
	a, err := Open(file)
	require.NoError(t, err)
	require.Equal(t, result(80), a)
	text := Compare(a, result(160))
	require.Regexp(t, `posting, ratio +0\.80 +1\.60 +2\.00 +now`, text)
	require.Regexp(t, `post: ours +80\.0 +160 +2\.00 +12\.50 → 6\.25 +25\.00 → 12\.50 +0\.75 → 0\.75`, text)
	require.Regexp(t, `no more`, Compare(result(160), a))
	require.NotContains(t, Compare(a, Result{}), "post: ours")
	require.Equal(t, 1, strings.Count(text, "post: limit"))

	_, err = Open(filepath.Join(t.TempDir(), "none.json"))
	require.Error(t, err)
}
