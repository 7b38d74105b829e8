// Package domain holds the rules of conversations: what a thread, a message and a reaction may be and become, and
// which facts follow from each change.
//
// It promises to be pure: no clock, no database, no wire format. Times and ids are given to it, and what it refuses
// it refuses with a fault that names the field or the state.
package domain
