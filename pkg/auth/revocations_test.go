package auth_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
)

// machine is a clock that a test moves.
type machine struct {
	mu  sync.Mutex
	now time.Time
}

func newMachine() *machine { return &machine{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }

func (m *machine) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *machine) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

func TestRevokeSession(t *testing.T) {
	t.Parallel()
	clock := newMachine()
	r := auth.NewRevocations(clock)
	c := auth.Caller{Workspace: uuid.New(), Member: uuid.New(), Session: uuid.New(), MemberVersion: 3}
	require.False(t, r.Revoked(c))
	r.RevokeSession(c.Session, clock.Now())
	require.True(t, r.Revoked(c))
	other := c
	other.Session = uuid.New()
	require.False(t, r.Revoked(other))
	require.False(t, r.Revoked(auth.Caller{Service: "threads"}))
}

func TestRevokeMember(t *testing.T) {
	t.Parallel()
	clock := newMachine()
	r := auth.NewRevocations(clock)
	c := auth.Caller{Workspace: uuid.New(), Member: uuid.New(), Session: uuid.New(), MemberVersion: 3}
	r.RevokeMember(c.Workspace, c.Member, 4, clock.Now())
	require.True(t, r.Revoked(c))
	c.MemberVersion = 4
	require.False(t, r.Revoked(c), "a token made after the change is good at once")
	c.MemberVersion = 3
	c.Workspace = uuid.New()
	require.False(t, r.Revoked(c))
}

func TestRevocationsForget(t *testing.T) {
	t.Parallel()
	clock := newMachine()
	r := auth.NewRevocations(clock)
	session := uuid.New()
	r.RevokeSession(session, clock.Now())
	r.RevokeMember(uuid.New(), uuid.New(), 2, clock.Now())
	clock.advance(auth.AccessLife + 30*time.Second)
	r.RevokeSession(uuid.New(), clock.Now())
	require.Equal(t, 3, r.Size(), "longer than any token lives")
	require.True(t, r.Revoked(auth.Caller{Session: session}))
	clock.advance(time.Minute)
	r.RevokeSession(uuid.New(), clock.Now())
	require.Equal(t, 2, r.Size())

	r.RevokeSession(session, clock.Now().Add(-auth.RevocationLife))
	r.RevokeMember(uuid.New(), uuid.New(), 1, clock.Now().Add(-auth.RevocationLife))
	require.Equal(t, 2, r.Size(), "news that old is none")
}

// The news may come in any order and more than once.
func TestRevocationsCommute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := newMachine()
		ws, member := uuid.New(), uuid.New()
		r := auth.NewRevocations(clock)
		versions := rapid.SliceOfN(rapid.Int64Range(1, 20), 1, 10).Draw(t, "versions")
		highest := int64(0)
		for _, v := range versions {
			r.RevokeMember(ws, member, v, clock.Now())
			highest = max(highest, v)
		}
		version := rapid.Int64Range(0, 21).Draw(t, "version")
		require.Equal(t, version < highest, r.Revoked(auth.Caller{Workspace: ws, Member: member, MemberVersion: version}))
		require.Equal(t, 1, r.Size())
	})
}
