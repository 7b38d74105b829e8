// Package app holds the use cases of projects, tasks and handoffs. Each checks the caller's right, decides in the domain,
// and writes what follows with its events in one transaction.
//
// It promises the order of refusals: what the caller may not read is not found, then the right that is too small, then
// the replay of a request, then a stale etag, then the state. A task's row is locked before anything of its relay is
// read, and a project's before its tasks' where both are. It calls no other service inside a transaction: the directory
// is asked where the projection of rights would refuse, and availability by the routing alone, which waits while
// availability is away.
package app

import (
	"github.com/meridianhq/meridian/pkg/clock"
)

// Deps is what the use cases stand on.
type Deps struct {
	Store  Store
	Access Access
	// Time is the availability service.
	Time WorkingTime
	// Clock is domain time.
	Clock clock.Clock
	// Routing and Expiry wake the workers of what has become due; nil wakes nobody.
	Routing, Expiry func()
}

// App is the use cases. It is safe for concurrent use.
type App struct {
	store   Store
	access  Access
	time    WorkingTime
	clock   clock.Clock
	routing func()
	expiry  func()
}

// New makes the use cases.
func New(d Deps) *App {
	a := &App{store: d.Store, access: d.Access, time: d.Time, clock: d.Clock, routing: d.Routing, expiry: d.Expiry}
	if a.routing == nil {
		a.routing = func() {}
	}
	if a.expiry == nil {
		a.expiry = func() {}
	}
	return a
}
