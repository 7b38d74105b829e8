// Package jobs does what becomes due in conversations: one file a kind.
package jobs
