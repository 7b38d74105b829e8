// Package app holds the use cases of conversations. Each checks the caller's right, decides in the domain, and writes
// what follows with its events in one transaction.
//
// It promises the order of refusals: what the caller may not read is not found, then the right that is too small, then
// the replay of a request, then a stale etag, then the state. It calls no other service inside a transaction, and
// outside one only where the projection of rights would refuse.
package app

import "github.com/meridianhq/meridian/pkg/clock"

// App is the use cases. It is safe for concurrent use.
type App struct {
	store  Store
	access Access
	clock  clock.Clock
}

// New makes the use cases over a store, the caller's rights and domain time.
func New(store Store, access Access, domainTime clock.Clock) *App {
	return &App{store: store, access: access, clock: domainTime}
}
