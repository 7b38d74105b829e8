package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// Urgency is how much something may interrupt, by its word in the API.
type Urgency string

// The urgencies.
const (
	Low    Urgency = "LOW"
	Normal Urgency = "NORMAL"
	High   Urgency = "HIGH"
	Urgent Urgency = "URGENT"
)

// Reason says why there is no instant.
type Reason int

const (
	// Known is no reason: there is one.
	Known Reason = iota
	// NoWorkingTime says that it is not within 90 days.
	NoWorkingTime
	// MemberNotFound says that there is no such member, or that they are not ACTIVE.
	MemberNotFound
)

// Deadline is when a window has passed in a member's working time; Due is zero where Reason says why. Delegate acts for
// them in asks when it begins, uuid.Nil for nobody.
type Deadline struct {
	Due      time.Time
	Reason   Reason
	Delegate uuid.UUID
}

// Deadline is when the window that counts from an instant has passed for the member.
func (p Person) Deadline(from time.Time, w window.Window) Deadline {
	var (
		due time.Time
		ok  bool
	)
	switch {
	case !p.Active:
		return Deadline{Reason: MemberNotFound}
	case w.Unit == window.ElapsedTime:
		return Deadline{Due: from.Add(w.Time)}
	case w.Unit == window.WorkingDays:
		due, ok = p.Calendar.DeadlineDays(from, w.Days)
	default:
		due, ok = p.Calendar.Deadline(from, w.Time)
	}
	if !ok {
		return Deadline{Reason: NoWorkingTime}
	}
	return Deadline{Due: due}
}

// Reach is when a member can be reached.
type Reach struct {
	// Working says whether they work at the instant asked for, uninterruptible or not.
	Working bool
	// At is from when they can be reached, Until the end of the time that holds it; zero where there is none.
	At, Until time.Time
	// Work is the working interval at the instant asked for, else the next one; zero where there is none.
	Work worktime.Interval
	// DayStart is the start of their next working day after the instant asked for, Day its local date, where NextDay.
	NextDay  bool
	DayStart time.Time
	Day      worktime.Date
	// Zone is the one in force for them then.
	Zone    string
	Version int64
	Reason  Reason
}

// Reach is when the member can be reached from an instant on: at once when it is URGENT, when they work when it is HIGH, and
// else when they work and are not to be left alone.
func (p Person) Reach(at time.Time, urgency Urgency) Reach {
	if !p.Active {
		return Reach{Reason: MemberNotFound}
	}
	r := Reach{Zone: p.ZoneAt(at), Version: p.Version}
	work, works := p.Calendar.Next(at)
	if works {
		r.Work = work
	}
	r.Working = works && work.Start.Equal(at)
	next, ok := work, works
	if urgency == Normal || urgency == Low {
		next, ok = p.Calendar.NextInterruptible(at)
	}
	switch {
	case ok && (r.Working || urgency != Urgent):
		r.At, r.Until = next.Start, next.End
	case urgency == Urgent:
		r.At = at
	default:
		r.Reason = NoWorkingTime
	}
	if day, ok := p.Calendar.NextDay(at); ok {
		r.NextDay, r.DayStart, r.Day = true, day.Start, day.Date
	}
	return r
}

// Availability is a member's time over a range.
type Availability struct {
	Member    uuid.UUID
	Zone      string
	Inherited bool
	Stretches []worktime.Stretch
}

// Availability is the member's time from start until end; false when it has more than room stretches.
func (p Person) Availability(start, end time.Time, room int) (Availability, bool) {
	source := p.In(start)
	a := Availability{Member: p.Member, Zone: p.ZoneAt(start), Inherited: source.Inherited}
	for s := range p.Calendar.Stretches(start, end) {
		if len(a.Stretches) == room {
			return a, false
		}
		a.Stretches = append(a.Stretches, s)
	}
	return a, true
}

// Windows are how long people have to answer in a workspace, by urgency.
type Windows map[Urgency]time.Duration

// StandardResponse are the windows of a workspace that has set none.
func StandardResponse() Windows {
	return Windows{Low: 40 * time.Hour, Normal: 24 * time.Hour, High: 4 * time.Hour, Urgent: time.Hour}
}
