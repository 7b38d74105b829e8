//go:build sabotage

package due

import (
	"os"
	"time"
)

// leased breaks the lease on purpose, where the environment says so: a claim holds nothing, so that several workers have a
// row at once.
func leased(lease time.Duration) time.Duration {
	if os.Getenv("MERIDIAN_TEST_SABOTAGE") == "lease" {
		return 0
	}
	return lease
}
