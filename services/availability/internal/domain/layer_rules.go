package domain

import (
	"errors"
	"fmt"
	"time"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// check refuses what is no layer of its kind from now on. zone is the one in force for the member.
func (l *Layer) check(zone *worktime.Zone, taken *Layer, now time.Time) error {
	switch l.Kind {
	case Travel:
		return l.checkTravel(taken, now)
	case DateOverride:
		return l.checkOverride(zone, taken, now)
	case FocusBlock:
	}
	return l.checkFocus(zone, now)
}

func (l *Layer) checkTravel(taken *Layer, now time.Time) error {
	zone, err := CheckZone("travel.time_zone", l.Zone)
	if err != nil {
		return err
	}
	if err := l.checkDates(zone, now); err != nil {
		return err
	}
	switch {
	case l.Last-l.First >= MaxLayerDays:
		return fault.InvalidField("travel.end_date", "must make it at most 366 days")
	case taken != nil:
		return fault.InvalidField("travel.start_date", fmt.Sprintf("must not overlap %s, from %s to %s", taken.ResourceName(), taken.First, taken.Last))
	}
	return nil
}

// checkDates refuses dates that are not in order, or are over in a zone.
func (l *Layer) checkDates(zone *worktime.Zone, now time.Time) error {
	first, last := l.Kind.field()+".start_date", l.Kind.field()+".end_date"
	if err := CheckDate(first, l.First); err != nil || l.Last == 0 {
		return err
	}
	if err := CheckDate(last, l.Last); err != nil {
		return err
	}
	switch {
	case l.Last < l.First:
		return fault.InvalidField(last, "must not be before start_date")
	case !zone.StartOf(l.Last + 1).After(now):
		return fault.InvalidField(last, "must not have passed in "+zone.Name())
	}
	return nil
}

func (l *Layer) checkOverride(zone *worktime.Zone, taken *Layer, now time.Time) error {
	const field = "date_override.date"
	if err := CheckDate(field, l.First); err != nil {
		return err
	}
	if today := zone.DateAt(now); l.First < today {
		return fault.InvalidField(field, fmt.Sprintf("must not be before today, %s in %s", today, zone.Name()))
	}
	if _, err := worktime.NewOverride(l.First, l.Windows); err != nil {
		return windowFault("date_override.windows", err)
	}
	if err := checkOverlap("date_override.windows", l.Windows); err != nil {
		return err
	}
	if taken != nil {
		return fault.New(fault.AlreadyExists, fault.ReasonAlreadyExists, "the date %s has an override already: delete %s first",
			l.First, taken.ResourceName()).With("name", taken.ResourceName()).WithField(field, "must have no override yet")
	}
	return nil
}

func (l *Layer) checkFocus(zone *worktime.Zone, now time.Time) error {
	const field = "focus_block."
	if err := checkDisplayName(field, l.Name, MaxLayerName); err != nil {
		return err
	}
	switch {
	case l.Dated && len(l.Windows) == 0:
		return fault.InvalidField(field+"windows", "must be at least one")
	case l.Dated:
		if err := CheckWindows(field+"windows", l.Windows); err != nil {
			return err
		}
		return l.checkDates(zone, now)
	}
	if err := CheckInstant(field+"start_time", l.Start); err != nil {
		return err
	}
	if err := CheckInstant(field+"end_time", l.End); err != nil {
		return err
	}
	switch {
	case !l.End.After(l.Start):
		return fault.InvalidField(field+"end_time", "must be after start_time")
	case l.End.Sub(l.Start) > MaxLayerDays*24*time.Hour:
		return fault.InvalidField(field+"end_time", "must be at most 366 days after start_time")
	case !l.End.After(now):
		return fault.InvalidField(field+"end_time", "must not have passed")
	}
	return nil
}

// CheckWindows refuses windows that are no stretches of a day, or that overlap, by their places.
func CheckWindows(field string, windows []Window) error {
	if len(windows) > MaxWindows {
		return fault.InvalidField(field, "must be at most 50")
	}
	if _, err := worktime.NewWeek(windows); err != nil {
		return windowFault(field, err)
	}
	return checkOverlap(field, windows)
}

func checkOverlap(field string, windows []Window) error {
	if first, second, overlap := worktime.Overlapping(windows); overlap {
		return fault.InvalidField(fmt.Sprintf("%s[%d]", field, second), fmt.Sprintf("must not overlap windows[%d]", first))
	}
	return nil
}

// windowFault is the refusal of a window, by its place.
func windowFault(field string, err error) error {
	wrong, ok := errors.AsType[*worktime.WindowError](err)
	if !ok {
		return err
	}
	part := map[string]string{"days": "days", "start": "start_time", "end": "end_time"}[wrong.Part]
	return fault.InvalidField(fmt.Sprintf("%s[%d].%s", field, wrong.Index, part), wrong.Rule)
}
