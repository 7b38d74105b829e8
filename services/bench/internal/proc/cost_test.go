package proc

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALineOfStatIsRead(t *testing.T) {
	t.Parallel()
	s, err := parseStat("42 (postgres: a) b) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 99 1000 10\n")
	require.NoError(t, err)
	require.Equal(t, stat{pid: 42, parent: 7, own: 2 * time.Second, ended: 500 * time.Millisecond}, s)
	for _, line := range []string{"", "42 postgres S", "42 (a) S 1 2", "x (a) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20", "42 (a) S 7 42 42 0 -1 4194560 1 2 3 4 z 50 30 20"} {
		_, err := parseStat(line)
		require.ErrorIs(t, err, errStat, line)
	}
}

func TestATreeIsSummed(t *testing.T) {
	t.Parallel()
	all := []stat{
		{pid: 1, parent: 0, own: 1000},
		{pid: 10, parent: 1, own: 1, ended: 2},
		{pid: 11, parent: 10, own: 4},
		{pid: 12, parent: 11, own: 8, ended: 16},
		{pid: 20, parent: 1, own: 500},
	}
	total, found := below(all, 10)
	require.True(t, found)
	require.EqualValues(t, 31, total)
	_, found = below(all, 99)
	require.False(t, found)
}

func TestThisProcessHasACost(t *testing.T) {
	t.Parallel()
	own, err := CPU(os.Getpid())
	require.NoError(t, err)
	tree, err := TreeCPU(os.Getpid())
	require.NoError(t, err)
	require.GreaterOrEqual(t, tree, own)
	resident, peak, err := Memory(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, resident)
	require.GreaterOrEqual(t, peak, resident/2)
	_, err = TreeCPU(-1)
	require.Error(t, err)
}

func TestMemoryIsReadInKilobytes(t *testing.T) {
	t.Parallel()
	bytes, err := kilobytes("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n", "VmRSS:")
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, bytes)
	_, err = kilobytes("Name:\tx\n", "VmRSS:")
	require.Error(t, err)
}
