package ical

import (
	"strconv"
	"strings"
	"time"

	"github.com/meridianhq/meridian/pkg/worktime"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
	week   = 7 * day
)

// form is what a date or time is in terms of.
type form uint8

const (
	isDate     form = iota // a whole local date
	isFloating             // local time of whoever looks
	isUTC
	isLocal // local time of a zone
)

// moment is a DATE or DATE-TIME, RFC 5545 3.3.4 and 3.3.5.
type moment struct {
	// wall is what clocks show, in seconds as if it were UTC.
	wall int64
	zone *tzid // of isLocal alone
	form form
}

// parseMoment reads a value. The zone is the one of the property's TZID, nil without one.
func parseMoment(name, text string, zone *tzid) (moment, error) {
	const dateForm, timeForm = "20060102", "20060102T150405"
	var m moment
	switch {
	case len(text) == len(dateForm):
		m.form = isDate
	case len(text) == len(timeForm)+1 && (text[len(timeForm)] == 'Z' || text[len(timeForm)] == 'z'):
		m.form, text = isUTC, text[:len(timeForm)]
	case len(text) == len(timeForm) && zone != nil:
		m.form, m.zone = isLocal, zone
	case len(text) == len(timeForm):
		m.form = isFloating
	default:
		return m, refuse(name, "must be a date such as 20261201 or a time such as 20261201T090000, and is "+shown(text))
	}
	date, ok := parseDate(text[:len(dateForm)])
	if !ok {
		return m, refuse(name, "must be on a date that exists, and is "+shown(text))
	}
	m.wall = int64(date) * day
	if m.form == isDate {
		return m, nil
	}
	clock := text[len(dateForm):]
	h, hok := digits(clock[1:3])
	n, nok := digits(clock[3:5])
	s, sok := digits(clock[5:7])
	if clock[0] != 'T' && clock[0] != 't' || !hok || !nok || !sok || h > 23 || n > 59 || s > 60 {
		return m, refuse(name, "must be at a time of day from 000000 to 235960, and is "+shown(text))
	}
	m.wall += h*hour + n*minute + min(s, 59) // a leap second counts as the one before it, RFC 5545 3.3.12
	return m, nil
}

func parseDate(text string) (worktime.Date, bool) {
	year, yok := digits(text[:4])
	month, mok := digits(text[4:6])
	n, nok := digits(text[6:8])
	if !yok || !mok || !nok {
		return 0, false
	}
	return worktime.NewDate(int(year), time.Month(month), int(n))
}

// digits is the number that a text of digits alone stands for. It has at most nine of them.
func digits(text string) (int64, bool) {
	const most = 9
	if text == "" || len(text) > most {
		return 0, false
	}
	var n int64
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(text[i]-'0')
	}
	return n, true
}

// length is how long something lasts.
type length struct {
	// days are nominal: so many dates on. seconds are exact.
	days, seconds int64
}

// longestDays bounds a length: about a century.
const longestDays = 36_525

// parseDuration reads a DURATION, RFC 5545 3.3.6, which may not be negative here.
func parseDuration(name, text string) (length, error) {
	var l length
	malformed := refuse(name, "must be a duration such as P1D or PT1H30M, and is "+shown(text))
	rest, ok := strings.CutPrefix(strings.ToUpper(strings.TrimPrefix(text, "+")), "P")
	if !ok || rest == "" {
		if strings.HasPrefix(text, "-") {
			return l, refuse(name, "must not be negative")
		}
		return l, malformed
	}
	dates, clock, timed := strings.Cut(rest, "T")
	if timed && clock == "" {
		return l, malformed
	}
	units := map[byte]int64{'W': week, 'D': day}
	for _, part := range []string{dates, clock} {
		for part != "" {
			end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
			if end < 1 || units[part[end]] == 0 {
				return l, malformed
			}
			n, ok := digits(part[:end])
			if unit := units[part[end]]; !ok || n > longestDays*day/unit {
				return l, refuse(name, "must be at most "+strconv.Itoa(longestDays)+" days")
			} else if unit >= day {
				l.days += n * unit / day
			} else {
				l.seconds += n * unit
			}
			delete(units, part[end])
			part = part[end+1:]
		}
		units = map[byte]int64{'H': hour, 'M': minute, 'S': 1}
	}
	return l, nil
}

// parseOffset reads a UTC-OFFSET, RFC 5545 3.3.14, in seconds.
func parseOffset(name, text string) (int64, error) {
	if len(text) == len("+0100") || len(text) == len("+013015") {
		h, hok := digits(text[1:3])
		m, mok := digits(text[3:5])
		s, sok := int64(0), true
		if len(text) > len("+0100") {
			s, sok = digits(text[5:7])
		}
		if hok && mok && sok && h < 24 && m < 60 && s < 60 {
			switch text[0] {
			case '+':
				return h*hour + m*minute + s, nil
			case '-':
				return -(h*hour + m*minute + s), nil
			}
		}
	}
	return 0, refuse(name, "must be an offset such as +0100, and is "+shown(text))
}
