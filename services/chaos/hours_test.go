//go:build unix

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHoursGoOnAndOffByTheMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := hours{
			on: rapid.IntRange(1, 3).Draw(t, "on"), off: rapid.IntRange(1, 3).Draw(t, "off"), shift: rapid.IntRange(0, 5).Draw(t, "shift"),
		}
		now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, int64(24*time.Hour)-1).Draw(t, "now")))
		windows := h.windows(now)
		require.LessOrEqual(t, len(windows), mostWindows)
		for second := range 40 * 60 {
			at := now.Add(time.Duration(second) * time.Second)
			minute := at.Hour()*60 + at.Minute()
			require.Equal(t, h.working(minute), within(windows, at), "%v at %s", h, at)
		}
	})
}
