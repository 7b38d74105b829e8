//go:build unix

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASeedMakesThePlanAgain(t *testing.T) {
	t.Parallel()
	const duration = 10 * time.Minute
	for seed := range uint64(20) {
		made := plan(seed, duration, allNeeds())
		require.Equal(t, made, plan(seed, duration, allNeeds()))
		require.NotEqual(t, made, plan(seed+1, duration, allNeeds()))
		kinds := map[faultKind]int{}
		var before time.Duration
		for _, f := range made {
			kinds[f.Kind]++
			require.GreaterOrEqual(t, f.At, max(before, firstFault))
			require.LessOrEqual(t, f.At, duration-lastFault)
			before = f.At
			if f.Need != "" {
				require.Contains(t, allNeeds()[f.Target], f.Need)
			}
		}
		require.Len(t, kinds, len(chances()), "in ten minutes every kind comes")
	}
}

func TestPausesAreLongerThanALease(t *testing.T) {
	t.Parallel()
	const relayLease, claimLease = 10 * time.Second, 30 * time.Second
	longest := time.Duration(0)
	for seed := range uint64(20) {
		for _, f := range plan(seed, time.Minute, allNeeds()) {
			if f.Kind == paused {
				require.Greater(t, f.For, relayLease)
				longest = max(longest, f.For)
			}
		}
		for _, f := range plan(seed, shortDuration, allNeeds()) {
			require.Less(t, f.For, 15*time.Second, "a short run is short")
		}
	}
	require.Greater(t, longest, claimLease)
}

func TestAFaultIsToldInALine(t *testing.T) {
	t.Parallel()
	for line, f := range map[string]fault{
		"2s kill threads-1 for 3s": {At: 2 * time.Second, Kind: killed, Target: "threads-1", For: 3 * time.Second},
		"4s slow tasks-2 to nats for 5s, 20ms each way": {
			At: 4 * time.Second, Kind: waySlow, Target: "tasks-2", Need: broker, For: 5 * time.Second, Delay: 20 * time.Millisecond,
		},
		"6s events again": {At: 6 * time.Second, Kind: repeated},
	} {
		require.Equal(t, line, strings.Join(strings.Fields(f.String()), " "))
	}
}
