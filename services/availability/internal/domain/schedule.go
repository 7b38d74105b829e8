package domain

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/holidays"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// Window is a stretch of local civil time that repeats on some days of every week.
type Window = worktime.Window

// Schedule is one version of a member's weekly hours, in force from Start until End.
type Schedule struct {
	// Workspace, Member and ID say which it is.
	Workspace, Member, ID uuid.UUID
	// Zone is the IANA zone that the windows are read in.
	Zone    string
	Windows []Window
	// Region is that whose public holidays are not worked while it is in force; empty for none.
	Region string
	// EffectiveDate is the first local date it was made for.
	EffectiveDate worktime.Date
	// Start is the later of CreateTime and the start of EffectiveDate; End is when the next version takes over, zero in the
	// last one. One that was cut away before it ever began ends where it starts.
	Start, End time.Time
	CreateTime time.Time
}

// holds says whether the version is or will be in force at all.
func (s Schedule) holds() bool { return s.End.IsZero() || s.End.After(s.Start) }

// DefaultSchedule is one version of the hours of those who have set none, each in their own zone.
type DefaultSchedule struct {
	Workspace, ID uuid.UUID
	Windows       []Window
	// Region is that whose public holidays are not worked while it holds; empty for none.
	Region string
	// EffectiveDate is the first local date it holds for, in each member's zone.
	EffectiveDate worktime.Date
	// Version is the workspace's when it was made: the order of the versions.
	Version    int64
	CreateTime time.Time
}

// Begins is the first instant at which it may hold: where its first date begins in UTC, but never before it was made.
func (d DefaultSchedule) Begins() time.Time {
	if begins := worktime.UTC().StartOf(d.EffectiveDate); begins.After(d.CreateTime) {
		return begins
	}
	return d.CreateTime
}

// StandardWindows hold where a workspace has made no default: Monday to Friday, 09:00 to 17:00.
func StandardWindows() []Window {
	return []Window{{
		Days:  []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
		Start: 9 * 60, End: 17 * 60,
	}}
}

// NewSchedule makes the member's hours from a local date on, today when it is nil.
func NewSchedule(s Schedule, date *worktime.Date, m *MemberTime, now time.Time) (Schedule, []Event, error) {
	const field = "working_schedule"
	zone, err := CheckZone(field+".time_zone", s.Zone)
	if err != nil {
		return Schedule{}, nil, err
	}
	if err := checkHours(field, s.Windows, s.Region); err != nil {
		return Schedule{}, nil, err
	}
	if s.EffectiveDate, err = effective(field, date, zone.DateAt(now), "in "+s.Zone); err != nil {
		return Schedule{}, nil, err
	}
	s.CreateTime, s.Start = now, zone.StartOf(s.EffectiveDate)
	if s.Start.Before(now) {
		s.Start = now
	}
	return s, []Event{
		ScheduleChanged{Schedule: s, Version: m.Next()},
		m.changed(s.Start, time.Time{}),
	}, nil
}

// NewDefaultSchedule makes the workspace's default hours from a date on, today in UTC when it is nil.
func NewDefaultSchedule(d DefaultSchedule, date *worktime.Date, w *WorkspaceTime, now time.Time) (DefaultSchedule, []Event, error) {
	const field = "default_schedule"
	if err := checkHours(field, d.Windows, d.Region); err != nil {
		return DefaultSchedule{}, nil, err
	}
	var err error
	if d.EffectiveDate, err = effective(field, date, worktime.UTC().DateAt(now), "in UTC"); err != nil {
		return DefaultSchedule{}, nil, err
	}
	w.Version++
	d.CreateTime, d.Version = now, w.Version
	return d, []Event{DefaultScheduleChanged{Schedule: d, Version: w.Version}}, nil
}

// effective is the date from which hours hold: what has been is never rewritten.
func effective(field string, date *worktime.Date, today worktime.Date, where string) (worktime.Date, error) {
	if date == nil {
		return today, nil
	}
	field += ".effective_date"
	if err := CheckDate(field, *date); err != nil {
		return 0, err
	}
	if *date < today {
		return 0, fault.InvalidField(field, fmt.Sprintf("must not be before today, %s %s", today, where))
	}
	return *date, nil
}

// CheckZone returns the zone of an IANA name.
func CheckZone(field, name string) (*worktime.Zone, error) {
	zone, err := worktime.LoadZone(name)
	if err != nil {
		return nil, fault.InvalidField(field, "must be an IANA time zone such as Europe/Lisbon")
	}
	return zone, nil
}

// checkHours refuses windows and a region that hours cannot have.
func checkHours(field string, windows []Window, region string) error {
	if err := CheckWindows(field+".windows", windows); err != nil || region == "" {
		return err
	}
	return CheckRegion(field+".holiday_region", region)
}

// CheckRegion refuses a region whose holidays are not known.
func CheckRegion(field, region string) error {
	if !holidays.Known(region) {
		return fault.InvalidField(field, fmt.Sprintf(
			"must be a region that ListHolidayRegions lists, by its code such as DE or DE-BE: there are no holidays of %q", region))
	}
	return nil
}
