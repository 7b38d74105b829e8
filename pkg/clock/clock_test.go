package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
)

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

func TestManualStandsStillAndMovesForward(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(noon)
	require.Equal(t, noon, m.Now())
	require.Equal(t, noon.Add(time.Hour), m.Advance(time.Hour))
	require.Equal(t, noon.Add(time.Hour), m.Advance(-time.Hour))
	require.NoError(t, m.Set(noon.Add(2*time.Hour)))
	require.ErrorContains(t, m.Set(noon), "moves only forward")
	require.Equal(t, noon.Add(2*time.Hour), m.Now())
}

func TestManualIsInUTC(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(noon.In(time.FixedZone("x", 3600)))
	require.Equal(t, time.UTC, m.Now().Location())
	require.Equal(t, noon, m.Now())
}

func TestChangedTellsOfEveryMove(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(noon)
	first := m.Changed()
	select {
	case <-first:
		t.Fatal("told of a move before one was made")
	default:
	}
	m.Advance(time.Minute)
	<-first
	second := m.Changed()
	require.NoError(t, m.Set(m.Now()))
	<-second
}

func TestSystemAndMachineAreUTC(t *testing.T) {
	t.Parallel()
	for _, c := range []clock.Clock{clock.System(), clock.Machine()} {
		require.Equal(t, time.UTC, c.Now().Location())
		require.False(t, c.Now().After(c.Now().Add(time.Nanosecond)))
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	require.ErrorIs(t, clock.Sleep(ctx, time.Hour), why)
	require.NoError(t, clock.Sleep(t.Context(), time.Nanosecond))
}

func TestEveryRunsAtOnceAndUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	runs := 0
	err := clock.Every(ctx, time.Nanosecond, func(context.Context) {
		if runs++; runs == 3 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, runs, 3)
}
