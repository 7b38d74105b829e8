// Package demo tells and shows a night on a running server whose clock is moved by hand: a question and a baton that go
// from London to Chicago to Kolkata, and back in Chicago's morning.
//
// It promises to be a user like any other: everything goes through the public API, and the clock through the operators'
// port. Every step shows the local times, what the API answered and what integrators saw; and it checks what it tells, so
// that a night that goes otherwise ends in an error that says what was expected.
package demo
