//go:build sabotage

package outbox

import "os"

// loses breaks the relay on purpose, where the environment says so: it loses one event in thirty-two.
func loses(r row) bool { return os.Getenv("MERIDIAN_TEST_SABOTAGE") == "relay" && r.ID[15]%32 == 0 }
