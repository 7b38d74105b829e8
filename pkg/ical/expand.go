package ical

import (
	"slices"
	"time"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// expansion is a rule walked from a start on. Everything is what clocks show, in seconds as if it were UTC: what changes
// of the clocks make of it is no matter of the rule (RFC 5545 3.3.10).
//
// A period is a year, month, week, day, hour, minute or second as FREQ says. The set of a period is all of its days that
// no BY part excludes, at all of its times that none excludes; so parts that expand and parts that limit are one thing.
// With BYWEEKNO the year is that of weeks, which begins with the week that holds 4 January: week 1 of a year is in that
// year's set with all of its days.
type expansion struct {
	rule
	start int64
	lo    int64
	hi    int64
	// left is how many instances COUNT leaves, below zero for no bound.
	left  int64
	yield func(wall int64) bool
	spend func(n int) bool

	date worktime.Date // of the start
	days []worktime.Date
	near bounds // of the year last asked for
}

// bounds are the first date of a year and that of the next.
type bounds struct {
	year       int
	begin, end worktime.Date
}

// expand yields the instances of a rule from lo until hi, both included, in order. Spend is told of each candidate that
// is looked at, and stops the walk by false, as yield does. What starts off its rule counts as the first of COUNT, though
// it is not yielded.
func (r *rule) expand(start, lo, hi int64, spend func(n int) bool, yield func(wall int64) bool) {
	e := &expansion{rule: *r, start: start, lo: max(lo, start), hi: hi, left: -1, spend: spend, yield: yield}
	e.date = dateOf(start)
	first := e.skip()
	if e.left == 0 {
		return
	}
	e.complete()
	if e.freq < daily {
		e.clockwise(first)
		return
	}
	for k := first; ; k += e.interval {
		begin := e.period(k)
		if int64(begin)*day > e.hi || !e.set(e.times()) {
			return
		}
	}
}

// skip is the first period to look at, in periods from that of the start: the one before that of lo, unless COUNT asks
// for all of them.
func (e *expansion) skip() int64 {
	behind := max(0, e.periods(e.lo)-1) / e.interval
	if e.count == 0 {
		return behind * e.interval
	}
	e.left = e.count
	// Only where each period has just one instance is it known how many a skipped one has.
	if !e.plain() || e.freq > weekly {
		return 0
	}
	behind = min(behind, e.left)
	e.left -= behind
	return behind * e.interval
}

// periods is how many periods after that of the start a wall time is.
func (e *expansion) periods(wall int64) int64 {
	date := dateOf(wall)
	year, month, _ := date.Parts()
	ofYear, ofMonth, _ := e.date.Parts()
	switch e.freq {
	case yearly:
		return int64(year-ofYear) - 1 // years of weeks begin and end elsewhere
	case monthly:
		return int64(year-ofYear)*12 + int64(month-ofMonth)
	case weekly:
		return int64(weekOf(date, e.weekStart)-weekOf(e.date, e.weekStart)) / 7
	case daily:
		return int64(date - e.date)
	default:
		return floor(wall, e.unit()) - floor(e.start, e.unit())
	}
}

// unit is how long a period shorter than a day is.
func (e *expansion) unit() int64 {
	switch e.freq {
	case hourly:
		return hour
	case minutely:
		return minute
	default:
		return 1
	}
}

// complete takes from the start what the rule leaves open.
func (e *expansion) complete() {
	second := e.start - int64(e.date)*day
	if len(e.hours) == 0 && e.freq > hourly {
		e.hours = []int{int(second / hour)}
	}
	if len(e.minutes) == 0 && e.freq > minutely {
		e.minutes = []int{int(second % hour / minute)}
	}
	if len(e.seconds) == 0 && e.freq > secondly {
		e.seconds = []int{int(second % minute)}
	}
	_, month, n := e.date.Parts()
	dayless := len(e.weekdays) == 0 && len(e.monthDays) == 0 && len(e.yearDays) == 0
	switch {
	case e.freq == yearly && len(e.weeks) > 0 && dayless, e.freq == weekly && len(e.weekdays) == 0:
		e.weekdays = []weekday{{day: e.date.Weekday()}}
	case e.freq == yearly && dayless && len(e.months) == 0:
		e.months, e.monthDays = []int{int(month)}, []int{n}
	case (e.freq == yearly || e.freq == monthly) && dayless:
		e.monthDays = []int{n}
	}
}

// period gathers the days of the period at a distance from the first, and says the date it begins on.
func (e *expansion) period(k int64) worktime.Date {
	e.days = e.days[:0]
	year, month, _ := e.date.Parts()
	switch {
	case e.freq == yearly && len(e.weeks) > 0:
		return e.yearOfWeeks(yearOfWeek(e.date, e.weekStart) + int(k))
	case e.freq == yearly:
		for m := time.January; m <= time.December; m++ {
			if begin := firstOf(year+int(k), m); has(e.months, int(m)) {
				e.gather(begin, firstOf(year+int(k), m+1))
			}
		}
		return firstOf(year+int(k), time.January)
	case e.freq == monthly:
		begin := firstOf(year, month+time.Month(k))
		e.gather(begin, firstOf(year, month+time.Month(k)+1))
		return begin
	case e.freq == weekly:
		begin := weekOf(e.date, e.weekStart) + worktime.Date(7*k)
		e.gather(begin, begin+7)
		return begin
	default:
		begin := e.date + worktime.Date(k)
		e.gather(begin, begin+1)
		return begin
	}
}

// yearOfWeeks gathers the days of BYWEEKNO in a year of weeks.
func (e *expansion) yearOfWeeks(year int) worktime.Date {
	begin, end := firstWeek(year, e.weekStart), firstWeek(year+1, e.weekStart)
	count := int(end-begin) / 7
	for n := 1; n <= count; n++ {
		if has(e.weeks, n) || has(e.weeks, n-count-1) {
			monday := begin + worktime.Date(7*(n-1))
			e.gather(monday, monday+7)
		}
	}
	return begin
}

// gather adds the days from one until before another that no part of the rule excludes.
func (e *expansion) gather(from, until worktime.Date) {
	if !e.spend(int(until - from)) {
		return
	}
	for d := from; d < until; d++ {
		if e.matches(d) {
			e.days = append(e.days, d)
		}
	}
}

// matches says whether no part of the rule excludes a date.
func (e *expansion) matches(d worktime.Date) bool {
	year, month, n := d.Parts()
	if len(e.months) > 0 && !has(e.months, int(month)) {
		return false
	}
	if len(e.monthDays) > 0 {
		length := int(firstOf(year, month+1) - firstOf(year, month))
		if !has(e.monthDays, n) && !has(e.monthDays, n-length-1) {
			return false
		}
	}
	if len(e.yearDays) > 0 {
		whole := e.bounds(year)
		if !has(e.yearDays, int(d-whole.begin)+1) && !has(e.yearDays, int(d-whole.end)) {
			return false
		}
	}
	return len(e.weekdays) == 0 || e.onWeekday(d, year, month)
}

// onWeekday says whether BYDAY has a date. Its numbers count within the month, or within the year of a yearly rule
// without BYMONTH.
func (e *expansion) onWeekday(d worktime.Date, year int, month time.Month) bool {
	on := d.Weekday()
	if _, every := slices.BinarySearchFunc(e.weekdays, weekday{day: on}, byWeekday); every {
		return true
	}
	if e.freq < monthly {
		return false
	}
	whole := e.bounds(year)
	if e.freq == monthly || len(e.months) > 0 {
		whole.begin, whole.end = firstOf(year, month), firstOf(year, month+1)
	}
	_, front := slices.BinarySearchFunc(e.weekdays, weekday{day: on, n: int(d-whole.begin)/7 + 1}, byWeekday)
	_, back := slices.BinarySearchFunc(e.weekdays, weekday{day: on, n: -int(whole.end-1-d)/7 - 1}, byWeekday)
	return front || back
}

func (e *expansion) bounds(year int) bounds {
	if e.near.year != year || e.near.begin == e.near.end {
		e.near = bounds{year, firstOf(year, time.January), firstOf(year+1, time.January)}
	}
	return e.near
}

// has says whether a sorted list has a value. A list that names nothing has all.
func has(list []int, n int) bool {
	if len(list) == 0 {
		return true
	}
	_, found := slices.BinarySearch(list, n)
	return found
}

// firstOf is the first date of a month, which may be past the end of its year.
func firstOf(year int, month time.Month) worktime.Date {
	months := year*12 + int(month) - 1
	date, _ := worktime.NewDate(int(floor(int64(months), 12)), time.Month(months-int(floor(int64(months), 12))*12+1), 1)
	return date
}

// weekOf is the first date of the week that a date is in.
func weekOf(d worktime.Date, start time.Weekday) worktime.Date {
	return d - worktime.Date((d.Weekday()-start+7)%7)
}

// firstWeek is the first date of week 1 of a year: the first week with four days or more in it.
func firstWeek(year int, start time.Weekday) worktime.Date {
	return weekOf(firstOf(year, time.January)+3, start)
}

// yearOfWeek is the year of weeks that a date is in.
func yearOfWeek(d worktime.Date, start time.Weekday) int {
	year, _, _ := d.Parts()
	switch {
	case d < firstWeek(year, start):
		return year - 1
	case d >= firstWeek(year+1, start):
		return year + 1
	default:
		return year
	}
}

func dateOf(wall int64) worktime.Date { return worktime.Date(floor(wall, day)) }

// floor is the quotient, down also below zero.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
