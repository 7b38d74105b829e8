// Package app holds the use cases of availability: members' hours, the workspace's defaults, time off, and the questions
// that follow from them.
//
// It promises the order of refusals: a member who is not there is not found, then the replay of a request, then a stale
// etag, then the state. Every change of a member's working time locks one row of that member and tells the range that it
// changed, in its own transaction. A question costs a fixed number of statements, however many members it is about. The
// directory is asked, outside any transaction, only before a member is said not to be there, and before what waits for a manager
// waits for another.
package app

import "github.com/meridianhq/meridian/pkg/clock"

// App is the use cases. It is safe for concurrent use.
type App struct {
	store  Store
	access Access
	clock  clock.Clock
	// imports are what importing calendars takes.
	imports Imports
}

// New makes the use cases over a store, the projection of members and domain time.
func New(store Store, access Access, domainTime clock.Clock, imports Imports) *App {
	return &App{store: store, access: access, clock: domainTime, imports: imports}
}
