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
}

type layers struct {
	Name    string    `json:"name"`
	Zone    string    `json:"time_zone"`
	Windows []window  `json:"windows"`
	TimeOff []timeOff `json:"time_off"`
	Start   time.Time `json:"start_time"`
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
	var windows []worktime.Window
	for _, w := range l.Windows {
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
	week, err := worktime.NewWeek(windows)
	require.NoError(t, err)
	var off []worktime.Absence
	for _, o := range l.TimeOff {
		if o.First == "" {
			off = append(off, worktime.Absence{Start: o.Start, End: o.End})
			continue
		}
		off = append(off, worktime.Absence{AllDay: true, First: day(t, o.First), Last: day(t, o.Last)})
	}
	return worktime.NewCalendar(worktime.Layers{Hours: []worktime.Hours{{Zone: zone, Week: week}}, Absences: off})
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

// The named zones all have their vectors, and all were derived from the database that is carried here.
func TestVectorsNameTheZones(t *testing.T) {
	t.Parallel()
	v := read(t)
	require.Equal(t, worktime.Version(), v.Version)
	named := map[string]bool{}
	for _, w := range v.Working {
		named[w.Zone] = true
	}
	for _, zone := range []string{
		"America/Santiago", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo", "Asia/Kathmandu",
		"America/Chicago", "Europe/London", "Asia/Kolkata", "Antarctica/Troll",
	} {
		require.True(t, named[zone], zone)
	}
}
