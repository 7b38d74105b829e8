package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/proc"
)

// TestMain plays a role where the benchmark under test starts this program again.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == proc.RoleCommand {
		if err := (&roleCmd{Name: os.Args[2]}).Run(context.Background()); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// What it says is not judged here: only that every process starts, is measured and stops.
func TestAShortRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "result.json")
	run := runCmd{
		Parts: []string{"latency", "relay", "consumer"}, Rounds: 1, Time: 200 * time.Millisecond, Warm: 50 * time.Millisecond,
		Clients: 4, Threads: 20, Rate: 100, JSON: file,
	}
	require.NoError(t, run.Run(t.Context()))
	result, err := figure.Open(file)
	require.NoError(t, err)
	require.Len(t, result.Parts, 3)
	for _, part := range result.Parts {
		require.NotEmpty(t, part.Rows, part.Name)
		for _, row := range part.Rows {
			require.GreaterOrEqual(t, row.Ours.Median, 0.0, row.Figure) // an event may be there before its post is answered
		}
		for _, side := range part.Sides {
			require.Len(t, side.Rounds, 1, side.Name)
			require.Positive(t, side.Rounds[0].Done, side.Name)
			require.Positive(t, side.Rounds[0].PerSecond, side.Name)
		}
	}
	require.Error(t, (&roleCmd{Name: "none"}).Run(t.Context()))
}
