package bare

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const said = `number of transactions actually processed: 61234
number of failed transactions: 0 (0.000%)
latency average = 2.613 ms
initial connection time = 61.512 ms
tps = 12246.789 (without initial connection time)
`

func TestWhatPgbenchSaysIsRead(t *testing.T) {
	t.Parallel()
	done, rate, err := parsePgbench(said)
	require.NoError(t, err)
	require.Equal(t, 61234, done)
	require.InDelta(t, 12246.789, rate, 1e-9)

	done, rate, err = parsePgbench("number of transactions actually processed: 0\nnumber of failed transactions: 0 (NaN%)\n")
	require.NoError(t, err)
	require.Zero(t, done)
	require.Zero(t, rate)
	_, _, err = parsePgbench("number of transactions actually processed: 5\nnumber of failed transactions: 2 (40%)\ntps = 1.0\n")
	require.ErrorContains(t, err, "2 transactions failed")
	_, _, err = parsePgbench("pgbench: error: connection failed")
	require.Error(t, err)
}

func TestThePgbenchScriptHasNoParameterLeft(t *testing.T) {
	t.Parallel()
	script := Pgbench{Threads: 7}.script()
	require.Contains(t, script, "\\set thread random(1, 7)\n")
	require.NotContains(t, script, "$")
	require.Contains(t, script, "bench.unread", "no relay reads its events")
}

func TestAThreadOfTheLimitsHasItsNumber(t *testing.T) {
	t.Parallel()
	n, err := number(Thread(42))
	require.NoError(t, err)
	require.Equal(t, 42, n)
	_, err = number("workspaces/a/threads/b")
	require.Error(t, err)
}
