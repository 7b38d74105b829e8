package window

import "time"

// How long people have to answer in their working time, by urgency, in a workspace that says nothing else.
const (
	DefaultLow    = 40 * time.Hour
	DefaultNormal = 24 * time.Hour
	DefaultHigh   = 4 * time.Hour
	DefaultUrgent = time.Hour
)
