package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// memorySize is how many verified tokens are remembered: a few megabytes.
const memorySize = 16 << 10

// memory remembers verified tokens by their hash, so that no token is kept. Its zero value is empty.
type memory struct {
	mu      sync.RWMutex
	callers map[[sha256.Size]byte]Caller
}

// get returns the caller of a token whose time is not over.
func (m *memory) get(hash [sha256.Size]byte, now time.Time) (Caller, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c, ok := m.callers[hash]
	return c, ok && now.Before(c.Expires)
}

func (m *memory) put(hash [sha256.Size]byte, c Caller, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.callers == nil {
		m.callers = make(map[[sha256.Size]byte]Caller)
	}
	if len(m.callers) >= memorySize {
		m.shrink(now)
	}
	m.callers[hash] = c
}

// shrink forgets the expired, and an eighth of the others at random when that is not enough: a forgotten token only
// costs another verification.
func (m *memory) shrink(now time.Time) {
	for hash, c := range m.callers {
		if !now.Before(c.Expires) {
			delete(m.callers, hash)
		}
	}
	for hash := range m.callers {
		if len(m.callers) <= memorySize/8*7 {
			return
		}
		delete(m.callers, hash)
	}
}
