package domain

import (
	"strconv"
	"time"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// The limits of what may be asked for and written.
const (
	// MaxStanding is how many schedules, layers, times off and delegations a member may have that are not over, all together;
	// each weekly window of a focus block counts.
	MaxStanding = 2000
	// MaxWindows is how many windows a week may have.
	MaxWindows = 50
	// MaxRange is the longest range of a query.
	MaxRange = 366 * 24 * time.Hour
	// MaxMemberDays bounds a query's members times days.
	MaxMemberDays = 40_000
	// MaxIntervals bounds the intervals of an answer, so that it fits into a message whatever the schedules are.
	MaxIntervals = 150_000
	// MaxTimeOffDays is the longest time off.
	MaxTimeOffDays = 1096
	// MaxLayerDays is the longest travel, and the longest focus block between two times.
	MaxLayerDays = 366
	// MaxLayerName is the longest name of a focus block, in characters.
	MaxLayerName = 200
	// MaxNote is the longest note on a time off, in characters.
	MaxNote = 2000
	// MaxWorkingTime, MaxWorkingDays and MaxElapsedTime are the longest windows.
	MaxWorkingTime = 2000 * time.Hour
	MaxWorkingDays = 60
	MaxElapsedTime = 366 * 24 * time.Hour
	// MaxCalendars is how many calendars a member may have, MaxCalendarName the longest name of one, in characters.
	MaxCalendars    = 20
	MaxCalendarName = 100
	// MaxBusyTimes is how many busy times of a calendar are kept, MaxTitle how many characters of a title.
	MaxBusyTimes = 20_000
	MaxTitle     = 200
	// MaxSource is the largest file that is kept, in bytes, once it is reduced to what decides when it is busy.
	MaxSource = 4_000_000
	// BusyHorizon is how far ahead busy times are known.
	BusyHorizon = 400 * 24 * time.Hour
	// FetchEvery is how often a calendar is fetched. After a failure the pause is FirstPause, and twice as long after each
	// further one, up to LongestPause. RefreshPause is between two fetches that are asked for.
	FetchEvery   = time.Hour
	FirstPause   = 5 * time.Minute
	LongestPause = 24 * time.Hour
	RefreshPause = time.Minute
	// MaxFeeds is how many calendar feeds a member or a team may have. They tell from FeedBack ago to FeedAhead.
	MaxFeeds  = 20
	FeedBack  = 28 * 24 * time.Hour
	FeedAhead = 180 * 24 * time.Hour
)

// firstYear and lastYear bound the years that are reckoned in: beyond the last, what is derived might not be an instant
// that the API can say.
const (
	firstYear = 1900
	lastYear  = 8999
)

const inYears = "must be from the year 1900 to the year 8999"

// CheckInstant refuses an instant that is too far away to be reckoned with.
func CheckInstant(field string, at time.Time) error {
	if year := at.UTC().Year(); year < firstYear || year > lastYear {
		return fault.InvalidField(field, inYears)
	}
	return nil
}

// CheckDate refuses a date that is too far away to be reckoned with.
func CheckDate(field string, date worktime.Date) error {
	if year, _, _ := date.Parts(); year < firstYear || year > lastYear {
		return fault.InvalidField(field, inYears)
	}
	return nil
}

// CheckRange refuses a range that is empty, too long, or too long for so many members.
func CheckRange(start, end time.Time, members int) error {
	if err := CheckInstant("start_time", start); err != nil {
		return err
	}
	if err := CheckInstant("end_time", end); err != nil {
		return err
	}
	switch length := end.Sub(start); {
	case length <= 0:
		return fault.InvalidField("end_time", "must be after start_time")
	case length > MaxRange:
		return fault.InvalidField("end_time", "must be at most 366 days after start_time")
	case length.Hours()*float64(members) > MaxMemberDays*24:
		return fault.InvalidField("members", "must be at most 40000 members times days together with the range: "+
			strconv.Itoa(members)+" members are too many")
	}
	return nil
}

// CheckWindow refuses a response window that says nothing, or that is out of its bounds.
func CheckWindow(field string, w window.Window) error {
	switch {
	case w.None():
		return fault.InvalidField(field, "must say how long, in one of its three ways")
	case w.Unit == window.WorkingTime && (w.Time < 0 || w.Time > MaxWorkingTime):
		return fault.InvalidField(field+".working_time", "must be from 0 to 2000 hours")
	case w.Unit == window.WorkingDays && (w.Days < 1 || w.Days > MaxWorkingDays):
		return fault.InvalidField(field+".working_days", "must be from 1 to 60")
	case w.Unit == window.ElapsedTime && (w.Time < 0 || w.Time > MaxElapsedTime):
		return fault.InvalidField(field+".elapsed_time", "must be from 0 to 366 days")
	}
	return nil
}
