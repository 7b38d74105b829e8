package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAClosedLoopWaitsForEachAnswer(t *testing.T) {
	t.Parallel()
	var under, most atomic.Int64
	sample, err := Closed(t.Context(), 3, 20*time.Millisecond, func(context.Context, int, *rand.Rand) error {
		now := under.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		under.Add(-1)
		return nil
	})
	require.NoError(t, err)
	require.LessOrEqual(t, most.Load(), int64(3))
	require.NotEmpty(t, sample.Took)
}

func TestAFailedCallFailsTheLoad(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := Closed(t.Context(), 2, time.Millisecond, func(context.Context, int, *rand.Rand) error { return broken })
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "2 calls failed")
	_, err = Open(t.Context(), 2, 1000, 10*time.Millisecond, func(context.Context, int, *rand.Rand) error { return broken })
	require.ErrorContains(t, err, "10 calls failed")
}

func TestAnOpenLoopDoesNotWait(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var sent atomic.Int64
	sample, err := Open(t.Context(), 2, 1000, 20*time.Millisecond, func(ctx context.Context, _ int, _ *rand.Rand) error {
		require.False(t, Due(ctx).IsZero())
		if sent.Add(1) == 20 {
			close(release)
		}
		<-release
		return nil
	})
	require.NoError(t, err)
	require.Len(t, sample.Took, 20)
}

func TestWordsAreUnequallyCommon(t *testing.T) {
	t.Parallel()
	words := NewWords(1000)
	seen := map[string]bool{}
	for i := range 1000 {
		seen[words.At(i)] = true
	}
	require.Len(t, seen, 1000)
	text := words.Text(randomOf(1), 100_000)
	require.Len(t, text, 100_000)
	common, rare := strings.Count(text, words.At(0)+" "), strings.Count(text, words.At(900)+" ")
	require.Greater(t, common, 10*rare)
	require.Greater(t, words.Share(0), 100*words.Share(900))
	require.Len(t, NewBodies(3, 500).Draw(randomOf(2)), 500)
}
