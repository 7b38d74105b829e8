//go:build !race

package ical_test

// mostBytes is how large a hostile file may be, and slower how many times longer things may take under the race detector.
const (
	mostBytes = 16 << 20
	slower    = 1
)
