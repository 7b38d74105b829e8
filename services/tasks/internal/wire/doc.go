// Package wire writes what happened in the domain as protos of events, and follows the events of availability.
//
// It promises that every event of the domain has its message here, and that a reaction commutes: an event twice, late
// or out of order has the same effect in the end.
package wire
