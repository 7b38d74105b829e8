// Package app holds the use cases of conversations. Each checks the caller's right, decides in the domain, and writes
// what follows with its events in one transaction.
//
// It promises the order of refusals: what the caller may not read is not found, then the right that is too small, then
// the replay of a request, then a stale etag, then the state. It calls no other service inside a transaction, and
// outside one only where the projection of rights would refuse, and for when due times fall. Where it locks both, a
// thread is locked before its asks, and asks in the order of their ids.
package app

import (
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/groupcommit"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// App is the use cases. It is safe for concurrent use.
type App struct {
	store       Store
	access      Access
	clock       clock.Clock
	workingTime WorkingTime
	pending     func()
	// posts are plain messages, gathered by workspace.
	posts *groupcommit.Committer[uuid.UUID, Post, domain.Message]
}

// Deps is what the use cases need.
type Deps struct {
	Store  Store
	Access Access
	// Clock is domain time.
	Clock clock.Clock
	// WorkingTime is the availability service.
	WorkingTime WorkingTime
	// Pending is called after each commit that left due times to be computed. It must not block.
	Pending func()
	// GroupSizes observes how many messages are posted together; nil for none.
	GroupSizes prometheus.Observer
}

// New makes the use cases.
func New(d Deps) *App {
	a := &App{store: d.Store, access: d.Access, clock: d.Clock, workingTime: d.WorkingTime, pending: d.Pending}
	a.posts = groupcommit.New(groupcommit.Config[uuid.UUID, Post, domain.Message]{Run: a.postTogether, Sizes: d.GroupSizes})
	return a
}
