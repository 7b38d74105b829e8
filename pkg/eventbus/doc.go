// Package eventbus is the contract of docs/events.md in code: the CloudEvents envelope, the stream EVENTS, and the
// router that consumes from it.
//
// It promises that everything about an event but its payload comes from the event option of its proto message and
// from the context it happens in; that a message which does not keep the contract is never handed to a handler;
// and that every event a consumer asked for ends in one of two places, handled or in the dead letters with its
// payload and the reason, however often the broker, the database or the process goes away in between.
package eventbus
