// Package domain holds the rules of work: what a project, a task, a handoff and a leg may be and become, and which facts
// follow from each change.
//
// It promises to be pure: no clock, no database, no wire format. Times, ids and what others know are given to it, and
// what it refuses it refuses with a fault that names the field or the state. A task, the leg under way and the open
// offer change together, as a Relay: so that a task has at most one holder and at most one open offer, and a leg goes on
// exactly while somebody holds a task that is not done.
package domain
