//go:build unix

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAShortRunFindsNothing is the harness in CI: real processes, twenty seconds of faults, and the audit. `make chaos` runs
// longer and with other seeds.
func TestAShortRunFindsNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := runCommand{Seed: 4, Seeds: 1, Short: true, Settle: 5 * time.Minute, Members: 16}.run(t.Context(), &out)
	require.NoError(t, err, "%s", out.String())
	require.Contains(t, out.String(), "nothing found")
	require.NotContains(t, out.String(), " 0 writes acknowledged")
	for line := range strings.Lines(out.String()) {
		t.Log(strings.TrimRight(line, "\n"))
	}
}
