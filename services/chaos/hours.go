//go:build unix

package main

import (
	"time"

	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// hours are working hours that go on and off within minutes, by the real clock, so that a run of minutes sees what takes
// days elsewhere: due times, expiries, deferrals, digests. They are the same every day, in UTC.
type hours struct {
	// on and off are how many minutes follow each other, shift where in that they begin.
	on, off, shift int
}

const (
	minutesADay = 24 * 60
	// mostWindows is below what a schedule may have.
	mostWindows = 45
)

// working says whether a minute of the day is worked in.
func (h hours) working(minute int) bool {
	return (minute+h.shift)%(h.on+h.off) < h.on
}

// windows are those hours around an instant: from a little before it on, for as long as windows suffice, which is longer than
// any run.
func (h hours) windows(now time.Time) []*availabilityv1.WeeklyWindow {
	var all []*availabilityv1.WeeklyWindow
	first := now.UTC().Hour()*60 + now.UTC().Minute() - 2*(h.on+h.off) + minutesADay
	for minute := first; len(all) < mostWindows && minute < first+minutesADay; minute++ {
		if !h.working(minute%minutesADay) || minute > first && h.working((minute-1)%minutesADay) {
			continue
		}
		end := minute
		for h.working(end%minutesADay) && end < minute+h.on {
			end++
		}
		all = append(all, &availabilityv1.WeeklyWindow{Days: everyDay(), StartTime: timeOf(minute), EndTime: timeOf(end)})
	}
	return all
}

func everyDay() []dayofweek.DayOfWeek {
	var days []dayofweek.DayOfWeek
	for day := dayofweek.DayOfWeek_MONDAY; day <= dayofweek.DayOfWeek_SUNDAY; day++ {
		days = append(days, day)
	}
	return days
}

func timeOf(minute int) *timeofday.TimeOfDay {
	minute %= minutesADay
	return &timeofday.TimeOfDay{Hours: int32(minute / 60), Minutes: int32(minute % 60)}
}

// within says whether an instant is within windows that hold every day, in UTC. A window whose end is not after its start ends
// the next day.
func within(windows []*availabilityv1.WeeklyWindow, at time.Time) bool {
	at = at.UTC()
	second := at.Hour()*3600 + at.Minute()*60 + at.Second()
	of := func(t *timeofday.TimeOfDay) int { return int(t.GetHours())*3600 + int(t.GetMinutes())*60 }
	for _, w := range windows {
		start, end := of(w.GetStartTime()), of(w.GetEndTime())
		if end > start && second >= start && second < end || end <= start && (second >= start || second < end) {
			return true
		}
	}
	return false
}
