package worktime

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWindowsThatOverlap(t *testing.T) {
	t.Parallel()
	day := func(start, end Clock, days ...time.Weekday) Window {
		return Window{Days: days, Start: start * 60, End: end * 60}
	}
	for name, c := range map[string]struct {
		windows       []Window
		first, second int
		overlap       bool
	}{
		"none":                     {nil, 0, 0, false},
		"touching":                 {[]Window{day(9, 12, 1), day(12, 13, 1)}, 0, 0, false},
		"on other days":            {[]Window{day(9, 12, 1), day(9, 12, 2)}, 0, 0, false},
		"the same":                 {[]Window{day(9, 12, 1), day(13, 14, 1), day(9, 12, 1)}, 0, 2, true},
		"within":                   {[]Window{day(13, 14, 1), day(10, 11, 2), day(9, 12, 1, 2)}, 1, 2, true},
		"a night into the morning": {[]Window{day(5, 9, 2), day(22, 6, 1)}, 0, 1, true},
		"a night until it":         {[]Window{day(6, 9, 2), day(22, 6, 1)}, 0, 0, false},
		"over the week's end":      {[]Window{day(22, 6, time.Saturday), day(5, 6, time.Sunday)}, 0, 1, true},
		"a whole day, every day":   {[]Window{day(9, 9, 0, 1, 2, 3, 4, 5, 6)}, 0, 0, false},
		"of one date":              {[]Window{day(9, 12), day(22, 9), day(11, 13)}, 0, 2, true},
		"of one date, touching":    {[]Window{day(9, 12), day(22, 10)}, 0, 0, false},
	} {
		first, second, overlap := Overlapping(c.windows)
		require.Equal(t, []any{c.first, c.second, c.overlap}, []any{first, second, overlap}, name)
	}
}

// Windows overlap where a minute of the week is in two of them.
func TestOverlappingIsByTheMinute(t *testing.T) {
	t.Parallel()
	const week = 7 * 24 * 60
	rapid.Check(t, func(t *rapid.T) {
		windows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Window {
			return Window{
				Days:  rapid.SliceOfNDistinct(rapid.SampledFrom([]time.Weekday{0, 1, 2, 3, 4, 5, 6}), 1, 3, rapid.ID).Draw(t, "days"),
				Start: Clock(rapid.IntRange(0, 23).Draw(t, "start") * 60), End: Clock(rapid.IntRange(0, 24).Draw(t, "end") * 60),
			}
		}), 0, 4).Draw(t, "windows")
		covers := func(w Window) map[int]bool {
			minutes := map[int]bool{}
			for _, d := range w.Days {
				from, to := int(w.Start), int(w.End)
				if to <= from {
					to += 24 * 60
				}
				for m := from; m < to; m++ {
					minutes[(int(d)*24*60+m)%week] = true
				}
			}
			return minutes
		}
		common := func(a, b Window) bool {
			other := covers(b)
			for m := range covers(a) {
				if other[m] {
					return true
				}
			}
			return false
		}
		some := false
		for i := range windows {
			for j := range i {
				some = some || common(windows[i], windows[j])
			}
		}
		first, second, overlap := Overlapping(windows)
		require.Equal(t, some, overlap)
		if overlap {
			require.Less(t, first, second)
			require.True(t, common(windows[first], windows[second]))
		}
	})
}
