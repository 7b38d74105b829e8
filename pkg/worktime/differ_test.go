package worktime

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// At every instant two calendars are of other kinds exactly where a change says so, and Differ is the hull of the changes.
func TestChangesAreWhereCalendarsDiffer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, at := layers(t)
		d := drawing{t, l.Hours[0].Zone, at}
		other := l
		switch rapid.IntRange(0, 2).Draw(t, "other") {
		case 0:
			other.Blocks = append([]Block{d.block()}, l.Blocks...)
		case 1:
			other.Absences = append([]Absence{d.absence()}, l.Absences...)
		case 2:
			other.Overrides = append([]Override{d.override()}, l.Overrides...)
		}
		a, b := NewCalendar(l), NewCalendar(other)
		start, end := at.Add(-4*24*time.Hour), at.Add(9*24*time.Hour)
		changes := Changes(a, b, start, end)
		hull, differs := Differ(a, b, start, end)
		require.Equal(t, len(changes) > 0, differs)
		kind := func(c *Calendar, at time.Time) Stretch {
			for s := range c.Stretches(at, at.Add(1)) {
				return s
			}
			return Stretch{}
		}
		past := start
		for i, c := range changes {
			require.True(t, c.Start.Before(c.End))
			require.False(t, c.Start.Before(past))
			for _, probe := range []time.Time{c.Start, c.Start.Add(c.Length() / 2), c.End.Add(-1)} {
				require.Equal(t, c.Before, kind(a, probe).Kind)
				require.Equal(t, c.After, kind(b, probe).Kind)
			}
			if gap := c.Start.Sub(past); gap > 0 {
				for _, probe := range []time.Time{past, past.Add(gap / 2), c.Start.Add(-1)} {
					require.Equal(t, kind(a, probe).Kind, kind(b, probe).Kind)
					require.Equal(t, kind(a, probe).Name, kind(b, probe).Name)
				}
			}
			past = c.End
			if i == 0 {
				require.Equal(t, c.Start, hull.Start)
			}
			if i == len(changes)-1 {
				require.Equal(t, c.End, hull.End)
			}
		}
		require.Empty(t, Changes(a, a, start, end))
	})
}

// The next interruptible working time is the first that is working and within no block, and none before it is.
func TestTheNextInterruptibleWorkingTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, at := calendar(t)
		next, ok := c.NextInterruptible(at)
		work, works := c.Next(at)
		if !ok {
			for i := range 100 {
				require.NotEqual(t, Working, c.kind(at.Add(time.Duration(i)*20*time.Hour)))
			}
			return
		}
		require.True(t, works)
		require.False(t, next.Start.Before(work.Start))
		for _, probe := range []time.Time{next.Start, next.Start.Add(next.Length() / 2), next.End.Add(-1)} {
			require.Equal(t, Working, c.kind(probe), "%s", probe)
		}
		if next.End.Before(at.Add(Horizon)) {
			require.NotEqual(t, Working, c.kind(next.End))
		}
		if gap := next.Start.Sub(at); gap > 0 {
			for i := range 20 {
				require.NotEqual(t, Working, c.kind(at.Add(time.Duration(int64(gap)/20*int64(i)))))
			}
			require.NotEqual(t, Working, c.kind(next.Start.Add(-1)))
		}
	})
}

// Where clocks in two zones differ is from the first instant at which they do until the last.
func TestZonesThatDiffer(t *testing.T) {
	t.Parallel()
	read := func(name, file string) *Zone {
		data, err := ZoneFile(file)
		require.NoError(t, err)
		zone, err := ReadZone(name, data)
		require.NoError(t, err)
		require.Equal(t, name, zone.Name())
		return zone
	}
	lisbon := read("Europe/Lisbon", "Europe/Lisbon")
	for _, c := range []struct{ as, start, end, from, until string }{
		{"Europe/Lisbon", "2026-01-01 00:00", "2036-01-01 00:00", "", ""},
		{"Europe/London", "2026-01-01 00:00", "2036-01-01 00:00", "", ""},
		{"Africa/Abidjan", "2026-01-01 00:00", "2026-12-31 00:00", "2026-03-29 01:00", "2026-10-25 01:00"},
		{"Africa/Abidjan", "2026-05-01 00:00", "2026-06-01 00:00", "2026-05-01 00:00", "2026-06-01 00:00"},
		{"Africa/Abidjan", "2026-11-01 00:00", "2027-02-01 00:00", "", ""},
		{"Asia/Tokyo", "2026-01-01 00:00", "2027-01-01 00:00", "2026-01-01 00:00", "2027-01-01 00:00"},
	} {
		got, differ := lisbon.Differs(read("Europe/Lisbon", c.as), utc(t, c.start), utc(t, c.end))
		require.Equal(t, c.from != "", differ, "%+v", c)
		if differ {
			require.Equal(t, Interval{utc(t, c.from), utc(t, c.until)}, got, "%+v", c)
		}
	}
	_, err := ReadZone("Europe/Lisbon", []byte("no zone"))
	require.Error(t, err)
	_, err = ZoneFile("Mars/Olympus")
	require.Error(t, err)
}
