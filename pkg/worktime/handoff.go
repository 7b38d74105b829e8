package worktime

import (
	"cmp"
	"slices"
	"time"
)

// HandoffQuery says who a handoff is for.
type HandoffQuery struct {
	// Giver is the calendar of who hands on; At is when.
	Giver *Calendar
	At    time.Time
	// Horizon is how far ahead is looked, at most the package's own.
	Horizon time.Duration
	// Least is how much working time a day must have left for somebody to start in it.
	Least time.Duration
}

// Handoff is how well a candidate can take over.
type Handoff struct {
	// Candidate is their place.
	Candidate int
	// Starts says whether they start within the horizon, Start when: the first working instant after which the day still has
	// the least working time. Works is how much it has.
	Starts bool
	Start  time.Time
	Works  time.Duration
	// Overlap is how long within the horizon both work and neither is uninterruptible.
	Overlap time.Duration
	Reasons []HandoffReason
}

// HandoffReason says something for or against a candidate.
type HandoffReason int

// The reasons.
const (
	// WorksNow says that they can start at once.
	WorksNow HandoffReason = iota + 1
	// StartsFirst says that nobody starts sooner.
	StartsFirst
	// WorksLongest says that nobody who starts works longer after that.
	WorksLongest
	// OverlapsMost says that they and the giver have live overlap left, and nobody has more.
	OverlapsMost
	// NoOverlap says that they and the giver have none left.
	NoOverlap
	// NoStart says that they do not start within the horizon.
	NoStart
)

// SuggestHandoff ranks candidates, the best first: by how soon they start, in whole half hours; then by how long they then
// work, also so; then by how much live overlap with the giver is left; then by their places. Who does not start is last.
func SuggestHandoff(candidates []*Calendar, q HandoffQuery) []Handoff {
	horizon := min(q.Horizon, Horizon)
	giver := q.Giver.interruptible(q.At, q.At.Add(horizon))
	all := make([]Handoff, len(candidates))
	for i, c := range candidates {
		h := Handoff{Candidate: i, Overlap: common(giver, c.interruptible(q.At, q.At.Add(horizon)))}
		h.Start, h.Works, h.Starts = c.takeOver(q.At, horizon, q.Least)
		all[i] = h
	}
	reason(all, q.At)
	const grain = 30 * time.Minute
	slices.SortStableFunc(all, func(a, b Handoff) int {
		if a.Starts != b.Starts {
			return map[bool]int{true: -1, false: 1}[a.Starts]
		}
		return cmp.Or(
			cmp.Compare(a.Start.Sub(q.At)/grain, b.Start.Sub(q.At)/grain), cmp.Compare(b.Works/grain, a.Works/grain), cmp.Compare(b.Overlap, a.Overlap),
		)
	})
	return all
}

// reason gives each candidate the reasons.
func reason(all []Handoff, at time.Time) {
	var first time.Time
	var longest, most time.Duration
	for _, h := range all {
		if h.Starts && (first.IsZero() || h.Start.Before(first)) {
			first = h.Start
		}
		longest, most = max(longest, h.Works), max(most, h.Overlap)
	}
	for i := range all {
		h := &all[i]
		for r, holds := range map[HandoffReason]bool{
			WorksNow: h.Starts && h.Start.Equal(at), StartsFirst: h.Starts && h.Start.Equal(first), WorksLongest: h.Starts && h.Works == longest,
			OverlapsMost: h.Overlap > 0 && h.Overlap == most, NoOverlap: h.Overlap == 0, NoStart: !h.Starts,
		} {
			if holds {
				h.Reasons = append(h.Reasons, r)
			}
		}
		slices.Sort(h.Reasons)
	}
}

// takeOver is the first working instant within the horizon whose day has at least so much working time left, and how much
// it has; false where there is none.
func (c *Calendar) takeOver(at time.Time, horizon, least time.Duration) (start time.Time, works time.Duration, ok bool) {
	const longest = 96 * time.Hour // as in days
	limit := at.Add(horizon)
	from := at
	for day := range c.days(at.Add(-longest), limit) {
		works = 0
		for i := range c.Working(later(from, day.Start), day.End) {
			if works == 0 {
				start = i.Start
			}
			works += i.Length()
		}
		if works > 0 && works >= least && start.Before(limit) {
			return start, works, true
		}
		from = later(from, day.End)
	}
	return time.Time{}, 0, false
}

// interruptible are the working intervals without what blocks make uninterruptible.
func (c *Calendar) interruptible(start, end time.Time) (all []Interval) {
	for s := range c.Stretches(start, end) {
		if s.Kind == Working {
			all = append(all, s.Interval)
		}
	}
	return all
}

// common is how long two lists of intervals hold together. Each is in order and without overlap.
func common(a, b []Interval) (sum time.Duration) {
	for len(a) > 0 && len(b) > 0 {
		if both, ok := a[0].clip(b[0].Start, b[0].End); ok {
			sum += both.Length()
		}
		if a[0].End.Before(b[0].End) {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return sum
}
