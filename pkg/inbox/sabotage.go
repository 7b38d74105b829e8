//go:build sabotage

package inbox

import "os"

// forgets breaks the inbox on purpose, where the environment says so: every delivery has its effect.
func forgets() bool { return os.Getenv("MERIDIAN_TEST_SABOTAGE") == "inbox" }
