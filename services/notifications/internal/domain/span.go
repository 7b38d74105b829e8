package domain

import (
	"time"

	"github.com/google/uuid"
)

// Span is a time that something is about: from Start until End, or the local dates from First to Last, the last included, which
// are instants of those dates in UTC.
type Span struct{ Start, End, First, Last time.Time }

const (
	shortDay     = "Mon 2 Jan"
	shortDayYear = "Mon 2 Jan 2006"
)

// words writes it, after a colon: instants in a zone, dates as they are. None is nothing.
func (s Span) words(local *time.Location) string {
	if !s.First.IsZero() {
		return ": " + days(s.First, s.Last)
	}
	if s.Start.IsZero() {
		return ""
	}
	start, end := In(local, s.Start), In(local, s.End)
	zone := " (" + Zone(local) + ")"
	if start.Format(time.DateOnly) == end.Format(time.DateOnly) {
		return ": " + start.Format(shortDayYear+", "+timeOfDay) + " to " + end.Format(timeOfDay) + zone
	}
	return ": " + firstDay(start, end) + ", " + start.Format(timeOfDay) + " to " + end.Format(shortDayYear+", "+timeOfDay) + zone
}

// days writes dates, such as "Mon 7 Dec to Fri 11 Dec 2026".
func days(first, last time.Time) string {
	if first.Equal(last) {
		return first.Format(shortDayYear)
	}
	return firstDay(first, last) + " to " + last.Format(shortDayYear)
}

// firstDay is the first day, without its year where the last has the same.
func firstDay(first, last time.Time) string {
	if first.Year() == last.Year() {
		return first.Format(shortDay)
	}
	return first.Format(shortDayYear)
}

// Reminder is when three quarters of the time from one instant until another are gone; zero where there is none.
func Reminder(from, until time.Time) time.Time {
	if !until.After(from) {
		return time.Time{}
	}
	return from.Add(until.Sub(from) / 4 * 3).Truncate(time.Microsecond)
}

// waitsOf are those of members who all wait for the same.
func waitsOf(members []uuid.UUID, due, remind time.Time) []Wait {
	all := make([]Wait, 0, len(members))
	for _, member := range members {
		all = append(all, Wait{Member: member, Waiting: true, Due: due, Remind: remind})
	}
	return all
}
