// Package arch holds the laws of the house as tests: who may import whom, what the protos promise, and that the
// how-to pages name files that exist. It exports nothing.
package arch
