package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// CoreHours are when members of a team are to work, and how many.
type CoreHours struct {
	Workspace, Team uuid.UUID
	// Zone is the IANA zone that the windows are read in; without windows none are set.
	Zone    string
	Windows []Window
	Need    int
	// Revision counts their changes: their etag. It is 0 where they were never set.
	Revision   int64
	UpdateTime time.Time
}

// Set says whether the team has core hours.
func (c *CoreHours) Set() bool { return len(c.Windows) > 0 }

// CoreHistory are the core hours of a team over a range, in order, at least one: each holds from its UpdateTime until the next
// one's, the first since ever.
type CoreHistory []CoreHours

// Last are the core hours in force at the end of the range.
func (h CoreHistory) Last() CoreHours { return h[len(h)-1] }

// need is how many are to work at first, and then from later instants on.
func (h CoreHistory) need() (first int, later []worktime.Need) {
	for _, c := range h[1:] {
		later = append(later, worktime.Need{From: c.UpdateTime, Count: c.needed()})
	}
	return h[0].needed(), later
}

// needed is how many are to work: one where core hours are not set.
func (c *CoreHours) needed() int {
	if c.Set() {
		return c.Need
	}
	return 1
}

// calendar is the time in which they hold: where they are not set, around the clock or never.
func (h CoreHistory) calendar(clockRound bool) (*worktime.Calendar, error) {
	var l worktime.Layers
	for _, c := range h {
		if !c.Set() {
			c.Zone, c.Windows = worktime.UTC().Name(), nil
			if clockRound {
				c.Windows = []Window{{Days: allDays(), End: worktime.DayEnd}}
			}
		}
		week, err := worktime.NewWeek(c.Windows)
		if err != nil {
			return nil, err
		}
		l.Hours = append(l.Hours, worktime.Hours{From: c.UpdateTime, Zone: zoneOf(c.Zone), Week: week})
	}
	return worktime.NewCalendar(l), nil
}

func allDays() []time.Weekday {
	return []time.Weekday{
		time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday,
	}
}

// CoreHoursChange is what an update sets; nil leaves as it is.
type CoreHoursChange struct {
	Zone    *string
	Windows *[]Window
	Need    *int
}

// Update changes the core hours. It has no event when nothing changes.
func (c *CoreHours) Update(change CoreHoursChange, now time.Time) ([]Event, error) {
	const field = "core_hours"
	before := *c
	if change.Zone != nil {
		c.Zone = *change.Zone
	}
	if change.Windows != nil {
		c.Windows = *change.Windows
	}
	if change.Need != nil {
		c.Need = *change.Need
	}
	c.Need = max(c.Need, 1)
	if err := CheckWindows(field+".windows", c.Windows); err != nil {
		return nil, err
	}
	if c.Set() || c.Zone != "" {
		if _, err := CheckZone(field+".time_zone", c.Zone); err != nil {
			return nil, err
		}
	}
	if c.Need > MaxTeam {
		return nil, fault.InvalidField(field+".need", "must be at most 1000")
	}
	if c.Zone == before.Zone && c.Need == max(before.Need, 1) && slices.EqualFunc(c.Windows, before.Windows, sameWindow) {
		return nil, nil
	}
	c.Revision++
	c.UpdateTime = now
	return []Event{CoreHoursChanged{CoreHours: *c, Version: c.Revision}}, nil
}

func sameWindow(a, b Window) bool {
	return slices.Equal(a.Days, b.Days) && a.Start == b.Start && a.End == b.End
}
