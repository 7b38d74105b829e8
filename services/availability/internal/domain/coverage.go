package domain

import (
	"fmt"
	"time"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// The limits of a coverage.
const (
	// MaxTeam is how many ACTIVE members a team may have.
	MaxTeam = 1000
	// MaxBuckets is how many buckets a range may have, MinBucket and MaxBucket how long each may be.
	MaxBuckets = 10_000
	MinBucket  = 15 * time.Minute
	MaxBucket  = 7 * 24 * time.Hour
)

// CoverageQuery asks from Start until End, in buckets of a length.
type CoverageQuery struct {
	Start, End time.Time
	Bucket     time.Duration
}

// Check refuses what is out of bounds whatever the team.
func (q CoverageQuery) Check() error {
	if err := CheckRange(q.Start, q.End, 0); err != nil {
		return err
	}
	switch {
	case q.Bucket < MinBucket || q.Bucket > MaxBucket:
		return fault.InvalidField("bucket", "must be from 15 minutes to 7 days")
	case q.End.Sub(q.Start) > MaxBuckets*q.Bucket:
		return fault.InvalidField("bucket", "must be longer: the range would have more than 10000 buckets")
	}
	return nil
}

// CheckTeam refuses what is out of bounds for a team of so many members.
func (q CoverageQuery) CheckTeam(members int) error {
	switch {
	case members > MaxTeam:
		return fault.InvalidField("name", "must be of a team of at most 1000 active members")
	case q.End.Sub(q.Start).Hours()*float64(members) > MaxMemberDays*24:
		return fault.InvalidField("end_time", fmt.Sprintf(
			"must be nearer: members times days are at most 40000, and the team has %d members", members))
	}
	return nil
}

// Coverage is how many of a team's members work.
type Coverage struct {
	worktime.Coverage
	Members int
	// CoreHours are those in force at its end, where they are set: what it was reckoned by, but for what was before a change.
	CoreHours CoreHours
}

// Cover is how many people of a team work, in the core hours then in force where they are set, else around the clock. The query
// is checked.
func Cover(team []Person, core CoreHistory, q CoverageQuery) (Coverage, error) {
	c, err := cover(team, core, q)
	if err == nil && c.intervals() > MaxIntervals {
		return Coverage{}, fault.InvalidField("end_time", "must be nearer: the answer would have more than 150000 intervals")
	}
	return c, err
}

// ForeseeGaps are the gaps that a team would have with core hours from the start of a query on: at most as many as a preview tells.
func ForeseeGaps(team []Person, core CoreHours, q CoverageQuery) ([]worktime.Interval, error) {
	c, err := cover(team, CoreHistory{core}, q)
	return c.Gaps[:min(len(c.Gaps), maxPreview)], err
}

// intervals is how many there are in it.
func (c Coverage) intervals() int { return len(c.Buckets) + len(c.Gaps) + len(c.Thinnest) }

// cover is Cover without a limit.
func cover(team []Person, core CoreHistory, q CoverageQuery) (Coverage, error) {
	required, err := core.calendar(true)
	if err != nil {
		return Coverage{}, err
	}
	calendars := make([]*worktime.Calendar, len(team))
	for i, p := range team {
		calendars[i] = p.Calendar
	}
	asked := worktime.CoverageQuery{Bucket: q.Bucket, Required: required}
	asked.Need, asked.Later = core.need()
	return Coverage{Coverage: worktime.Cover(calendars, q.Start, q.End, asked), Members: len(team), CoreHours: core.Last()}, nil
}
