package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func hashOf(n int) [sha256.Size]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	var m memory
	for n := range 3 * memorySize {
		m.put(hashOf(n), Caller{Expires: now.Add(time.Minute)}, now)
		require.LessOrEqual(t, len(m.callers), memorySize)
		_, ok := m.get(hashOf(n), now)
		require.True(t, ok, "the newest is remembered")
	}
	require.Greater(t, len(m.callers), memorySize/2)

	later := now.Add(time.Minute)
	_, ok := m.get(hashOf(3*memorySize-1), later)
	require.False(t, ok, "what has expired is not looked up")
	for n := range memorySize {
		m.put(hashOf(-1-n), Caller{Expires: later.Add(time.Minute)}, later)
	}
	require.LessOrEqual(t, len(m.callers), memorySize)
	_, ok = m.get(hashOf(-1), later)
	require.True(t, ok, "the expired go first")
}

func BenchmarkVerifyRemembered(b *testing.B) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	var m memory
	token := string(make([]byte, 600))
	m.put(sha256.Sum256([]byte(token)), Caller{Expires: now.Add(time.Minute)}, now)
	for b.Loop() {
		if _, ok := m.get(sha256.Sum256([]byte(token)), now); !ok {
			b.Fatal("forgotten")
		}
	}
}
