package domain

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// ZonePeriod is the zone of a member's profile from an instant on, until End; zero is still.
type ZonePeriod struct {
	Zone       string
	Start, End time.Time
	// Seen is the version of the member at which the directory last said so.
	Seen int64
}

// Record is what is known of a member's working time, from some instant on: the layers, not yet laid.
type Record struct {
	Workspace, Member uuid.UUID
	// Name is what people call them; Active says whether they can be reached at all.
	Name   string
	Active bool
	// Guest says that their role is GUEST.
	Guest bool
	// Departures are when they had left, in order.
	Departures []Departure
	// Manager is whom they report to; uuid.Nil for nobody.
	Manager uuid.UUID
	// Version counts the changes of their working time.
	Version int64
	// Zone is that of their profile as the projection has it, WorkspaceZone their workspace's.
	Zone, WorkspaceZone string
	// Zones are those that their profile has had, in order.
	Zones []ZonePeriod
	// Schedules are their own hours, Defaults the workspace's, in the order they were made.
	Schedules []Schedule
	Defaults  []DefaultSchedule
	TimeOffs  []TimeOff
	// BusyTimes are those of their own calendars.
	BusyTimes []BusyTime
	// Delegations are those by which others act for them.
	Delegations []Delegation
	// Layers are those that lie over the hours, in the order they were made.
	Layers []Layer
	// From and Until are the range of which all that matters is known.
	From, Until time.Time
	// Rules are zones whose rules are others than those of the database, by name: what they were in another version.
	Rules map[string]*worktime.Zone
}

// zone is the zone of a name by the rules that are to hold.
func (r Record) zone(name string) *worktime.Zone {
	if zone := r.Rules[name]; zone != nil {
		return zone
	}
	return zoneOf(name)
}

// Person is a member with their layers laid.
type Person struct {
	Record
	Calendar *worktime.Calendar
	sources  []Source
	// free are the holidays of the regions of their hours, on dates of the record's range.
	free []worktime.Holiday
}

// Source is the hours that hold for a member from an instant on, and where they come from.
type Source struct {
	From    time.Time
	Zone    string
	Windows []Window
	// Region is that whose holidays are not worked; empty for none.
	Region string
	// Inherited says that the workspace's default holds. Schedule is the member's own hours or the workspace's; uuid.Nil is
	// the standard of a workspace that has made none.
	Inherited bool
	Schedule  uuid.UUID
	// Gone says that the member is deactivated: nothing is worked, whatever lies over the hours.
	Gone bool
}

// Lay makes a person of what is known: their own schedules, before the first of them the workspace's defaults in the zone
// that they then had, their regions' holidays in the range of the record, and all that lies over them.
func (r Record) Lay() (Person, error) {
	p := Person{Record: r}
	var until time.Time // of what is inherited
	for _, s := range r.Schedules {
		if !s.holds() {
			continue
		}
		if until.IsZero() || s.Start.Before(until) {
			until = s.Start
		}
		p.sources = append(p.sources, Source{From: s.Start, Zone: s.Zone, Windows: s.Windows, Region: s.Region, Schedule: s.ID})
	}
	for _, inherited := range r.inherited() {
		if until.IsZero() || inherited.From.Before(until) {
			p.sources = append(p.sources, inherited)
		}
	}
	slices.SortStableFunc(p.sources, func(a, b Source) int { return a.From.Compare(b.From) })
	for _, departure := range r.Departures {
		p.sources = p.without(departure)
	}
	layers, err := p.layers()
	p.Calendar, p.free = worktime.NewCalendar(layers), layers.Holidays
	return p, err
}

// without are the sources less those of a departure: hours end where it starts, and go on where it ends.
func (p Person) without(d Departure) []Source {
	left := p.In(d.Start)
	left.From, left.Gone, left.Region = d.Start, true, ""
	var all []Source
	for _, s := range p.sources {
		if s.From.Before(d.Start) {
			all = append(all, s)
		}
	}
	all = append(all, left)
	if !d.End.IsZero() {
		back := p.In(d.End)
		back.From = d.End
		all = append(all, back)
		for _, s := range p.sources {
			if s.From.After(d.End) {
				all = append(all, s)
			}
		}
	}
	return all
}

// inherited are the workspace's hours in the zones that the member has had.
func (r Record) inherited() []Source {
	periods := r.Zones
	if len(periods) == 0 {
		periods = []ZonePeriod{{Zone: r.Zone}}
	}
	var all []Source
	for i, period := range periods {
		if !period.End.IsZero() && !period.End.After(period.Start) {
			continue
		}
		if i == 0 {
			period.Start = time.Time{}
		}
		defaults := r.defaults(KnownZone(period.Zone, r.WorkspaceZone))
		for j, s := range defaults {
			until := period.End
			if j+1 < len(defaults) && (until.IsZero() || defaults[j+1].From.Before(until)) {
				until = defaults[j+1].From
			}
			if s.From.Before(period.Start) {
				s.From = period.Start
			}
			if until.IsZero() || s.From.Before(until) {
				all = append(all, s)
			}
		}
	}
	return all
}

// defaults are the workspace's hours in a zone: each version cuts those before it where it takes over there.
func (r Record) defaults(zone string) []Source {
	all := []Source{{Zone: zone, Windows: StandardWindows(), Inherited: true}}
	for _, d := range r.Defaults {
		from := r.zone(zone).StartOf(d.EffectiveDate)
		if from.Before(d.CreateTime) {
			from = d.CreateTime
		}
		for len(all) > 1 && !all[len(all)-1].From.Before(from) {
			all = all[:len(all)-1]
		}
		all = append(all, Source{From: from, Zone: zone, Windows: d.Windows, Region: d.Region, Inherited: true, Schedule: d.ID})
	}
	return all
}

// ZoneAt is the name of the zone in force at an instant: a travel's, else that of the hours.
func (p Person) ZoneAt(at time.Time) string { return p.Calendar.ZoneAt(at).Name() }

// In is the hours that hold at an instant, in their own zone.
func (p Person) In(at time.Time) Source {
	i, exact := slices.BinarySearchFunc(p.sources, at, func(s Source, at time.Time) int { return s.From.Compare(at) })
	for exact && i+1 < len(p.sources) && p.sources[i+1].From.Equal(at) {
		i++
	}
	if !exact {
		i = max(i-1, 0)
	}
	return p.sources[i]
}

// Inheriting returns until when the member has no hours of their own from now on, zero for ever, and whether that is so at
// all.
func (r Record) Inheriting(now time.Time) (until time.Time, so bool) {
	for _, s := range r.Schedules {
		if s.holds() && (until.IsZero() || s.Start.Before(until)) {
			until = s.Start
		}
	}
	return until, until.IsZero() || until.After(now)
}

// KnownZone is the first of the names that is a zone, else UTC.
func KnownZone(names ...string) string {
	for _, name := range names {
		if _, err := worktime.LoadZone(name); err == nil {
			return name
		}
	}
	return worktime.UTC().Name()
}

func zoneOf(name string) *worktime.Zone {
	zone, err := worktime.LoadZone(cmp.Or(name, "UTC"))
	if err != nil {
		return worktime.UTC() // a zone that a database of another version had
	}
	return zone
}
