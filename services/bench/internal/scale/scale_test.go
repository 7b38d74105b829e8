package scale

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/bench/internal/figure"
)

func TestSizesAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for text, size := range map[string]int{"10000": 10_000, "10k": 10_000, "250k": 250_000, "1M": 1_000_000, "5M": 5_000_000} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, size, got, text)
	}
	for _, text := range []string{"", "k", "9k", "-1M", "many", "1G"} {
		_, err := ParseSize(text)
		require.Error(t, err, text)
	}
	require.Equal(t, []string{"10k", "1M", "12345"}, []string{short(10_000), short(1_000_000), short(12_345)})
}

func TestEveryStatementIsFilledIn(t *testing.T) {
	t.Parallel()
	c := &contents{Size: 10_000, Spaces: []string{"a", "b"}}
	all := c.statements()
	require.Greater(t, len(all), 20)
	for _, statement := range all {
		require.NotRegexp(t, `\{(workspace|reader|spaces|size|threads|members|beside|pool|since|days|rare|service)\}`, statement)
	}
}

func TestAReadIsJudgedByItsGrowthAndASearchByItsTime(t *testing.T) {
	t.Parallel()
	side := func(name string, ms float64) figure.Side {
		return figure.Side{Name: name, Rounds: []figure.Round{{P50: ms, P99: 10 * ms}}}
	}
	sides := []figure.Side{side("few", 2), side("some", 9), side("many", 4)}
	growing := rows(read{name: "a page"}, sides)
	require.Len(t, growing, 1)
	require.InDelta(t, 2, growing[0].Ratio.Median, 1e-9)
	require.False(t, growing[0].Met)
	searching := rows(read{name: "a search", search: true}, sides)
	require.InDelta(t, 40, searching[0].Ours.Median, 1e-9)
	require.True(t, searching[0].Met)
}
