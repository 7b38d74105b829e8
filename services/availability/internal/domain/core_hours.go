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

// calendar is the time in which they hold; nil, which is around the clock, where they are not set.
func (c *CoreHours) calendar() (*worktime.Calendar, error) {
	if !c.Set() {
		return nil, nil //nolint:nilnil // none is the answer, and no failure
	}
	week, err := worktime.NewWeek(c.Windows)
	if err != nil {
		return nil, err
	}
	return worktime.NewCalendar(worktime.Layers{Hours: []worktime.Hours{{Zone: zoneOf(c.Zone), Week: week}}}), nil
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
