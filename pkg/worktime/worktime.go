// Package worktime is the arithmetic of working time: weekly hours of local civil time, in a zone, with time off, made
// into instants. It is the one place of Meridian that turns wall time into instants.
//
// It promises that every replica reckons alike, because it carries the zone files itself (Version) and never asks the
// system for them; that intervals are half-open, merged, in order and never empty; and these rules for a wall time that a
// change of the clocks skips or repeats. As the start of a window it stands for the first instant at which clocks show it
// or more: inside a gap that is the first instant after the gap, of a repeated hour its first occurrence. As the end of a
// window it stands for the last instant at which clocks show it or less: inside a gap again the first instant after the
// gap, of a repeated hour its last occurrence. As a point in time (Zone.Instant) it is as a start. So a night shift over
// the change is shorter in spring and longer in autumn, and a day that never was has no working time of its own.
//
// A calendar is layers: the hours in force at an instant, less time off. An interval follows from the layers alone, never
// from the range that was asked for, which only clips it.
package worktime

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// Horizon is how far ahead a calendar looks for working time: what does not come about within it does not come about.
const Horizon = 90 * 24 * time.Hour

// Clock is a local time of day in minutes from midnight: from 0 to DayEnd.
type Clock int

// DayEnd is 24:00, which only an end can be.
const DayEnd Clock = 24 * 60

// String writes it as 09:00.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// ParseClock reads what String writes.
func ParseClock(text string) (Clock, error) {
	if len(text) == len("09:00") && text[2] == ':' {
		hour, hourErr := strconv.ParseUint(text[:2], 10, 8)
		minute, minuteErr := strconv.ParseUint(text[3:], 10, 8)
		c := Clock(hour*60 + minute)
		if hourErr == nil && minuteErr == nil && minute < 60 && c <= DayEnd {
			return c, nil
		}
	}
	return 0, fmt.Errorf("worktime: %q is no time of day such as 09:00", text)
}

// Date is a local date: days from 1970-01-01, so that dates compare and count as numbers do.
type Date int

const daySeconds = 24 * 60 * 60

// NewDate is the date of a year, month and day; false for what is none, such as 30 February.
func NewDate(year int, month time.Month, day int) (Date, bool) {
	d := Date(floor(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix(), daySeconds))
	y, m, n := d.Parts()
	return d, y == year && m == month && n == day
}

// ParseDate reads a date such as 2026-12-01.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("worktime: %q is no date such as 2026-12-01", text)
	}
	return Date(floor(t.Unix(), daySeconds)), nil
}

// Parts are the year, the month and the day.
func (d Date) Parts() (year int, month time.Month, day int) {
	return time.Unix(int64(d)*daySeconds, 0).UTC().Date()
}

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday {
	const thursday = 4 // 1970-01-01
	return time.Weekday(((int(d)+thursday)%7 + 7) % 7)
}

// String writes it as 2026-12-01.
func (d Date) String() string {
	year, month, day := d.Parts()
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// floor divides, down also below zero.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Interval is the time from Start until before End. It is never empty.
type Interval struct{ Start, End time.Time }

// Length is how long it is.
func (i Interval) Length() time.Duration { return i.End.Sub(i.Start) }

// clip is the part of the interval from lo until before hi; false when there is none. A zero bound is none.
func (i Interval) clip(lo, hi time.Time) (Interval, bool) {
	if !lo.IsZero() {
		i.Start = later(i.Start, lo)
	}
	if !hi.IsZero() {
		i.End = earlier(i.End, hi)
	}
	return i, i.Start.Before(i.End)
}

// merge joins intervals that touch or overlap. They are in the order of their starts.
func merge(all []Interval) []Interval {
	var merged []Interval
	for _, i := range all {
		if n := len(merged); n > 0 && !i.Start.After(merged[n-1].End) {
			merged[n-1].End = later(merged[n-1].End, i.End)
			continue
		}
		merged = append(merged, i)
	}
	return merged
}

func byStart(a, b Interval) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
