package worktime

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// workweek is windows from Monday to Friday, each such as 09:00-17:00, in a zone.
func workweek(t *testing.T, zone string, windows ...string) Hours {
	t.Helper()
	all := at(t, windows...)
	for i := range all {
		all[i].Days = []time.Weekday{1, 2, 3, 4, 5}
	}
	week, err := NewWeek(all)
	require.NoError(t, err)
	return Hours{Zone: place(t, zone), Week: week}
}

func at(t *testing.T, windows ...string) (all []Window) {
	t.Helper()
	for _, w := range windows {
		start, err := ParseClock(w[:5])
		require.NoError(t, err)
		end, err := ParseClock(w[6:])
		require.NoError(t, err)
		all = append(all, Window{Start: start, End: end})
	}
	return all
}

func place(t *testing.T, name string) *Zone {
	t.Helper()
	zone, err := LoadZone(name)
	require.NoError(t, err)
	return zone
}

func on(t *testing.T, text string) Date {
	t.Helper()
	d, err := ParseDate(text)
	require.NoError(t, err)
	return d
}

// utc reads an instant such as 2026-12-01 09:00.
func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	require.NoError(t, err)
	return at
}

func over(t *testing.T, date string, windows ...string) Override {
	t.Helper()
	o, err := NewOverride(on(t, date), at(t, windows...))
	require.NoError(t, err)
	return o
}

// told writes all that is not off in a range.
func told(t *testing.T, c *Calendar, start, end string) (all []string) {
	t.Helper()
	names := map[Kind]string{Working: "works", Uninterruptible: "busy", Away: "away", OnHoliday: "holiday"}
	for s := range c.Stretches(utc(t, start), utc(t, end)) {
		if s.Kind != Off {
			all = append(all, names[s.Kind]+s.Name+" "+s.Start.Format("02 15:04")+" "+s.End.Format("02 15:04"))
		}
	}
	return all
}

func TestAnOverrideIsOfTheWindowsThatStartOnItsDate(t *testing.T) {
	t.Parallel()
	l := Layers{
		Hours:     []Hours{workweek(t, "Europe/London", "22:00-06:00")},
		Overrides: []Override{over(t, "2026-12-01"), over(t, "2026-12-03", "10:00-12:00", "23:00-01:00")},
		Holidays:  []Holiday{{Date: on(t, "2026-12-03"), Name: "A"}, {Date: on(t, "2026-12-04"), Name: "B"}},
	}
	require.Equal(t, []string{
		"works 30 22:00 01 06:00", "works 02 22:00 03 06:00", "works 03 10:00 03 12:00", "works 03 23:00 04 01:00", "holidayB 04 22:00 05 06:00",
	}, told(t, NewCalendar(l), "2026-11-30 12:00", "2026-12-05 12:00"))
}

func TestWhatIsSetInTheMiddleOfADayHoldsFromThenOn(t *testing.T) {
	t.Parallel()
	set := over(t, "2026-12-01", "13:00-15:00")
	set.Since = utc(t, "2026-12-01 10:30")
	taken := Holiday{Date: on(t, "2026-12-02"), Name: "A", Known: Known{Until: utc(t, "2026-12-02 14:00")}}
	l := Layers{Hours: []Hours{workweek(t, "Europe/London", "09:00-17:00")}, Overrides: []Override{set}, Holidays: []Holiday{taken}}
	require.Equal(t, []string{
		"works 01 09:00 01 10:30", "works 01 13:00 01 15:00", "holidayA 02 09:00 02 14:00", "works 02 14:00 02 17:00",
	}, told(t, NewCalendar(l), "2026-12-01 00:00", "2026-12-03 00:00"))
}

func TestTravelCutsWhatIsAtItsEdges(t *testing.T) {
	t.Parallel()
	office := Layers{
		Hours:   []Hours{workweek(t, "America/New_York", "09:00-17:00")},
		Travels: []Travel{{Zone: place(t, "Asia/Kolkata"), First: on(t, "2026-12-02"), Last: on(t, "2026-12-03")}},
	}
	c := NewCalendar(office)
	require.Equal(t, []string{
		"works 01 14:00 01 18:30", "works 02 03:30 02 11:30", "works 03 03:30 03 11:30", "works 03 18:30 03 22:00", "works 04 14:00 04 22:00",
	}, told(t, c, "2026-12-01 00:00", "2026-12-05 00:00"))
	require.Equal(t, "America/New_York", c.ZoneAt(utc(t, "2026-12-01 18:29")).Name())
	require.Equal(t, "Asia/Kolkata", c.ZoneAt(utc(t, "2026-12-01 18:30")).Name())
	require.Equal(t, "America/New_York", c.ZoneAt(utc(t, "2026-12-03 18:30")).Name())
	day, ok := c.NextDay(utc(t, "2026-12-02 12:00"))
	require.True(t, ok)
	require.Equal(t, Day{Interval{utc(t, "2026-12-03 03:30"), utc(t, "2026-12-03 22:00")}, on(t, "2026-12-03")}, day, "a date that comes again is one day")

	night := Layers{
		Hours:   []Hours{workweek(t, "Europe/London", "22:00-06:00")},
		Travels: []Travel{{Zone: place(t, "Asia/Tokyo"), First: on(t, "2026-12-02"), Last: on(t, "2026-12-02")}},
	}
	require.Equal(t, []string{
		"works 30 22:00 01 06:00", "works 01 15:00 01 21:00", "works 02 13:00 02 15:00", "works 02 22:00 03 06:00",
	}, told(t, NewCalendar(night), "2026-11-30 12:00", "2026-12-03 12:00"))
}

// From Auckland to Los Angeles the second of December comes twice, and back the fourth does not come while anybody works.
func TestTravelOverTheDateLine(t *testing.T) {
	t.Parallel()
	l := Layers{
		Hours:   []Hours{workweek(t, "Pacific/Auckland", "09:00-17:00")},
		Travels: []Travel{{Zone: place(t, "America/Los_Angeles"), First: on(t, "2026-12-02"), Last: on(t, "2026-12-03")}},
	}
	start, end := "2026-12-01 12:00", "2026-12-07 12:00"
	require.Equal(t, []string{
		"works 01 20:00 02 04:00", "works 02 17:00 03 01:00", "works 03 17:00 04 01:00", "works 06 20:00 07 04:00",
	}, told(t, NewCalendar(l), start, end))
	due, ok := NewCalendar(l).DeadlineDays(utc(t, start), 2)
	require.True(t, ok)
	require.Equal(t, utc(t, "2026-12-04 01:00"), due, "the second is one working day")

	// A night shift of the first, under way as the travel begins, comes after the second's windows in Auckland.
	l.Hours = []Hours{workweek(t, "Pacific/Auckland", "09:00-17:00", "22:00-06:00")}
	var days []string
	for day := range NewCalendar(l).days(utc(t, start), utc(t, "2026-12-04 12:00")) {
		days = append(days, day.Date.String()[8:]+" "+day.Start.Format("02 15:04")+" "+day.End.Format("02 15:04"))
	}
	require.Equal(t, []string{"02 01 20:00 03 14:00", "03 03 17:00 04 08:00", "04 04 09:00 04 17:00"}, days)

	l.Hours = []Hours{workweek(t, "Pacific/Auckland", "09:00-17:00")}
	l.Overrides = []Override{over(t, "2026-12-02", "10:00-11:00")}
	l.Absences = []Absence{{AllDay: true, First: on(t, "2026-12-03"), Last: on(t, "2026-12-03")}}
	require.Equal(t, []string{
		"works 01 21:00 01 22:00", "works 02 18:00 02 19:00", "away 03 17:00 04 01:00", "works 06 20:00 07 04:00",
	}, told(t, NewCalendar(l), start, end), "an override holds each time that its date comes")
}

func TestADateThatNeverWas(t *testing.T) {
	t.Parallel()
	const start, end = "2011-12-29 16:00", "2011-12-31 12:00"
	l := Layers{Hours: []Hours{workweek(t, "Pacific/Apia", "22:00-06:00")}}
	require.Equal(t, []string{"works 30 08:00 30 16:00"}, told(t, NewCalendar(l), start, end), "Thursday's shift ends in the gap, Friday's begins there")
	l.Holidays = []Holiday{{Date: on(t, "2011-12-30"), Name: "A"}}
	require.Equal(t, []string{"works 30 08:00 30 10:00", "holidayA 30 10:00 30 16:00"}, told(t, NewCalendar(l), start, end))
	l.Overrides = []Override{over(t, "2011-12-30", "09:00-17:00")}
	require.Equal(t, []string{"works 30 08:00 30 10:00"}, told(t, NewCalendar(l), start, end))
	l.Overrides = []Override{over(t, "2011-12-30", "20:00-03:00")}
	require.Equal(t, []string{"works 30 08:00 30 13:00"}, told(t, NewCalendar(l), start, end))
}

func TestBlocksAreWithinWorkingTime(t *testing.T) {
	t.Parallel()
	l := Layers{
		Hours:    []Hours{workweek(t, "Europe/London", "09:00-12:00", "13:00-17:00")},
		Travels:  []Travel{{Zone: place(t, "Europe/Athens"), First: on(t, "2026-12-02"), Last: on(t, "2026-12-02")}},
		Absences: []Absence{{Start: utc(t, "2026-12-01 16:00"), End: utc(t, "2026-12-01 18:00")}},
		Blocks: []Block{
			{Weekly: true, Week: workweek(t, "UTC", "11:00-14:00").Week, First: on(t, "2026-12-01"), Last: on(t, "2026-12-02")},
			{Start: utc(t, "2026-12-01 13:30"), End: utc(t, "2026-12-01 16:30")},
		},
	}
	c := NewCalendar(l)
	require.Equal(t, []string{
		"works 30 09:00 30 12:00", "works 30 13:00 30 17:00",
		"works 01 09:00 01 11:00", "busy 01 11:00 01 12:00", "busy 01 13:00 01 16:00", "away 01 16:00 01 17:00",
		"works 02 07:00 02 09:00", "busy 02 09:00 02 10:00", "busy 02 11:00 02 12:00", "works 02 12:00 02 15:00",
		"works 03 09:00 03 12:00", "works 03 13:00 03 17:00",
	}, told(t, c, "2026-11-30 00:00", "2026-12-04 00:00"))
	due, ok := c.Deadline(utc(t, "2026-12-01 09:00"), 6*time.Hour)
	require.True(t, ok)
	require.Equal(t, utc(t, "2026-12-01 16:00"), due, "blocks take no working time away")
	due, ok = c.DeadlineDays(utc(t, "2026-12-01 00:00"), 1)
	require.True(t, ok)
	require.Equal(t, utc(t, "2026-12-01 16:00"), due, "time off at its end takes of the day")
}

// While somebody is gone all is Off, whatever lies over the hours; before and after nothing changes.
func TestWhoIsGoneDoesNotWork(t *testing.T) {
	t.Parallel()
	hours := func(gone bool, from time.Time) Hours {
		h := workweek(t, "UTC", "09:00-17:00")
		h.From, h.Gone = from, gone
		return h
	}
	left, back := utc(t, "2026-12-02 12:00"), utc(t, "2026-12-09 12:00")
	date := on(t, "2026-12-05")
	special, err := NewOverride(date, []Window{{Start: 9 * 60, End: 10 * 60}})
	require.NoError(t, err)
	l := Layers{
		Hours: []Hours{hours(false, time.Time{})}, Overrides: []Override{special}, Holidays: []Holiday{{Date: date + 2, Name: "Day"}},
		Absences: []Absence{{AllDay: true, First: date + 3, Last: date + 3}},
		Blocks:   []Block{{Start: utc(t, "2026-12-01 00:00"), End: utc(t, "2026-12-12 00:00")}},
	}
	here := NewCalendar(l)
	l.Hours = []Hours{hours(false, time.Time{}), hours(true, left), hours(false, back)}
	gone := NewCalendar(l)
	require.Equal(t, []Stretch{{Interval: Interval{left, back}}}, slices.Collect(gone.Stretches(left, back)))
	for _, other := range []Interval{{utc(t, "2026-11-30 00:00"), left}, {back, utc(t, "2026-12-20 00:00")}} {
		require.Equal(t, slices.Collect(here.Stretches(other.Start, other.End)), slices.Collect(gone.Stretches(other.Start, other.End)))
	}
	require.True(t, gone.ZoneUntil(left).IsZero(), "the zone is the same")
}
