package app

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// What a group's posts do to read states in one step is what they do one after another, whoever posts and whatever each
// had read before.
func TestOwnPostsAreReadOneAfterAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people := []uuid.UUID{{1}, {2}, {3}}
		threads := []domain.Thread{{ID: uuid.UUID{8}}, {ID: uuid.UUID{9}, ImportedCount: 3}}
		last := map[uuid.UUID]int64{}
		for _, d := range threads {
			last[d.ID] = rapid.Int64Range(d.ImportedCount, d.ImportedCount+4).Draw(t, "last")
		}
		// What is left of a pointer without the imported messages before it; all of them where all was read.
		read, together := map[ReadStateKey]int64{}, map[ReadStateKey]int64{}
		for _, d := range threads {
			for _, member := range people {
				key := ReadStateKey{Member: member, Thread: d.ID}
				read[key] = rapid.Int64Range(0, last[d.ID]-d.ImportedCount).Draw(t, "read")
				together[key] = read[key]
			}
		}
		var of []domain.Thread
		var messages []domain.Message
		for range rapid.IntRange(1, 8).Draw(t, "posts") {
			d := rapid.SampledFrom(threads).Draw(t, "thread")
			last[d.ID]++
			m := domain.Message{Author: rapid.SampledFrom(people).Draw(t, "author"), Thread: d.ID, Sequence: last[d.ID]}
			of, messages = append(of, d), append(messages, m)
			if key := (ReadStateKey{Member: m.Author, Thread: m.Thread}); read[key] == m.Sequence-1-d.ImportedCount {
				read[key] = m.Sequence - d.ImportedCount
			}
		}
		seen := map[ReadStateKey]bool{}
		for _, p := range ownPosts(of, messages) {
			key := ReadStateKey{Member: p.Member, Thread: p.Thread}
			require.False(t, seen[key], "each read state once")
			seen[key] = true
			if together[key] == p.First-1-p.ImportedCount {
				together[key] = p.Last - p.ImportedCount
			}
		}
		require.Equal(t, read, together)
	})
}
