package worktime_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// vectors is docs/vectors/worktime.json. Its instants were derived from the zones' published rules, not from this code.
type vectors struct {
	Version   string           `json:"tzdata_version"`
	Working   []workingVector  `json:"working"`
	Deadlines []deadlineVector `json:"deadlines"`
	Points    []pointVector    `json:"points"`
	HandOvers []handOverVector `json:"hand_overs"`
	Overlaps  []overlapVector  `json:"overlaps"`
}

type layers struct {
	Name    string   `json:"name"`
	Zone    string   `json:"time_zone"`
	Windows []window `json:"windows"`
	Travels []struct {
		Zone string `json:"time_zone"`
		timeOff
	} `json:"travels"`
	Holidays  []string `json:"holidays"`
	Overrides []struct {
		Date    string   `json:"date"`
		Windows []window `json:"windows"`
	} `json:"overrides"`
	TimeOff []timeOff `json:"time_off"`
	Start   time.Time `json:"start_time"`
}

type handOverVector struct {
	Name      string `json:"name"`
	Zone      string `json:"time_zone"`
	Unit      string `json:"unit"`
	Every     int    `json:"every"`
	First     string `json:"first_date"`
	Time      string `json:"time"`
	HandOvers []struct {
		Turn    int       `json:"turn"`
		Instant time.Time `json:"instant"`
	} `json:"hand_overs"`
}

type overlapVector struct {
	Name     string    `json:"name"`
	Members  []layers  `json:"members"`
	Quorum   int       `json:"quorum"`
	Start    time.Time `json:"start_time"`
	End      time.Time `json:"end_time"`
	Overlaps []struct {
		Start   time.Time `json:"start_time"`
		End     time.Time `json:"end_time"`
		Missing []int     `json:"missing"`
	} `json:"overlaps"`
}

type workingVector struct {
	layers
	End     time.Time      `json:"end_time"`
	Working [][2]time.Time `json:"working"`
}

type deadlineVector struct {
	layers
	Minutes int        `json:"working_minutes"`
	Days    int        `json:"working_days"`
	Due     *time.Time `json:"due_time"`
}

type pointVector struct {
	Zone    string    `json:"time_zone"`
	Date    string    `json:"date"`
	Time    string    `json:"time"`
	Instant time.Time `json:"instant"`
}

type window struct {
	Days       []string `json:"days"`
	Start, End string
}

type timeOff struct {
	First string    `json:"first_date"`
	Last  string    `json:"last_date"`
	Start time.Time `json:"start_time"`
	End   time.Time `json:"end_time"`
}

func read(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile("../../docs/vectors/worktime.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

func (l layers) calendar(t *testing.T) *worktime.Calendar {
	t.Helper()
	zone, err := worktime.LoadZone(l.Zone)
	require.NoError(t, err)
	week, err := worktime.NewWeek(windows(t, l.Windows))
	require.NoError(t, err)
	all := worktime.Layers{Hours: []worktime.Hours{{Zone: zone, Week: week}}}
	for _, v := range l.Travels {
		zone, err := worktime.LoadZone(v.Zone)
		require.NoError(t, err)
		all.Travels = append(all.Travels, worktime.Travel{Zone: zone, First: day(t, v.First), Last: day(t, v.Last)})
	}
	for _, date := range l.Holidays {
		all.Holidays = append(all.Holidays, worktime.Holiday{Date: day(t, date), Name: l.Name})
	}
	for _, o := range l.Overrides {
		override, err := worktime.NewOverride(day(t, o.Date), windows(t, o.Windows))
		require.NoError(t, err)
		all.Overrides = append(all.Overrides, override)
	}
	for _, o := range l.TimeOff {
		absence := worktime.Absence{Start: o.Start, End: o.End}
		if o.First != "" {
			absence = worktime.Absence{AllDay: true, First: day(t, o.First), Last: day(t, o.Last)}
		}
		all.Absences = append(all.Absences, absence)
	}
	return worktime.NewCalendar(all)
}

func windows(t *testing.T, all []window) (windows []worktime.Window) {
	t.Helper()
	for _, w := range all {
		var days []time.Weekday
		for _, name := range w.Days {
			day := slices.IndexFunc([]int{0, 1, 2, 3, 4, 5, 6}, func(d int) bool {
				return strings.EqualFold(time.Weekday(d).String(), name)
			})
			require.GreaterOrEqual(t, day, 0, name)
			days = append(days, time.Weekday(day))
		}
		windows = append(windows, worktime.Window{Days: days, Start: clock(t, w.Start), End: clock(t, w.End)})
	}
	return windows
}

func clock(t *testing.T, text string) worktime.Clock {
	t.Helper()
	c, err := worktime.ParseClock(text)
	require.NoError(t, err)
	require.Equal(t, text, c.String())
	return c
}

func day(t *testing.T, text string) worktime.Date {
	t.Helper()
	d, err := worktime.ParseDate(text)
	require.NoError(t, err)
	require.Equal(t, text, d.String())
	return d
}

func TestVectorsOfWorkingTime(t *testing.T) {
	t.Parallel()
	for _, v := range read(t).Working {
		t.Run(v.Zone+"/"+v.Name, func(t *testing.T) {
			t.Parallel()
			got := make([][2]time.Time, 0, len(v.Working))
			for i := range v.calendar(t).Working(v.Start, v.End) {
				got = append(got, [2]time.Time{i.Start, i.End})
			}
			require.Equal(t, v.Working, got)
		})
	}
}

func TestVectorsOfDeadlines(t *testing.T) {
	t.Parallel()
	for _, v := range read(t).Deadlines {
		t.Run(v.Zone+"/"+v.Name, func(t *testing.T) {
			t.Parallel()
			c := v.calendar(t)
			due, ok := c.Deadline(v.Start, time.Duration(v.Minutes)*time.Minute)
			if v.Days > 0 {
				due, ok = c.DeadlineDays(v.Start, v.Days)
			}
			require.Equal(t, v.Due != nil, ok)
			if ok {
				require.Equal(t, *v.Due, due)
			}
		})
	}
}

func TestVectorsOfPointsInTime(t *testing.T) {
	t.Parallel()
	for _, v := range read(t).Points {
		zone, err := worktime.LoadZone(v.Zone)
		require.NoError(t, err)
		require.Equal(t, v.Instant, zone.Instant(day(t, v.Date), clock(t, v.Time)), "%+v", v)
	}
}

func TestVectorsOfHandOvers(t *testing.T) {
	t.Parallel()
	units := map[string]worktime.Unit{"HOUR": worktime.ByHour, "DAY": worktime.ByDay, "WEEK": worktime.ByWeek, "MONTH": worktime.ByMonth}
	for _, v := range read(t).HandOvers {
		zone, err := worktime.LoadZone(v.Zone)
		require.NoError(t, err)
		members := strings.Split("abcdefgh", "")
		r, err := worktime.NewRotation([]worktime.Turns{{
			Members: members, Unit: units[v.Unit], Every: v.Every, Zone: zone, First: day(t, v.First), At: clock(t, v.Time),
		}}, nil)
		require.NoError(t, err)
		next := 0
		for s := range r.Shifts(v.HandOvers[0].Instant, v.HandOvers[len(v.HandOvers)-1].Instant.Add(1)) {
			require.Equal(t, v.HandOvers[next].Instant, s.Start, v.Name)
			require.Equal(t, members[v.HandOvers[next].Turn], s.Members[0], v.Name)
			next++
		}
		require.Len(t, v.HandOvers, next, v.Name)
	}
}

func TestVectorsOfOverlaps(t *testing.T) {
	t.Parallel()
	for _, v := range read(t).Overlaps {
		var calendars []*worktime.Calendar
		for _, member := range v.Members {
			calendars = append(calendars, member.calendar(t))
		}
		next := 0
		for o := range worktime.Overlaps(calendars, v.Start, v.End, v.Quorum, 0) {
			want := v.Overlaps[next]
			require.Equal(t, worktime.Interval{Start: want.Start, End: want.End}, o.Interval, v.Name)
			require.ElementsMatch(t, want.Missing, o.Missing, v.Name)
			next++
		}
		require.Len(t, v.Overlaps, next, v.Name)
	}
}

// The named zones all have their vectors, and all were derived from the database that is carried here.
func TestVectorsNameTheZones(t *testing.T) {
	t.Parallel()
	v := read(t)
	require.Equal(t, worktime.Version(), v.Version)
	working, due, points := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, w := range v.Working {
		working[w.Zone] = true
	}
	for _, d := range v.Deadlines {
		due[d.Zone] = true
	}
	for _, p := range v.Points {
		points[p.Zone] = true
	}
	for _, zone := range []string{
		"America/Santiago", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo", "Asia/Kathmandu",
		"America/Chicago", "Europe/London", "Asia/Kolkata", "Antarctica/Troll",
	} {
		require.True(t, working[zone] && due[zone] && points[zone], zone)
	}
}
