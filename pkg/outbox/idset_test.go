package outbox

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestIDSetIsASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s idSet
		model := map[int64]bool{}
		id := rapid.Int64Range(1, 40)
		t.Repeat(map[string]func(*rapid.T){
			"add":    func(t *rapid.T) { v := id.Draw(t, "id"); s.add(v); model[v] = true },
			"remove": func(t *rapid.T) { v := id.Draw(t, "id"); s.remove(v); delete(model, v) },
			"": func(t *rapid.T) {
				above, below := s.gaps()
				require.Len(t, below, len(above))
				for v := range int64(42) {
					inGap := false
					for i := range above {
						inGap = inGap || (v > above[i] && v < below[i])
					}
					require.Equal(t, !model[v], inGap, "id %d in %v", v, s.ranges)
				}
				for i, r := range s.ranges {
					require.LessOrEqual(t, r.lo, r.hi)
					require.True(t, i == 0 || s.ranges[i-1].hi+1 < r.lo, "ranges stay apart: %v", s.ranges)
				}
			},
		})
	})
}

func TestIDSetStaysSmall(t *testing.T) {
	t.Parallel()
	var s idSet
	for id := int64(1); id <= 100_000; id++ {
		s.add(id)
	}
	require.Len(t, s.ranges, 1)
	for id := int64(1); id <= 50_000; id++ {
		s.remove(id)
	}
	require.Equal(t, []idRange{{50_001, 100_000}}, s.ranges)
	above, below := s.gaps()
	require.Equal(t, []int64{math.MinInt64, 100_000}, above)
	require.Equal(t, []int64{50_001, math.MaxInt64}, below)
}

func TestWavesNeverHoldTwoOfAnAggregate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rows []row
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 60).Draw(t, "aggregates") {
			rows = append(rows, row{id: int64(i), Message: Message{Aggregate: strconv.Itoa(n)}})
		}
		last := map[string]int64{}
		total := 0
		for _, wave := range waves(rows) {
			require.NotEmpty(t, wave)
			seen := map[string]bool{}
			for _, r := range wave {
				require.False(t, seen[r.Aggregate])
				seen[r.Aggregate] = true
				if before, ok := last[r.Aggregate]; ok {
					require.Greater(t, r.id, before)
				}
				last[r.Aggregate] = r.id
				total++
			}
		}
		require.Equal(t, len(rows), total)
	})
}

func TestRetainedGivesRowsWhenTheyAreOldEnough(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var r retained
	r.add([]int64{1, 2}, start)
	r.add([]int64{3}, start.Add(time.Second))
	r.add(nil, start)
	r.add([]int64{5}, start.Add(2*time.Second))
	ids, batches := r.due(start.Add(-time.Nanosecond), 10)
	require.Empty(t, ids)
	require.Zero(t, batches)
	ids, batches = r.due(start.Add(time.Second), 10)
	require.Equal(t, []int64{1, 2, 3}, ids)
	_, few := r.due(start.Add(time.Second), 2)
	require.Equal(t, 1, few)
	r.deleted(batches)
	require.Equal(t, []idRange{{5, 5}}, r.ids.ranges)
	oldest, some := r.oldest()
	require.True(t, some)
	require.Equal(t, start.Add(2*time.Second), oldest)
	r.forget()
	_, some = r.oldest()
	require.False(t, some)
	require.Empty(t, slices.Clone(r.ids.ranges))
}
