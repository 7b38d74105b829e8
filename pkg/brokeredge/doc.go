// Package brokeredge is where integrators meet the broker: it answers the auth callout, keeps the durable consumers
// that integrators read, and closes their connections.
//
// It promises that an admitted client can do four things and nothing else: read its one consumer's state, ask it
// for messages, acknowledge them, and listen on its own unguessable inbox. Who is admitted, and as what, is decided
// by a function of the service that knows (the directory); this package holds no rule of its own about people.
package brokeredge
