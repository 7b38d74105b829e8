package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
)

const (
	// GapHorizon is how far ahead a gap may begin that is told of, gapReach how much longer it is followed to its end.
	GapHorizon = OutlookDays * 24 * time.Hour
	gapReach   = 7 * 24 * time.Hour
	// LookAgain is when a team's coverage is looked at again at the latest.
	LookAgain = 24 * time.Hour
	// LookSoon is how long after what changed it: changes that come together are looked at once.
	LookSoon = time.Minute
	// maxGaps is how many gaps are told of at once; what is left comes next.
	maxGaps = 100
)

// Gap is a time in which a team is short: of a rotation nobody is on, or where that is uuid.Nil nobody works in the core hours.
type Gap struct {
	Rotation uuid.UUID
	// Start is when it was found, where it had begun by then. End is zero where it goes on for longer than was looked.
	Start, End time.Time
}

// CoverageWatch is what was told of the gaps ahead of a team.
type CoverageWatch struct {
	Workspace, Team uuid.UUID
	// Version counts the gaps that were told of, Wakes how often it was said that the coverage may be another.
	Version, Wakes int64
	// Due is when the coverage is to be looked at next; zero where there is nothing to look at.
	Due time.Time
	// Told are the gaps that were told of and are still there.
	Told []Gap
}

// GapsUntil is how far a team's coverage is looked at.
func GapsUntil(now time.Time) time.Time { return now.Add(GapHorizon + gapReach) }

// Gaps are the times from now on in which a team is short, in order: those that begin within the GapHorizon. None of the core
// hours are told of where they are not set, and none of a rotation before its first turns.
func Gaps(team []Person, core CoreHours, rotations []Rotation, watches []Watch, now time.Time) ([]Gap, error) {
	var gaps []Gap
	until := GapsUntil(now)
	add := func(rotation uuid.UUID, i worktime.Interval) {
		if !i.Start.Before(now.Add(GapHorizon)) {
			return
		}
		if !i.End.Before(until) {
			i.End = time.Time{}
		}
		gaps = append(gaps, Gap{Rotation: rotation, Start: i.Start.UTC(), End: i.End.UTC()})
	}
	if core.Set() {
		c, err := cover(team, CoreHistory{core}, CoverageQuery{Start: now, End: until, Bucket: MaxBucket})
		if err != nil {
			return nil, err
		}
		for _, gap := range c.Gaps {
			add(uuid.Nil, gap)
		}
	}
	for i, w := range watches {
		for _, empty := range w.empty(now, until) {
			add(rotations[i].ID, empty)
		}
	}
	slices.SortStableFunc(gaps, func(a, b Gap) int { return a.Start.Compare(b.Start) })
	return gaps, nil
}

// empty are the times of a range in which the rotation holds and nobody is on, merged, in order.
func (w Watch) empty(from, to time.Time) []worktime.Interval {
	var all []worktime.Interval
	for s := range w.Shifts(from, to) {
		switch last := len(all) - 1; {
		case len(s.Members) > 0:
		case last >= 0 && all[last].End.Equal(s.Start):
			all[last].End = s.End
		default:
			all = append(all, worktime.Interval{Start: s.Start, End: s.End})
		}
	}
	return all
}

// Tell tells of the gaps that were found now and not told of before, each once, and says when to look again. One that was told
// of and has begun since is the same while its end is.
func (w *CoverageWatch) Tell(found []Gap, now time.Time) []Event {
	var (
		events []Event
		told   []Gap
	)
	w.Due = now.Add(LookAgain)
	for _, gap := range found {
		known := slices.IndexFunc(w.Told, func(t Gap) bool {
			same := t.Start.Equal(gap.Start) || gap.Start.Equal(now) && t.Start.Before(now)
			return t.Rotation == gap.Rotation && same && t.End.Equal(gap.End)
		})
		switch {
		case known >= 0:
			told = append(told, w.Told[known])
		case len(events) == maxGaps:
			w.Due = now
		default:
			w.Version++
			told = append(told, gap)
			events = append(events, CoverageGapFound{
				Workspace: w.Workspace, Team: w.Team, Gap: gap, Horizon: now.Add(GapHorizon), Version: w.Version,
			})
		}
	}
	w.Told = told
	return events
}
