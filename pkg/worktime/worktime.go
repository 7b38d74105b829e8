// Package worktime is the arithmetic of working time: weekly hours of local civil time, in a zone, with travel, holidays and
// time off, made into instants. It is the one place of Meridian that turns wall time into instants.
//
// It promises that every replica reckons alike, because it carries the zone files itself (Version) and never asks the
// system for them; that intervals are half-open, merged, in order and never empty; and these rules for a wall time that a
// change of the clocks skips or repeats. As the start of a window it stands for the first instant at which clocks show it
// or more: inside a gap that is the first instant after the gap, of a repeated hour its first occurrence. As the end of a
// window it stands for the last instant at which clocks show it or less: inside a gap again the first instant after the
// gap, of a repeated hour its last occurrence. As a point in time (Zone.Instant) it is as a start. So a night shift over
// the change is shorter in spring and longer in autumn, and a day that never was has no working time of its own. (RFC 5545
// 3.3.5 reads a time in a gap with the offset before the gap; that is for its values alone, because a window must never
// end before it starts.)
//
// # Layers
//
// A calendar is layers, each on those before it: the weekly hours in force at an instant, in the zone in force; less
// holidays; with the windows of an override's date replaced, a holiday's too; less time off. Blocks take nothing away:
// they make working time uninterruptible. An interval follows from the layers alone, never from the range that was asked
// for, which only clips it. What is Known of a layer clips it to the time in which it was known, so that the past stays as
// it was whatever is set, changed or taken back.
//
// Zones come in periods. Hours are in force from an instant; a travel from the first instant of its first date in its own
// zone until the first instant after its last date there, with the weekly hours as they are but local to its zone. At the
// edge of a period windows are cut: of a night shift under way at home what is after the edge is not worked, and of one
// that would have begun before the edge in the other zone what is after it is worked. A date may therefore come twice, in
// two zones: its windows, holiday and override hold each time, and it is one working day. Or it does not come at all, or in
// part: then what of its windows is outside the period is not worked.
//
// A window belongs to the date that it starts on. So a holiday or an override of a date leaves the night shift that began
// the day before as it is, and takes or replaces the whole of the one that begins that day. It holds in whatever zone the
// date comes. For a date that never was (Pacific/Apia, 2011-12-30) the rules for wall time hold: its windows are empty, but
// for what of a night shift is after the gap, which an override or a holiday of that date takes away. Time off in whole
// dates is from midnight to midnight in the zone in force instead, and so parts a night shift.
//
// # Many
//
// Overlaps, LeastBad, Cover and SuggestHandoff look at many calendars at once, which they name by their places. Working time
// there is all of it, uninterruptible or not, but for the live overlap of a handoff. A Rotation says who is on; its hand-overs
// are points in time.
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
	d := Date(days(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()))
	y, m, n := d.Parts()
	return d, y == year && m == month && n == day
}

// ParseDate reads a date such as 2026-12-01.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("worktime: %q is no date such as 2026-12-01", text)
	}
	return Date(days(t.Unix())), nil
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

// days are the whole days in seconds, down also below zero.
func days(seconds int64) int64 {
	q := seconds / daySeconds
	if seconds%daySeconds < 0 {
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
		merged = join(merged, i)
	}
	return merged
}

// join adds an interval, which starts no earlier than the last one, to that where it touches or overlaps it.
func join(all []Interval, next Interval) []Interval {
	if n := len(all); n > 0 && !next.Start.After(all[n-1].End) {
		all[n-1].End = later(all[n-1].End, next.End)
		return all
	}
	return append(all, next)
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
