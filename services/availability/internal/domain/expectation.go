package domain

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/window"
)

// Expectation is what a sender may expect of one recipient.
type Expectation struct {
	Member uuid.UUID
	Zone   string
	// Local is now as the recipient's clocks show it.
	Local   time.Time
	Working bool
	// Next is when they next work, Reached when they would be reached, Due when an answer would be due; zero for never.
	Next, Reached, Due time.Time
	Explanation        string
	Reason             Reason
	// Delegate acts for them in asks now; uuid.Nil for nobody.
	Delegate uuid.UUID
}

// Expect says what a sender may expect of the member now, for something of an urgency that is due within a window. LOW
// reaches at the start of the next working day, the others as Reach says.
func (p Person) Expect(now time.Time, urgency Urgency, w window.Window) Expectation {
	e := Expectation{Member: p.Member}
	if !p.Active {
		e.Reason = MemberNotFound
		e.Explanation = p.Name + " is not an active member of the workspace and will not see it."
		return e
	}
	reach, due := p.Reach(now, urgency), p.Deadline(now, w)
	zone := zoneOf(reach.Zone)
	e.Zone, e.Local, e.Working = reach.Zone, zone.Local(now), reach.Working
	e.Next = reach.Work.Start
	e.Reached, e.Due = reach.At, due.Due
	if urgency == Low {
		e.Reached = reach.DayStart
	}
	if e.Reached.IsZero() || e.Due.IsZero() {
		e.Reason = NoWorkingTime
	}
	told := telling{name: p.Name, now: e.Local, urgency: urgency, reach: reach}
	// Each instant is told in the zone that will then be in force.
	told.show = func(at time.Time) time.Time { return p.Calendar.ZoneAt(at).Local(at) }
	e.Explanation = told.opening() + " " + told.seen(e.Reached) + "; " + told.due(e.Due) + "."
	return e
}

// Delegated says who acts for the recipient in asks.
func (e *Expectation) Delegated(delegate uuid.UUID, name string) {
	e.Delegate = delegate
	e.Explanation += " " + name + " acts for them."
}

// telling puts an expectation into words.
type telling struct {
	name    string
	now     time.Time
	urgency Urgency
	reach   Reach
	show    func(time.Time) time.Time
}

const clockForm = "15:04"

func (t telling) opening() string {
	text := fmt.Sprintf("It is %s for %s (%s)", t.now.Format(clockForm), t.name, t.reach.Zone)
	if t.reach.Working {
		return fmt.Sprintf("%s, who works until %s.", text, t.moment(t.reach.Work.End))
	}
	return text + "."
}

// seen says when it will be seen.
func (t telling) seen(reached time.Time) string {
	switch {
	case t.urgency == Urgent && t.reach.Working:
		return t.name + " will see it at once"
	case t.urgency == Urgent:
		return t.name + " is not working, but URGENT interrupts at once"
	case reached.IsZero() && !t.reach.Work.Start.IsZero():
		return t.name + " takes no interruptions within the next 90 days"
	case reached.IsZero():
		return t.name + " does not work within the next 90 days"
	case t.urgency == Low:
		return fmt.Sprintf("%s will see it in the digest at %s", t.name, t.moment(reached))
	case t.reach.Working && reached.Equal(t.now):
		return t.name + " will see it at once"
	case t.reach.Working:
		return fmt.Sprintf("%s takes no interruptions now and will see it at %s", t.name, t.moment(reached))
	case reached.Equal(t.reach.Work.Start):
		return fmt.Sprintf("%s starts at %s and will see it then", t.name, t.moment(reached))
	}
	return fmt.Sprintf("%s starts at %s, takes no interruptions at first and will see it at %s", t.name, t.moment(t.reach.Work.Start), t.moment(reached))
}

// due says when an answer is due.
func (t telling) due(due time.Time) string {
	if due.IsZero() {
		return "no answer is due, for the time to answer does not pass within the next 90 days"
	}
	local := t.show(due)
	return fmt.Sprintf("an answer is due on %s, %s %s's time", t.day(local), local.Format(clockForm), t.name)
}

// moment is a time of day, with its date where that is not today's.
func (t telling) moment(at time.Time) string {
	local := t.show(at)
	if local.Format(time.DateOnly) == t.now.Format(time.DateOnly) {
		return local.Format(clockForm)
	}
	return local.Format(clockForm) + " on " + t.day(local)
}

// day is a date, with its year where that is not this one's.
func (t telling) day(local time.Time) string {
	if local.Year() == t.now.Year() {
		return local.Format("Monday, 2 January")
	}
	return local.Format("Monday, 2 January 2006")
}
