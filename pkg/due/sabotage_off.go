//go:build !sabotage

package due

import "time"

// leased is how long a claim really holds: as long as it says. Only the chaos harness builds a lease that does not hold, to
// show that it finds that.
func leased(lease time.Duration) time.Duration { return lease }
