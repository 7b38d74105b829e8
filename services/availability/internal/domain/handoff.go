package domain

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// The bounds of how far ahead a handoff is looked for.
const (
	StandardHorizon = 7 * 24 * time.Hour
	MinHorizon      = time.Hour
)

// HandoffQuery asks who can take over from a giver.
type HandoffQuery struct {
	Giver uuid.UUID
	At    time.Time
	// Horizon is how far ahead is looked, Least how much working time a day must have left for somebody to start in it.
	Horizon, Least time.Duration
	// Exclude are not asked; Candidates are, in the place of all of the team, where there are any.
	Exclude, Candidates []uuid.UUID
}

// Check refuses what is out of bounds.
func (q HandoffQuery) Check() error {
	switch {
	case q.Horizon < MinHorizon || q.Horizon > worktime.Horizon:
		return fault.InvalidField("horizon", "must be from 1 hour to 90 days")
	case q.Least < 0 || q.Least > 24*time.Hour:
		return fault.InvalidField("min_working_time", "must be from 0 to 24 hours")
	}
	return CheckInstant("at_time", q.At)
}

// Candidate is how well a member can take over, in words too.
type Candidate struct {
	worktime.Handoff
	Member      uuid.UUID
	Explanation string
}

// SuggestHandoff ranks people by how well they can take over from the giver, the best first.
func SuggestHandoff(giver Person, people []Person, q HandoffQuery) []Candidate {
	calendars := make([]*worktime.Calendar, len(people))
	for i, p := range people {
		calendars[i] = p.Calendar
	}
	ranked := worktime.SuggestHandoff(calendars, worktime.HandoffQuery{
		Giver: giver.Calendar, At: q.At, Horizon: q.Horizon, Least: q.Least,
	})
	candidates := make([]Candidate, len(ranked))
	for i, h := range ranked {
		person := people[h.Candidate]
		candidates[i] = Candidate{Handoff: h, Member: person.Member, Explanation: explain(h, person, giver, q)}
	}
	return candidates
}

// explain says how well somebody can take over, with times in the giver's zone.
func explain(h worktime.Handoff, taker, giver Person, q HandoffQuery) string {
	words := []string{}
	switch {
	case !h.Starts:
		words = append(words, fmt.Sprintf("%s does not start within %s.", taker.Name, lengthWords(q.Horizon)))
	case h.Start.Equal(q.At):
		words = append(words, fmt.Sprintf("%s works now, for %s more that day.", taker.Name, lengthWords(h.Works)))
	default:
		zone := giver.Calendar.ZoneAt(q.At)
		words = append(words, fmt.Sprintf("%s starts %s (%s) and then works for %s that day.",
			taker.Name, zone.Local(h.Start).Format("Mon 2 Jan 15:04"), zone.Name(), lengthWords(h.Works)))
	}
	if h.Overlap > 0 {
		words = append(words, fmt.Sprintf("%s overlaps with %s for %s.", taker.Name, giver.Name, lengthWords(h.Overlap)))
	} else {
		words = append(words, fmt.Sprintf("%s and %s have no time together.", taker.Name, giver.Name))
	}
	return strings.Join(words, " ")
}

// lengthWords is a length in whole minutes, such as 7h 30m.
func lengthWords(d time.Duration) string {
	hours, minutes := int(d.Hours()), int(d.Minutes())%60
	switch {
	case hours == 0:
		return fmt.Sprintf("%dm", minutes)
	case minutes == 0:
		return fmt.Sprintf("%dh", hours)
	}
	return fmt.Sprintf("%dh %dm", hours, minutes)
}
