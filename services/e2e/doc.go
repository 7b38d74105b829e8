// Package e2e tells stories over the whole of Meridian: the same stack that `meridian up` starts, spoken to through
// its public API and its broker alone. It exports nothing.
package e2e
