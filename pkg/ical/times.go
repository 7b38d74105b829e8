package ical

import "slices"

// times are the times of day of a period: each hour with each minute with each second, in order. They are not written
// out, as a day can have 86,400.
type times struct{ hours, minutes, seconds []int }

func (e *expansion) times() times { return times{e.hours, e.minutes, e.seconds} }

func (t times) count() int { return len(t.hours) * len(t.minutes) * len(t.seconds) }

// at is the i-th time, in seconds from midnight.
func (t times) at(i int) int64 {
	s, m, h := i%len(t.seconds), i/len(t.seconds)%len(t.minutes), i/len(t.seconds)/len(t.minutes)
	return int64(t.hours[h])*hour + int64(t.minutes[m])*minute + int64(t.seconds[s])
}

// set yields the set of a period, of the days gathered at the times; false to stop.
func (e *expansion) set(t times) bool {
	if !e.spend(1) {
		return false
	}
	if len(e.positions) > 0 {
		return e.chosen(t)
	}
	for _, d := range e.days {
		begin := int64(d) * day
		if e.left < 0 && begin+day <= e.lo {
			continue
		}
		for i := range t.count() {
			if !e.candidate(begin + t.at(i)) {
				return false
			}
		}
	}
	return true
}

// chosen yields those of a period's set that BYSETPOS names.
func (e *expansion) chosen(t times) bool {
	total := len(e.days) * t.count()
	var places []int
	for _, p := range e.positions {
		if p < 0 {
			p += total + 1
		}
		if p >= 1 && p <= total {
			places = append(places, p-1)
		}
	}
	slices.Sort(places)
	for _, p := range slices.Compact(places) {
		if !e.candidate(int64(e.days[p/t.count()])*day + t.at(p%t.count())) {
			return false
		}
	}
	return true
}

// candidate yields one time of a set where it is not before the start and within what is asked for; false to stop.
func (e *expansion) candidate(wall int64) bool {
	if !e.spend(1) || wall > e.hi {
		return false
	}
	if wall < e.start {
		return true
	}
	if e.left > 0 {
		if e.left == e.count && wall != e.start {
			e.left-- // the start itself
		}
		if e.left == 0 {
			return false
		}
		e.left--
	}
	return (wall < e.lo || e.yield(wall)) && e.left != 0
}

// clockwise walks periods shorter than a day, from the k-th on. What a day, an hour or a minute excludes as a whole is
// passed over as a whole.
func (e *expansion) clockwise(k int64) {
	unit, base := e.unit(), floor(e.start, e.unit())*e.unit()
	for {
		begin := base + k*unit
		if begin > e.hi {
			return
		}
		date := dateOf(begin)
		second := begin - int64(date)*day
		h, m, s := int(second/hour), int(second%hour/minute), int(second%minute)
		next := begin // where what excludes it ends
		switch {
		case !e.matches(date):
			next = int64(date+1) * day
		case !has(e.hours, h):
			next = begin - begin%hour + hour
		case e.freq <= minutely && !has(e.minutes, m):
			next = begin - begin%minute + minute
		case e.freq == secondly && !has(e.seconds, s):
			next = begin + 1
		}
		if next > begin {
			if !e.spend(1) {
				return
			}
			k = -floor(-(next-base), unit*e.interval) * e.interval
			continue
		}
		t := times{hours: []int{h}, minutes: e.minutes, seconds: e.seconds}
		if e.freq <= minutely {
			t.minutes = []int{m}
		}
		if e.freq == secondly {
			t.seconds = []int{s}
		}
		if e.days = append(e.days[:0], date); !e.set(t) {
			return
		}
		k += e.interval
	}
}
