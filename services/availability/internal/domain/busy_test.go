package domain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// anyBusy are busy times around noon, none twice, in the order of BusyTimes.
func anyBusy(t *rapid.T, label string) []BusyTime {
	all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) BusyTime {
		start := noon.Add(time.Duration(rapid.IntRange(-10, 10).Draw(t, "start")) * time.Hour)
		return BusyTime{
			ID: uuid.New(), Start: start, End: start.Add(time.Duration(rapid.IntRange(1, 8).Draw(t, "length")) * time.Hour),
			Title: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "title"),
		}
	}), 0, 12).Draw(t, label)
	slices.SortFunc(all, compareBusy)
	return slices.CompactFunc(all, func(a, b BusyTime) bool { return compareBusy(a, b) == 0 })
}

// shown are busy times between two instants, without ids and each once.
func shown(all []BusyTime, from, until time.Time) []BusyTime {
	var found []BusyTime
	for _, b := range all {
		b.ID, b.Start, b.End = uuid.Nil, later(b.Start, from), earlier(b.End, until)
		if b.Start.Before(b.End) {
			found = append(found, b)
		}
	}
	slices.SortFunc(found, compareBusy)
	return slices.Compact(found)
}

// Whatever replaces what: what has been stays, what comes is what was read, and once replaced nothing is left to do.
func TestReplacingBusyTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kept, fresh := anyBusy(t, "kept"), anyBusy(t, "fresh")
		change := ReplaceBusy(kept, fresh, noon)
		for i := range change.Add {
			change.Add[i].ID = uuid.New()
		}
		after := change.apply(kept, noon)
		past, future := noon.Add(-100*time.Hour), noon.Add(100*time.Hour)
		require.Equal(t, shown(kept, past, noon), shown(after, past, noon))
		require.Equal(t, shown(fresh, noon, future), shown(after, noon, future))
		again := ReplaceBusy(after, fresh, noon)
		require.True(t, again.Empty(), "%v", again)
		if !change.Empty() {
			require.False(t, change.From.Before(noon))
			require.True(t, change.From.Before(change.Until))
		}
		for _, outside := range [][2]time.Time{{past, change.From}, {change.Until, future}} {
			require.Equal(t, shown(kept, outside[0], outside[1]), shown(after, outside[0], outside[1]), "nothing changes outside")
		}
	})
}

func parsed(t *testing.T, events string) *ical.Calendar {
	t.Helper()
	file, err := ical.Parse(strings.NewReader("BEGIN:VCALENDAR\n"+events+"END:VCALENDAR\n"), ical.Options{Titles: true, Limits: FileLimits()})
	require.NoError(t, err)
	return file
}

// A long time is parted in the same places, whenever it is read, and ends at the horizon.
func TestLongBusyTimesAreParted(t *testing.T) {
	t.Parallel()
	file := parsed(t, "BEGIN:VEVENT\nUID:a\nDTSTART:20260101T000000Z\nDTEND:20300101T000000Z\nSUMMARY:Away\nEND:VEVENT\n")
	for _, titles := range []bool{false, true} {
		first, err := BusyTimes(file, titles, worktime.UTC(), noon)
		require.NoError(t, err)
		second, err := BusyTimes(file, titles, worktime.UTC(), noon.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, first[1:], second[1:])
		require.Equal(t, noon, first[0].Start)
		require.Equal(t, Horizon(noon), first[len(first)-1].End)
		for i, b := range first {
			require.LessOrEqual(t, b.End.Sub(b.Start), LongestBusy)
			require.True(t, i == 0 || b.Start.Equal(first[i-1].End))
		}
	}
}

func TestTitlesAreAsADatabaseCanHoldThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "Café": "Café", "a\x00b": "ab", "a\xffb": "a\ufffdb", strings.Repeat("é", 300): strings.Repeat("é", 200),
	} {
		require.Equal(t, want, Storable(text, MaxTitle))
	}
}

// The pause after failures grows up to a day, and ends with the first success.
func TestPausesAfterFailures(t *testing.T) {
	t.Parallel()
	c := ImportedCalendar{URL: "https://x.test/a.ics", DisplayName: "Work"}
	c, err := NewCalendar(c, 0, noon)
	require.NoError(t, err)
	for _, minutes := range []int{5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440} {
		c.Failed("the server answered 500", noon)
		require.Equal(t, time.Duration(minutes)*time.Minute, c.DueTime.Sub(noon))
	}
	c.Failures = 1000
	c.Failed("the server answered 500", noon)
	require.Equal(t, LongestPause, c.DueTime.Sub(noon))
	c.Fetched(Validators{}, noon)
	require.Equal(t, FetchEvery, c.DueTime.Sub(noon))
	require.Zero(t, c.Failures)
	require.Empty(t, c.LastError)

	// Asked for again and again, it is fetched once a minute.
	require.NoError(t, c.Refresh(noon))
	require.Equal(t, noon, c.DueTime)
	c.Fetched(Validators{}, noon.Add(time.Second))
	require.NoError(t, c.Refresh(noon.Add(2*time.Second)))
	require.NoError(t, c.Refresh(noon.Add(3*time.Second)))
	require.Equal(t, noon.Add(time.Minute), c.DueTime)
}
