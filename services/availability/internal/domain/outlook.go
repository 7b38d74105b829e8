package domain

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// The limits of an outlook.
const (
	// OutlookDays is how many days one has unless asked for another number, MaxOutlookDays how many at most: those of the largest
	// team are fewer than MaxMemberDays.
	OutlookDays    = 14
	MaxOutlookDays = 31
	// OutlookBucket is how long its buckets are.
	OutlookBucket = time.Hour
	// MaxOutlook bounds its intervals, and members of holidays, so that it fits into a message with all names.
	MaxOutlook = 100_000
)

// OutlookQuery asks for whole days of a zone, from that of an instant on.
type OutlookQuery struct {
	At   time.Time
	Zone string
	Days int
}

// OutlookDay is a date of a zone, from its first instant until the first one after it.
type OutlookDay struct {
	Date worktime.Date
	worktime.Interval
}

// Range are the days asked for, without those that the zone left out.
func (q OutlookQuery) Range() ([]OutlookDay, error) {
	if err := CheckInstant("start_time", q.At); err != nil {
		return nil, err
	}
	zone, err := CheckZone("time_zone", q.Zone)
	if err != nil {
		return nil, err
	}
	count := cmp.Or(q.Days, OutlookDays)
	if count < 1 || count > MaxOutlookDays {
		return nil, fault.InvalidField("days", "must be from 1 to 31")
	}
	var days []OutlookDay
	for first, date := zone.DateAt(q.At), zone.DateAt(q.At); date < first+worktime.Date(count); date++ {
		day := OutlookDay{Date: date, Interval: worktime.Interval{Start: zone.StartOf(date), End: zone.StartOf(date + 1)}}
		if day.Start.Before(day.End) {
			days = append(days, day)
		}
	}
	if err := CheckInstant("start_time", days[0].Start); err != nil {
		return nil, err
	}
	return days, CheckInstant("start_time", days[len(days)-1].End)
}

// Outlook is what is needed to draw a team's next days.
type Outlook struct {
	// Zone is the one that the days are of.
	Zone string
	Days []OutlookDay
	Rows []OutlookRow
	// Core is when the core hours then in force hold.
	Core     []worktime.Interval
	Coverage Coverage
	Holidays []TeamHoliday
}

// OutlookRow is a member's time; uuid.Nil acts for nobody.
type OutlookRow struct {
	Availability
	Name     string
	Delegate uuid.UUID
}

// TeamHoliday is a public holiday of the regions of some members, in the order of the rows.
type TeamHoliday struct {
	Date    worktime.Date
	Name    string
	Members []uuid.UUID
}

// NewOutlook draws some days of a team. all are its people and who acts for them in turn at an instant.
func NewOutlook(team []Person, all People, core CoreHistory, days []OutlookDay, at time.Time) (Outlook, error) {
	tooMany := fault.InvalidField("days", "must be fewer: the answer would have more than 100000 intervals")
	start, end := days[0].Start, days[len(days)-1].End
	o := Outlook{Days: days}
	slices.SortFunc(team, byName)
	room := MaxOutlook
	for _, p := range team {
		availability, ok := p.Availability(start, end, room)
		if !ok {
			return o, tooMany
		}
		room -= len(availability.Stretches)
		availability.Zone = p.ZoneAt(at)
		o.Rows = append(o.Rows, OutlookRow{
			Availability: availability, Name: p.Name, Delegate: all.Resolve(p.Member, Asks, at).Delegate(),
		})
	}
	required, err := core.calendar(false)
	if err != nil {
		return o, err
	}
	o.Core = slices.Collect(required.Working(start, end))
	if o.Coverage, err = cover(team, core, CoverageQuery{Start: start, End: end, Bucket: OutlookBucket}); err != nil {
		return o, err
	}
	o.Holidays = teamHolidays(team, days[0].Date, days[len(days)-1].Date)
	room -= len(o.Core) + len(o.Coverage.Buckets) + len(o.Coverage.Gaps)
	for _, h := range o.Holidays {
		room -= len(h.Members)
	}
	if room < 0 {
		return o, tooMany
	}
	return o, nil
}

// byName is the order of display names, capitals or not, and of ids where they are the same.
func byName(a, b Person) int {
	return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), bytes.Compare(a.Member[:], b.Member[:]))
}

// teamHolidays are the holidays of people on dates from first to last, by date and name.
func teamHolidays(people []Person, first, last worktime.Date) []TeamHoliday {
	type key struct {
		date worktime.Date
		name string
	}
	whose := map[key][]uuid.UUID{}
	for _, p := range people {
		for _, h := range p.Holidays(first, last) {
			k := key{h.Date, h.Name}
			if !slices.Contains(whose[k], p.Member) { // hours before and after a change may have the same region
				whose[k] = append(whose[k], p.Member)
			}
		}
	}
	found := make([]TeamHoliday, 0, len(whose))
	for k, members := range whose {
		found = append(found, TeamHoliday{Date: k.date, Name: k.name, Members: members})
	}
	slices.SortFunc(found, func(a, b TeamHoliday) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), strings.Compare(a.Name, b.Name))
	})
	return found
}

// Holidays are the public holidays of the regions of the person's hours on dates from first to last of the record's range, where
// those hours hold at some instant of the date in the zone then in force.
func (p Person) Holidays(first, last worktime.Date) []worktime.Holiday {
	var found []worktime.Holiday
	for _, h := range p.free {
		zone := p.Calendar.ZoneAt(worktime.UTC().StartOf(h.Date))
		if h.Date >= first && h.Date <= last && h.Since.Before(zone.StartOf(h.Date+1)) &&
			(h.Until.IsZero() || h.Until.After(zone.StartOf(h.Date))) {
			found = append(found, h)
		}
	}
	return found
}
