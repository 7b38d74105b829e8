package ical

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// frequency is FREQ, from the shortest period on.
type frequency int

const (
	secondly frequency = iota
	minutely
	hourly
	daily
	weekly
	monthly
	yearly
)

// rule is a recurrence rule, RFC 5545 3.3.10. Its lists are sorted and hold no value twice; those that name nothing are
// empty.
type rule struct {
	freq     frequency
	interval int64
	// count is how many instances there are, 0 for no bound.
	count int64
	// until is the last instant at which one may be; nil for no bound.
	until *moment

	seconds, minutes, hours []int
	monthDays, yearDays     []int
	weeks, months           []int
	positions               []int
	weekdays                []weekday
	weekStart               time.Weekday
	line                    int
}

// weekday is a day of BYDAY: the n-th of its period, from its end for n below zero, or every one for 0.
type weekday struct {
	n   int
	day time.Weekday
}

func byWeekday(a, b weekday) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.n, b.n)) }

// parseRule reads an RRULE of something that starts at a date or time with the form. Parts may stand in any order; an
// empty part is skipped, as some producers end a rule with a semicolon.
func parseRule(text string, start form) (*rule, error) {
	r := &rule{freq: -1, interval: 1, weekStart: time.Monday}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, _ := strings.Cut(strings.ToUpper(part), "=")
		if seen[name] {
			return nil, refuse("RRULE "+shown(name), "must stand once")
		}
		seen[name] = true
		if err := r.set(name, value); err != nil {
			return nil, err
		}
	}
	if start == isDate {
		// RFC 5545 3.3.10: these are ignored where DTSTART is a DATE.
		r.seconds, r.minutes, r.hours = nil, nil, nil
	}
	if err := r.check(start); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *rule) set(name, value string) (err error) {
	switch name {
	case "FREQ":
		names := []string{"SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
		if r.freq = frequency(slices.Index(names, value)); r.freq < 0 {
			return refuse("RRULE FREQ", "must be one of "+strings.Join(names, ", "))
		}
	case "INTERVAL":
		r.interval, err = positive(name, value)
	case "COUNT":
		r.count, err = positive(name, value)
	case "UNTIL":
		until, err := parseMoment("RRULE UNTIL", value, nil)
		r.until = &until
		return err
	case "WKST":
		var ok bool
		if r.weekStart, ok = parseWeekday(value); !ok {
			return refuse("RRULE WKST", "must be a day such as MO")
		}
	case "BYSECOND":
		r.seconds, err = numbers(name, value, 0, 60)
		for i, s := range r.seconds {
			r.seconds[i] = min(s, 59) // a leap second counts as the one before it, RFC 5545 3.3.12
		}
		r.seconds = slices.Compact(r.seconds)
	case "BYMINUTE":
		r.minutes, err = numbers(name, value, 0, 59)
	case "BYHOUR":
		r.hours, err = numbers(name, value, 0, 23)
	case "BYDAY":
		return r.setWeekdays(value)
	case "BYMONTHDAY":
		r.monthDays, err = numbers(name, value, -31, 31)
	case "BYYEARDAY":
		r.yearDays, err = numbers(name, value, -366, 366)
	case "BYWEEKNO":
		r.weeks, err = numbers(name, value, -53, 53)
	case "BYMONTH":
		r.months, err = numbers(name, value, 1, 12)
	case "BYSETPOS":
		r.positions, err = numbers(name, value, -366, 366)
	default:
		return refuse("RRULE", "has a part that is not known: "+shown(name))
	}
	return err
}

func (r *rule) setWeekdays(value string) error {
	for text := range strings.SplitSeq(value, ",") {
		text = strings.TrimSpace(text)
		var d weekday
		ok := len(text) >= len("MO")
		if ok {
			d.day, ok = parseWeekday(text[len(text)-2:])
		}
		if n := strings.TrimPrefix(text[:max(len(text)-2, 0)], "+"); ok && n != "" {
			var err error
			d.n, err = strconv.Atoi(n)
			ok = err == nil && d.n != 0 && d.n >= -53 && d.n <= 53
		}
		if !ok {
			return refuse("RRULE BYDAY", "must be days such as MO or -1SU, and is "+shown(value))
		}
		r.weekdays = append(r.weekdays, d)
	}
	slices.SortFunc(r.weekdays, byWeekday)
	r.weekdays = slices.Compact(r.weekdays)
	return nil
}

func parseWeekday(text string) (time.Weekday, bool) {
	i := slices.Index([]string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}, text)
	return time.Weekday(i), i >= 0
}

func positive(name, value string) (int64, error) {
	n, ok := digits(value)
	if !ok || n < 1 {
		return 0, refuse("RRULE "+name, "must be from 1 to 999999999, and is "+shown(value))
	}
	return n, nil
}

// numbers reads a list of them between two bounds; 0 is none where they may be below zero.
func numbers(name, value string, least, most int) ([]int, error) {
	var all []int
	for text := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < least || n > most || n == 0 && least < 0 {
			rule := "must be from " + strconv.Itoa(least) + " to " + strconv.Itoa(most)
			if least < 0 {
				rule += " and not 0"
			}
			return nil, refuse("RRULE "+name, rule+", and is "+shown(value))
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// check refuses what RFC 5545 3.3.10 says must not be, so that no rule is guessed at.
func (r *rule) check(start form) error {
	ordinal := slices.ContainsFunc(r.weekdays, func(d weekday) bool { return d.n != 0 })
	switch {
	case r.freq < 0:
		return refuse("RRULE FREQ", "must be there")
	case start == isDate && r.freq < daily:
		return refuse("RRULE FREQ", "must be DAILY or longer where DTSTART is a DATE")
	case len(r.weeks) > 0 && r.freq != yearly:
		return refuse("RRULE BYWEEKNO", "must stand with FREQ=YEARLY alone")
	case len(r.yearDays) > 0 && (r.freq == daily || r.freq == weekly || r.freq == monthly):
		return refuse("RRULE BYYEARDAY", "must not stand with FREQ=DAILY, WEEKLY or MONTHLY")
	case len(r.monthDays) > 0 && r.freq == weekly:
		return refuse("RRULE BYMONTHDAY", "must not stand with FREQ=WEEKLY")
	case ordinal && r.freq != monthly && r.freq != yearly:
		return refuse("RRULE BYDAY", "must have numbers with FREQ=MONTHLY and YEARLY alone")
	case ordinal && len(r.weeks) > 0:
		return refuse("RRULE BYDAY", "must not have numbers with BYWEEKNO")
	}
	return nil
}

// plain says that a rule has none of the parts that begin with BY.
func (r *rule) plain() bool {
	return len(r.seconds)+len(r.minutes)+len(r.hours)+len(r.weekdays)+len(r.monthDays)+len(r.yearDays)+len(r.weeks)+
		len(r.months)+len(r.positions) == 0
}
