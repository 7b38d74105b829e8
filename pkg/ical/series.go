package ical

import (
	"cmp"
	"slices"
)

// series are the events of one UID: what recurs, mostly one event, and what replaces single instances of it.
type series struct{ events, overrides []*event }

func (s *series) add(e *event) {
	if e.replaces == nil {
		s.events = append(s.events, e)
		return
	}
	s.overrides = append(s.overrides, e)
}

// turn is an override of all later instances: from the instant that it replaces on, so much later on the clock.
type turn struct {
	from, shift int64
	event       *event
}

// changed are the overrides of a series as they come to bear.
type changed struct {
	// single is what replaces the instance at an instant.
	single map[int64]*event
	// turns are those that go on, in order.
	turns []turn
}

// changes finds the overrides in force: of several of one instance that of the highest SEQUENCE, and of the same the last
// in the file.
func (q *query) changes(s *series) changed {
	if len(s.overrides) == 0 {
		return changed{}
	}
	c := changed{single: map[int64]*event{}}
	on := map[int64]*event{}
	put := func(all map[int64]*event, at int64, o *event) {
		if former := all[at]; former == nil || o.sequence >= former.sequence {
			all[at] = o
		}
	}
	for _, o := range s.overrides {
		at := q.instant(*o.replaces)
		put(c.single, at, o)
		if o.future {
			put(on, at, o)
		}
	}
	for from, o := range on {
		c.turns = append(c.turns, turn{from: from, event: o})
	}
	slices.SortFunc(c.turns, func(a, b turn) int { return compare(a.from, b.from) })
	return c
}

// series finds all instances of a series within the question.
func (q *query) series(s *series) {
	c := q.changes(s)
	for _, o := range s.overrides {
		if c.single[q.instant(*o.replaces)] == o && o.busy {
			q.add(o, o.start.wall, q.instant(o.start), q.length(o))
		}
	}
	for _, e := range s.events {
		if e.busy || len(c.turns) > 0 {
			q.event(e, c)
		}
	}
}

// event finds the instances of one event of a series that no override replaces.
func (q *query) event(e *event, c changed) {
	own := q.length(e)
	back, ahead := own.most(), int64(0)
	for i := range c.turns {
		t := &c.turns[i]
		t.shift = q.clock(e.start).wall(q.instant(t.event.start)) - q.clock(e.start).wall(t.from)
		back, ahead = max(back, q.length(t.event).most()+t.shift), max(ahead, -t.shift)
	}
	starts := q.starts(e, q.lo-back, q.hi+ahead)
	except := q.exceptions(e, q.lo-back, q.hi+ahead)
	for _, s := range starts {
		if _, out := slices.BinarySearch(except, s.at); out || c.single[s.at] != nil || q.err != nil {
			continue
		}
		i, _ := slices.BinarySearchFunc(c.turns, s.at, func(t turn, at int64) int { return compare(t.from, at) })
		switch {
		case i > 0 && c.turns[i-1].event.busy:
			t := c.turns[i-1]
			wall := q.clock(e.start).wall(s.at) + t.shift
			q.add(t.event, wall, q.instant(moment{wall: wall, zone: e.start.zone, form: e.start.form}), q.length(t.event))
		case i > 0 || !e.busy:
		case s.length != nil:
			q.add(e, s.wall, s.at, *s.length)
		default:
			q.add(e, s.wall, s.at, own)
		}
	}
}

// start is where an instance begins, with its own length if it has one.
type start struct {
	at, wall int64
	length   *length
}

// margin is more than any zone is ahead of or behind UTC, and more than a change of the clocks.
const margin = 2 * day

// starts are the instances of a set of recurrence that begin between two instants, in order, each instant once; the start
// itself and RDATE also before.
func (q *query) starts(e *event, lo, hi int64) []start {
	var all []start
	add := func(s start) bool {
		all = append(all, s)
		return q.spendInstances(e.line, len(all))
	}
	for _, a := range e.dates {
		if s := (start{at: q.instant(a.moment), wall: a.wall, length: a.length}); s.at < hi {
			if a.end != nil {
				s.length = &length{seconds: q.instant(*a.end) - s.at}
			}
			add(s)
		}
	}
	if e.start.wall <= hi+margin {
		add(start{at: q.instant(e.start), wall: e.start.wall})
	}
	for _, r := range e.rules {
		last, limit := q.until(e, r), hi+margin
		if last != nil {
			limit = min(limit, *last+margin)
		}
		spend := func(n int) bool { return q.spend(r.line, n) }
		r.expand(e.start.wall, lo-margin, limit, spend, func(wall int64) bool {
			at := q.instant(moment{wall: wall, zone: e.start.zone, form: e.start.form})
			outside := at < lo || at >= hi || last != nil && at > *last
			return outside || add(start{at: at, wall: wall})
		})
	}
	slices.SortStableFunc(all, func(a, b start) int { return compare(a.at, b.at) })
	return slices.CompactFunc(all, func(a, b start) bool { return a.at == b.at })
}

// until is the last instant at which an instance of a rule may begin; nil for no bound. Without Z it is in the zone of
// DTSTART, and a DATE for a DATE-TIME is all of that day.
func (q *query) until(e *event, r *rule) *int64 {
	if r.until == nil {
		return nil
	}
	m := *r.until
	if m.form != isUTC {
		if m.form == isDate && e.start.form != isDate {
			m.wall += day - 1
		}
		m.form, m.zone = e.start.form, e.start.zone
	}
	at := q.instant(m)
	return &at
}

// exceptions are the instants of EXDATE near the question, in order.
func (q *query) exceptions(e *event, lo, hi int64) []int64 {
	var all []int64
	for _, m := range e.except {
		if m.wall >= lo-2*margin && m.wall <= hi+2*margin {
			all = append(all, q.instant(m))
		}
	}
	slices.Sort(all)
	return all
}

// most is more than a length comes to on any clock.
func (l length) most() int64 {
	if l.days > 0 {
		return (l.days+1)*day + l.seconds
	}
	return l.seconds
}

func compare(a, b int64) int { return cmp.Compare(a, b) }
