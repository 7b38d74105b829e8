package domain

import "time"

// Restore is an operator's putting all data back to an earlier state.
type Restore struct {
	// StateTime is the instant whose state the data is in.
	StateTime time.Time
	// VoidTime is at or before the time of every event that is gone.
	VoidTime time.Time
	// KeptSequence is that of the last event in the stream that stands; zero where the stream was lost.
	KeptSequence uint64
}

// Restored counts the version up: the restore is told in a workspace's order.
func (w *Workspace) Restored(now time.Time) { w.Version, w.UpdateTime = w.Version+1, now }
