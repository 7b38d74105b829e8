package window_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/window"
)

func anyWindow() *rapid.Generator[window.Window] {
	return rapid.OneOf(
		rapid.Just(window.Window{}),
		rapid.Map(rapid.IntRange(1, 60), window.Days),
		rapid.Map(rapid.Int64Range(0, int64(2000*time.Hour)), func(n int64) window.Window { return window.Working(time.Duration(n)) }),
		rapid.Map(rapid.Int64Range(0, int64(2000*time.Hour)), func(n int64) window.Window { return window.Elapsed(time.Duration(n)) }),
	)
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWindow().Draw(t, "window")
		back, err := window.Parse(w.String())
		require.NoError(t, err)
		require.Equal(t, w, back)
	})
}

func TestAReminderComesBeforeTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWindow().Draw(t, "window")
		part := w.ThreeQuarters()
		if part.None() {
			require.True(t, w.None() || w.Days == 1 || w.Unit != window.WorkingDays && w.Time == 0, w.String())
			return
		}
		require.Equal(t, w.Unit, part.Unit)
		require.True(t, part.Days < w.Days || part.Time < w.Time)
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	for words, w := range map[string]window.Window{
		"":                   {},
		"1 working hour":     window.Working(time.Hour),
		"90 working minutes": window.Working(90 * time.Minute),
		"2 working days":     window.Days(2),
		"24 hours":           window.Elapsed(24 * time.Hour),
	} {
		require.Equal(t, words, w.Words())
	}
}

func TestWhatIsNoWindowIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"working", "days 0", "days x", "elapsed -1s", "weeks 2"} {
		_, err := window.Parse(text)
		require.Error(t, err, text)
	}
}
