package worktime

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Window is a stretch of local civil time that repeats on some days of every week.
type Window struct {
	// Days are those on which it starts.
	Days []time.Weekday
	// Start is from 0 to before DayEnd, End from 0 to DayEnd. An end that is not after the start is on the next day.
	Start, End Clock
}

// WindowError says what is wrong with a window.
type WindowError struct {
	// Index is the window's place, Part one of "days", "start" and "end", Rule what holds for it.
	Index      int
	Part, Rule string
}

// Error implements error.
func (e *WindowError) Error() string {
	return "worktime: window " + strconv.Itoa(e.Index) + ": its " + e.Part + " " + e.Rule
}

// Week is a week's windows. The zero Week has none: nobody works.
type Week struct{ days [7][]hours }

// hours are a window's seconds from the midnight of the day it starts on.
type hours struct{ start, end int64 }

// NewWeek makes a week of windows, which may touch and overlap. Its error is a *WindowError.
func NewWeek(windows []Window) (Week, error) {
	var week Week
	for i, w := range windows {
		if err := w.check(i); err != nil {
			return Week{}, err
		}
		for _, day := range w.Days {
			week.days[day] = append(week.days[day], w.hours())
		}
	}
	for _, day := range week.days {
		sortHours(day)
	}
	return week, nil
}

func (w Window) hours() hours {
	h := hours{start: int64(w.Start) * 60, end: int64(w.End) * 60}
	if w.End <= w.Start {
		h.end += daySeconds
	}
	return h
}

func sortHours(day []hours) {
	slices.SortFunc(day, func(a, b hours) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
}

func (w Window) check(i int) error {
	var seen [7]bool
	if len(w.Days) == 0 {
		return &WindowError{i, "days", "must name at least one day"}
	}
	for _, day := range w.Days {
		if day < time.Sunday || day > time.Saturday {
			return &WindowError{i, "days", "must be days of the week"}
		}
		if seen[day] {
			return &WindowError{i, "days", "must not name a day twice"}
		}
		seen[day] = true
	}
	return w.checkTimes(i)
}

func (w Window) checkTimes(i int) error {
	switch {
	case w.Start < 0 || w.Start >= DayEnd:
		return &WindowError{i, "start", "must be from 00:00 to 23:59"}
	case w.End < 0 || w.End > DayEnd:
		return &WindowError{i, "end", "must be from 00:00 to 24:00"}
	}
	return nil
}

// Overlapping are the places of two windows of a week that overlap, the lower first; false where none do. Windows may touch,
// and what is of a night counts on the next day. Windows that name no days are all of one date.
func Overlapping(windows []Window) (first, second int, overlap bool) {
	type placed struct {
		hours
		place int
	}
	const days = 7
	var all []placed
	for i, w := range windows {
		on := w.Days
		if len(on) == 0 {
			on = []time.Weekday{time.Sunday}
		}
		for _, day := range on {
			for _, week := range []int64{0, days} { // the end of one week lies beside the start of the next
				h, offset := w.hours(), (int64(day)+week)*daySeconds
				all = append(all, placed{hours{h.start + offset, h.end + offset}, i})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.start, b.start) })
	for i := 1; i < len(all); i++ {
		if before, next := all[i-1], all[i]; next.start < before.end {
			return min(before.place, next.place), max(before.place, next.place), true
		}
	}
	return 0, 0, false
}
