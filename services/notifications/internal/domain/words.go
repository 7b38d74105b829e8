package domain

import (
	"strings"
	"time"
)

const (
	timeOfDay  = "15:04"
	dayInWords = "Monday, 2 January 2006"
)

// In is an instant in a zone; nil is UTC.
func In(local *time.Location, t time.Time) time.Time {
	if local == nil {
		return t.UTC()
	}
	return t.In(local)
}

// DayAndTime writes an instant in a zone, such as "Tuesday, 1 December 2026, 09:00".
func DayAndTime(local *time.Location, t time.Time) string {
	return In(local, t).Format(dayInWords + ", " + timeOfDay)
}

// Zone is the zone's name.
func Zone(local *time.Location) string {
	if local == nil {
		return time.UTC.String()
	}
	return local.String()
}

func (s Situation) local(t time.Time) string { return In(s.Reach.Local, t).Format(timeOfDay) }

func (s Situation) dayAndTime(t time.Time) string { return DayAndTime(s.Reach.Local, t) }

func (s Situation) zone() string { return Zone(s.Reach.Local) }

// who is what the recipient is called.
func (s Situation) who() string {
	if s.Name == "" {
		return "The recipient"
	}
	return s.Name
}

// itIs tells the recipient's local time where it is known.
func (s Situation) itIs() string {
	if !s.Reach.Known || s.Reach.Local == nil {
		return ""
	}
	return " It is " + s.local(s.Now) + " for " + s.who() + " (" + s.zone() + ")."
}

// Line is one sentence of a notification's history.
type Line struct {
	Channel  Channel
	Time     time.Time
	Sentence string
}

// tell adds to the history what was decided, or what became of it, with the recipient's local time.
func (n *Notification) tell(c Channel, at time.Time, what, why string) {
	n.Lines = append(n.Lines, Line{Channel: c, Time: at, Sentence: strings.TrimSpace(
		DayAndTime(n.Local, at) + " (" + Zone(n.Local) + "), " + c.words() + ": " + what + ". " + why)})
}

// words says a decision.
func (v Verdict) words(local *time.Location) string {
	switch v.Decision {
	case Now:
		return "to be sent at once"
	case InDigest:
		return "to come with the digest of " + DayAndTime(local, v.DeliverTime)
	case Suppressed:
		return "not sent"
	case Held:
		if !v.DeliverTime.IsZero() {
			return "held until " + DayAndTime(local, v.DeliverTime)
		}
	}
	return "held"
}
