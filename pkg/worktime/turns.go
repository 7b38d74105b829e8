package worktime

import (
	"iter"
	"slices"
	"time"
)

// Turns are one version of a rotation: its members take turns, in order, from an instant until the next version takes over.
type Turns struct {
	From time.Time
	// Members are names, as the caller has them.
	Members []string
	// Each turn is Every units long. The first member's begins on First at the local time At in Zone, and so in order before
	// and after it: these say when turns change, From when the version holds.
	//
	// A hand-over is a point in time: inside a gap of the clocks the first instant after it, in a repeated hour its first
	// occurrence, and it is once. Hours are those that clocks show: a turn over a change of them is shorter or longer, and
	// one that is skipped whole is nobody's. A month without the day of First hands over on its last day.
	Unit  Unit
	Every int
	Zone  *Zone
	First Date
	At    Clock
	// Sun are the members' calendars, in their order, where the unit is FollowTheSun, and then nothing else counts: of those
	// who work, the first in order is on; where nobody works, who was on last, for as long as the Horizon, and then the first
	// in order. Hand-over windows of every day are such calendars too.
	Sun []*Calendar
}

// Unit is what turns are counted in.
type Unit int

// The units.
const (
	ByHour Unit = iota + 1
	ByDay
	ByWeek
	ByMonth
	FollowTheSun
)

// wrong is the field that breaks a rule, and the rule; empty for none.
func (v *Turns) wrong() (field, rule string) {
	sun := v.Unit == FollowTheSun
	switch {
	case len(v.Members) == 0:
		return "members", "must name at least one"
	case slices.Contains(v.Members, ""):
		return "members", "must not be empty"
	case v.Unit < ByHour || v.Unit > FollowTheSun:
		return "unit", "must be an hour, a day, a week, a month or the sun"
	case sun && len(v.Sun) != len(v.Members):
		return "sun", "must have a calendar for each member"
	case sun:
		return "", ""
	case v.Every < 1:
		return "every", "must be above zero"
	case v.Zone == nil:
		return "zone", "must be given"
	case v.At < 0 || v.At >= DayEnd:
		return "at", "must be from 00:00 to 23:59"
	}
	return "", ""
}

// turn is a time in which by the version's order one member is on.
type turn struct {
	Interval
	// members are in the order in which they step in, from the first one on, and then from the start.
	members []string
	first   int
	// version is the place of the turns, number that of the turn in them.
	version, number int
}

// base are the turns between two instants, clipped to them, without gap or overlap.
func (r *Rotation) base(lo, hi time.Time) iter.Seq[turn] {
	return func(yield func(turn) bool) {
		for i := range r.turns {
			v := &r.turns[i]
			from, until := later(lo, v.From), hi
			if i+1 < len(r.turns) {
				until = earlier(hi, r.turns[i+1].From)
			}
			if !from.Before(until) {
				continue
			}
			tell := func(t turn) bool {
				t.version = i
				return yield(t)
			}
			follow := v.timed
			if v.Unit == FollowTheSun {
				follow = v.sun
			}
			if !follow(from, until, tell) {
				return
			}
		}
	}
}

// wall is the wall time at which the k-th turn begins.
func (v *Turns) wall(k int) int64 {
	clock := int64(v.At) * 60
	switch k *= v.Every; v.Unit {
	case ByHour:
		return wall(v.First, clock+int64(k)*60*60)
	case ByWeek:
		k *= 7
	case ByMonth:
		year, month, day := v.First.Parts()
		last, _ := NewDate(year, month+time.Month(k)+1, 0)
		first, _ := NewDate(year, month+time.Month(k), 1)
		return wall(min(first+Date(day-1), last), clock)
	case ByDay, FollowTheSun:
	}
	return wall(v.First+Date(k), clock)
}

// number is that of a turn which has begun by an instant, the last one or one near it.
func (v *Turns) number(r *reckoner, at time.Time) int {
	_, offset := at.In(v.Zone.location).Zone()
	shown := at.Unix() + int64(offset)
	length := [...]int64{ByHour: 60 * 60, ByDay: daySeconds, ByWeek: 7 * daySeconds, ByMonth: 30 * daySeconds}[v.Unit]
	k := int((shown - v.wall(0)) / length / int64(v.Every))
	for v.begins(r, k) > at.Unix() {
		k--
	}
	return k
}

// begins is the instant of the k-th hand-over, in seconds of Unix.
func (v *Turns) begins(r *reckoner, k int) int64 {
	at, _ := r.first(v.wall(k))
	return at
}

// timed yields the turns of a time; false to stop.
func (v *Turns) timed(lo, hi time.Time, yield func(turn) bool) bool {
	r := reckoner{zone: v.Zone}
	n := len(v.Members)
	for k := v.number(&r, lo); ; k++ {
		start := later(lo, instant(v.begins(&r, k)))
		if !start.Before(hi) {
			return true
		}
		end := earlier(hi, instant(v.begins(&r, k+1)))
		if start.Before(end) && !yield(turn{Interval: Interval{start, end}, members: v.Members, first: (k%n + n) % n, number: k}) {
			return false
		}
	}
}

// sun yields the turns of a time for who follows the sun; false to stop.
func (v *Turns) sun(lo, hi time.Time, yield func(turn) bool) bool {
	all := attendances(v.Sun, lo, hi)
	until := make([]time.Duration, len(v.Sun)) // when each one who has begun ends
	edges := []time.Duration{0, hi.Sub(lo)}
	for _, a := range all {
		edges = append(edges, a.start, a.end)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	on, left := -1, time.Time{} // who works or was the last to, and when they left
	for i, at := range edges[:len(edges)-1] {
		for len(all) > 0 && all[0].start == at {
			until[all[0].member] = all[0].end
			all = all[1:]
		}
		part := Interval{lo.Add(at), lo.Add(edges[i+1])}
		if first := slices.IndexFunc(until, func(end time.Duration) bool { return end > at }); first >= 0 {
			on, left = first, part.End
		} else if on < 0 {
			on, left = v.last(lo)
		}
		for _, t := range v.kept(part, on, left) {
			t.members = v.order(t.first, func(member int) bool { return until[member] > at })
			t.first = 0
			if !yield(t) {
				return false
			}
		}
	}
	return true
}

// kept is a time in which nobody has taken over from who is on, parted where the Horizon ends from when they left.
func (v *Turns) kept(part Interval, on int, left time.Time) []turn {
	limit := left.Add(Horizon)
	var parts []turn
	if kept, ok := part.clip(time.Time{}, limit); ok {
		parts = append(parts, turn{Interval: kept, first: on})
	}
	if rest, ok := part.clip(limit, time.Time{}); ok {
		parts = append(parts, turn{Interval: rest})
	}
	return parts
}

// last is who was on last before an instant, and when they left: the first in order where nobody was within the Horizon.
func (v *Turns) last(at time.Time) (member int, left time.Time) {
	for _, back := range []time.Duration{24 * time.Hour, 8 * 24 * time.Hour, Horizon} {
		from := at.Add(-back)
		var latest attendance
		for _, a := range attendances(v.Sun, from, at) {
			if a.end > latest.end || a.end == latest.end && a.member < latest.member {
				latest = a
			}
		}
		if latest.end > 0 {
			return latest.member, from.Add(latest.end)
		}
	}
	return 0, at.Add(-Horizon)
}

// order are the members as they step in: who is on, then those who work, then the others.
func (v *Turns) order(on int, works func(member int) bool) []string {
	order := []string{v.Members[on]}
	for _, working := range []bool{true, false} {
		for member, name := range v.Members {
			if member != on && works(member) == working {
				order = append(order, name)
			}
		}
	}
	return order
}
