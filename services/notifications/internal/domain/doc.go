// Package domain holds the rules of notifications: who is concerned by what happened, over which channel and when that may
// reach them, what ends it, and what a digest holds.
//
// It promises to be pure: no clock, no database, no wire format, no calendar. Instants, zones and what others know are
// given to it. Above all it promises one thing: below URGENT nothing is decided NOW for an instant that was not given to it
// as working time.
package domain
