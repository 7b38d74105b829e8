package domain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// busy works 50 times a day for five minutes, in UTC; never at all.
func busy(t *testing.T) (busy, never Person) {
	t.Helper()
	var windows []Window
	for i := range worktime.Clock(50) {
		windows = append(windows, Window{Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, Start: i * 20, End: i*20 + 5})
	}
	lay := func(windows []Window) Person {
		person, err := Record{Active: true, Schedules: []Schedule{{Zone: "UTC", Windows: windows, Start: time.Unix(0, 0)}}}.Lay()
		require.NoError(t, err)
		return person
	}
	return lay(windows), lay(nil)
}

// An overlap is cut off, and says so, at its number of windows and at the number of missing members that they name.
func TestFindOverlapIsCutOff(t *testing.T) {
	t.Parallel()
	busy, never := busy(t)
	start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		missing, days, want int
		truncated           bool
	}{
		{0, 20, 1000, false},
		{0, 21, 1000, true},
		{20, 20, 1000, false},
		{40, 10, 500, false},
		{40, 11, 500, true},
		{999, 1, 20, true},
	} {
		people := []Person{busy}
		for range c.missing {
			people = append(people, never)
		}
		found := FindOverlap(people, OverlapQuery{Start: start, End: start.AddDate(0, 0, c.days), Length: time.Minute, Quorum: 1})
		require.Len(t, found.Windows, c.want, "%+v", c)
		require.Equal(t, c.truncated, found.Truncated, "%+v", c)
	}
}
