package ical_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// literal is a rule as its words in RFC 5545 3.3.10 read, to be asked of every single time.
type literal struct {
	freq            string
	lists           map[string][]string
	interval, count int
	weekStart       time.Weekday
	start           time.Time
	dated           bool
}

func newLiteral(freq string, parts []string, start time.Time) *literal {
	l := &literal{freq: freq, lists: map[string][]string{}, interval: 1, weekStart: time.Monday, start: start}
	for _, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "INTERVAL":
			l.interval, _ = strconv.Atoi(value)
		case "COUNT":
			l.count, _ = strconv.Atoi(value)
		case "WKST":
			l.weekStart = dayNamed(value)
		default:
			l.lists[name] = strings.Split(value, ",")
		}
	}
	l.dated = l.lists["BYDAY"] != nil || l.lists["BYMONTHDAY"] != nil || l.lists["BYYEARDAY"] != nil
	return l
}

func dayNamed(name string) time.Weekday {
	return time.Weekday(strings.Index("SUMOTUWETHFRSA", name) / 2)
}

// week is the year and number of the week that a time is in, and how many weeks that year has.
func (l *literal) week(t time.Time) (year, n, of int) {
	fourth := func(t time.Time) time.Time { return t.AddDate(0, 0, 3-int(t.Weekday()-l.weekStart+7)%7) }
	middle := fourth(t)
	last := fourth(time.Date(middle.Year(), 12, 28, 0, 0, 0, 0, time.UTC))
	return middle.Year(), (middle.YearDay()-1)/7 + 1, (last.YearDay()-1)/7 + 1
}

// period is the number of the period that a time is in.
func (l *literal) period(t time.Time) int {
	days := func(t time.Time) int { return int(t.Unix()) / 86400 }
	switch l.freq {
	case "YEARLY":
		if l.lists["BYWEEKNO"] != nil {
			year, _, _ := l.week(t)
			return year
		}
		return t.Year()
	case "MONTHLY":
		return t.Year()*12 + int(t.Month())
	case "WEEKLY":
		return (days(t) - int(t.Weekday()-l.weekStart+7)%7 + 7000) / 7
	case "DAILY":
		return days(t)
	case "HOURLY":
		return int(t.Unix()) / 3600
	case "MINUTELY":
		return int(t.Unix()) / 60
	default:
		return int(t.Unix())
	}
}

// allows says whether a list, if there is one, has a number, from the front or from the back of so many.
func (l *literal) allows(list string, n, of int) bool {
	values := l.lists[list]
	return values == nil || slices.Contains(values, strconv.Itoa(n)) || of > 0 && slices.Contains(values, strconv.Itoa(n-of-1))
}

func (l *literal) allowsWeekday(t time.Time) bool {
	if l.lists["BYDAY"] == nil {
		return true
	}
	first, after := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC), time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	if l.freq == "YEARLY" && l.lists["BYMONTH"] == nil {
		first, after = time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC), time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	n, of := 0, 0
	for d := first; d.Before(after); d = d.AddDate(0, 0, 1) {
		if d.Weekday() == t.Weekday() {
			of++
			if !d.After(t) {
				n++
			}
		}
	}
	for _, value := range l.lists["BYDAY"] {
		name := value[len(value)-2:]
		number, _ := strconv.Atoi(strings.TrimSuffix(value, name))
		if dayNamed(name) == t.Weekday() && (number == 0 || number == n || number == n-of-1) {
			return true
		}
	}
	return false
}

// in says whether a time is in the set of its period.
func (l *literal) in(t time.Time) bool {
	sub := l.freq == "HOURLY" || l.freq == "MINUTELY" || l.freq == "SECONDLY"
	monthLength := time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	yearLength := time.Date(t.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
	_, week, weeks := l.week(t)
	if !l.allows("BYMONTH", int(t.Month()), 0) || !l.allows("BYMONTHDAY", t.Day(), monthLength) ||
		!l.allows("BYYEARDAY", t.YearDay(), yearLength) || !l.allows("BYWEEKNO", week, weeks) || !l.allowsWeekday(t) ||
		!l.allows("BYHOUR", t.Hour(), 0) || !l.allows("BYMINUTE", t.Minute(), 0) || !l.allows("BYSECOND", t.Second(), 0) {
		return false
	}
	// What the rule leaves open is as in the start.
	switch {
	case l.dated || l.freq == "DAILY" || sub:
	case l.freq == "WEEKLY" || l.lists["BYWEEKNO"] != nil:
		if t.Weekday() != l.start.Weekday() {
			return false
		}
	case t.Day() != l.start.Day(), l.freq == "YEARLY" && l.lists["BYMONTH"] == nil && t.Month() != l.start.Month():
		return false
	}
	return (l.lists["BYHOUR"] != nil || sub || t.Hour() == l.start.Hour()) &&
		(l.lists["BYMINUTE"] != nil || sub && l.freq != "HOURLY" || t.Minute() == l.start.Minute()) &&
		(l.lists["BYSECOND"] != nil || l.freq == "SECONDLY" || t.Second() == l.start.Second())
}

// instances are those from the start until before an end, the start among them.
func (l *literal) instances(end time.Time) []time.Time {
	found := []time.Time{l.start}
	first, count := l.period(l.start), 0
	var set []time.Time
	flush := func() {
		for i, t := range set {
			if positions := l.lists["BYSETPOS"]; positions != nil && !l.allows("BYSETPOS", i+1, len(set)) {
				continue
			}
			if t.Before(l.start) || !t.Before(end) {
				continue
			}
			if count == 0 && !t.Equal(l.start) {
				count++ // the start counts, also off its rule
			}
			if count++; l.count > 0 && count > l.count {
				return
			}
			if !t.Equal(l.start) {
				found = append(found, t)
			}
		}
		set = nil
	}
	current := -1 << 60
	for t := range l.times(end) {
		if p := l.period(t); p != current {
			flush()
			current = p
		}
		if (current-first)%l.interval == 0 && l.in(t) {
			set = append(set, t)
		}
	}
	flush()
	return found
}

// times are all that could be in a set, of the first period and on, with all of the last.
func (l *literal) times(end time.Time) func(func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		if l.freq == "HOURLY" || l.freq == "MINUTELY" || l.freq == "SECONDLY" {
			for t := l.start.Truncate(time.Hour); t.Before(end.Add(time.Hour)); t = t.Add(time.Second) {
				if !yield(t) {
					return
				}
			}
			return
		}
		clock := func(list string, n int) []int {
			numbers := []int{n}
			for i, value := range l.lists[list] {
				if i == 0 {
					numbers = nil
				}
				n, _ := strconv.Atoi(value)
				numbers = append(numbers, n)
			}
			slices.Sort(numbers)
			return slices.Compact(numbers)
		}
		hours, minutes, seconds := clock("BYHOUR", l.start.Hour()), clock("BYMINUTE", l.start.Minute()), clock("BYSECOND", l.start.Second())
		for d := l.start.AddDate(0, 0, -375).Truncate(24 * time.Hour); d.Before(end.AddDate(0, 0, 375)); d = d.AddDate(0, 0, 1) {
			for _, h := range hours {
				for _, m := range minutes {
					for _, s := range seconds {
						if !yield(d.Add(time.Duration(h*3600+m*60+s) * time.Second)) {
							return
						}
					}
				}
			}
		}
	}
}

// Every rule gives just those times that its words allow, asked one by one; also from the middle of it on.
func TestRulesByTheirWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		freq, parts, start := drawnRule(t)
		start = start.AddDate(2, 0, 0) // so that periods count up from above zero
		rule := strings.Join(append([]string{"FREQ=" + freq}, parts...), ";")
		reach := min(span(freq), map[string]time.Duration{"HOURLY": 30 * time.Hour, "MINUTELY": 6 * time.Hour}[freq]+span(freq)/24)
		if freq != "HOURLY" && freq != "MINUTELY" {
			reach = span(freq)
		}
		end := start.Add(reach)
		all := newLiteral(freq, parts, start).instances(end)
		from := start
		if rapid.Bool().Draw(t, "from within") {
			from = start.Add(time.Duration(rapid.Int64Range(0, int64(reach)-1).Draw(t, "from"))).Truncate(time.Second)
		}
		const layout = "20060102T150405Z"
		var want []string
		for _, s := range all {
			if !s.Before(from) {
				want = append(want, s.Format(layout))
			}
		}
		got, err := starts(t, rule, start.Format(layout), from, end)
		require.NoError(t, err)
		require.Equal(t, want, got, "%s from %s", rule, start.Format(layout))
	})
}
