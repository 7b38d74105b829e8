package auth

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// RevocationLife is how long a revocation is remembered: longer than any token that it could refuse.
const RevocationLife = AccessLife + time.Minute

// Clock tells the machine's time. It is clock.Clock, declared where it is used.
type Clock interface {
	// Now returns the present instant.
	Now() time.Time
}

// Revocations remembers which tokens were taken back before their time was over. It is fed from the event stream
// and asked at every call; it may be used by many goroutines. The zero value is not usable.
type Revocations struct {
	clock Clock

	mu       sync.RWMutex
	sessions map[uuid.UUID]time.Time
	members  map[memberID]revokedMember
	swept    time.Time
}

type memberID struct{ workspace, member uuid.UUID }

type revokedMember struct {
	version int64
	at      time.Time
}

// NewRevocations makes an empty memory that forgets by the machine's clock.
func NewRevocations(machine Clock) *Revocations {
	return &Revocations{
		clock:    machine,
		sessions: make(map[uuid.UUID]time.Time),
		members:  make(map[memberID]revokedMember),
		swept:    machine.Now(),
	}
}

// RevokeSession refuses every access token of an API token that was revoked at an instant of machine time, or a
// little before it.
func (r *Revocations) RevokeSession(id uuid.UUID, at time.Time) {
	now := r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.past(at, now) {
		return
	}
	if at.After(r.sessions[id]) {
		r.sessions[id] = at
	}
	r.sweep(now)
}

// RevokeMember refuses every access token made when the member's version was below the given one: the version at
// which the role or the state changed. at is the instant of machine time at which that was, or a little after it.
// It compares versions and not times, so that a token made right after the change is good at once, whatever the
// clocks say and in whatever order the news arrives.
func (r *Revocations) RevokeMember(workspace, member uuid.UUID, version int64, at time.Time) {
	now := r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.past(at, now) {
		return
	}
	id := memberID{workspace, member}
	had := r.members[id]
	if at.Before(had.at) {
		at = had.at
	}
	r.members[id] = revokedMember{version: max(had.version, version), at: at}
	r.sweep(now)
}

// Revoked says whether the caller's token was taken back. Services' identities never are: they live a minute.
func (r *Revocations) Revoked(c Caller) bool {
	if c.Service != "" {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ok := r.sessions[c.Session]; ok {
		return true
	}
	m, ok := r.members[memberID{c.Workspace, c.Member}]
	return ok && c.MemberVersion < m.version
}

// Size returns how many revocations are remembered.
func (r *Revocations) Size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.sessions) + len(r.members)
}

func (r *Revocations) past(at, now time.Time) bool {
	return !now.Before(at.Add(RevocationLife))
}

// sweep forgets what is past, once a minute at most: the cost of remembering stays constant.
func (r *Revocations) sweep(now time.Time) {
	if now.Sub(r.swept) < time.Minute {
		return
	}
	r.swept = now
	for id, at := range r.sessions {
		if r.past(at, now) {
			delete(r.sessions, id)
		}
	}
	for id, m := range r.members {
		if r.past(m.at, now) {
			delete(r.members, id)
		}
	}
}
