package ical

import (
	"slices"
	"time"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// query is one question to a calendar, with what it has cost so far. After an error it goes on to no purpose, but ends.
type query struct {
	limits Limits
	lo, hi int64 // in seconds; a part of a second at either end counts
	own    clock
	clocks map[*tzid]clock
	found  []occurrence

	work, changed int
	err           *LimitError
}

// occurrence is a busy instance.
type occurrence struct {
	start, end int64
	event      *event
}

// ask finds the busy instances that take time between two instants, in the order of their starts.
func (c *Calendar) ask(zone *worktime.Zone, from, until time.Time) ([]occurrence, error) {
	if !from.Before(until) {
		return nil, nil
	}
	q := &query{limits: c.limits, lo: from.Unix(), hi: until.Unix(), own: known{zone}, clocks: map[*tzid]clock{}}
	if until.Nanosecond() > 0 {
		q.hi++
	}
	for i := range c.series {
		if q.series(&c.series[i]); q.err != nil {
			return nil, q.err
		}
	}
	slices.SortStableFunc(q.found, func(a, b occurrence) int { return compare(a.start, b.start) })
	return q.found, nil
}

// clock is the one that a moment is told by.
func (q *query) clock(m moment) clock {
	switch m.form {
	case isUTC:
		return utc{}
	case isLocal:
		c, ok := q.clocks[m.zone]
		if !ok {
			c = known{m.zone.iana}
			if m.zone.own != nil {
				c = &declared{q: q, zone: m.zone.own}
			}
			q.clocks[m.zone] = c
		}
		return c
	default:
		return q.own
	}
}

func (q *query) instant(m moment) int64 { return q.clock(m).instant(m.wall) }

// utc is the clock that shows instants as they are.
type utc struct{}

func (utc) instant(wall int64) int64 { return wall }
func (utc) wall(at int64) int64      { return at }

// length is how long an event lasts: between dates nominal, between times exact.
func (q *query) length(e *event) length {
	switch {
	case e.end == nil:
		return e.length
	case e.end.form == isDate && e.start.form == isDate:
		return length{days: (e.end.wall - e.start.wall) / day}
	default:
		return length{seconds: q.instant(*e.end) - q.instant(e.start)}
	}
}

// add keeps an instance that begins at an instant, at which clocks show the wall time, if it takes time within the
// question.
func (q *query) add(e *event, wall, at int64, l length) {
	end := at + l.seconds
	if l.days > 0 {
		end = q.instant(moment{wall: wall + l.days*day, zone: e.start.zone, form: e.start.form}) + l.seconds
	}
	if at < end && at < q.hi && end > q.lo && q.spendInstances(e.line, len(q.found)+1) {
		q.found = append(q.found, occurrence{start: at, end: end, event: e})
	}
}

// fail keeps the first limit that was passed.
func (q *query) fail(limit string, most, line int) bool {
	if q.err == nil {
		q.err = &LimitError{Limit: limit, Max: int64(most), Line: line}
	}
	return false
}

func (q *query) spend(line, n int) bool {
	if q.work += n; q.work > q.limits.Work {
		return q.fail("Work", q.limits.Work, line)
	}
	return q.err == nil
}

func (q *query) spendInstances(line, n int) bool {
	if n > q.limits.Instances {
		return q.fail("Instances", q.limits.Instances, line)
	}
	return q.err == nil
}

func (q *query) spendChanges(line, n int) bool {
	if q.changed += n; q.changed > q.limits.Changes {
		return q.fail("Changes", q.limits.Changes, line)
	}
	return q.err == nil
}
