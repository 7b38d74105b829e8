package worktime

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// period is a longest time in which the zone, the weekly hours and what is known of any date stay the same.
type period struct {
	// from and until are its bounds; zero for since ever and for ever.
	from, until time.Time
	zone        *Zone
	week        *Week
	// gone says that nothing is worked, whatever lies over it.
	gone bool
}

// dated is what holds for a date in place of its weekly windows.
type dated struct {
	date    Date
	windows []hours
	// holiday says that the weekly windows are a holiday of that name.
	holiday bool
	name    string
	Known
}

// dates are those with a holiday or an override that ever counts. When it was known is left out where it was so before
// any clock shows the date, or until its last window has ended.
func (l *Layers) dates() []dated {
	all := make([]dated, 0, len(l.Holidays)+len(l.Overrides))
	add := func(d dated) {
		lower, upper := instant(wall(d.date, -farthest)), instant(wall(d.date+2, farthest))
		if reach, counts := (Interval{lower, upper}).clip(d.Since, d.Until); counts {
			if reach.Start.Equal(lower) {
				d.Since = time.Time{}
			}
			if reach.End.Equal(upper) {
				d.Until = time.Time{}
			}
			all = append(all, d)
		}
	}
	for _, h := range l.Holidays {
		add(dated{date: h.Date, holiday: true, name: h.Name, Known: h.Known})
	}
	for _, o := range l.Overrides {
		add(dated{date: o.Date, windows: o.windows, Known: o.Known})
	}
	slices.SortStableFunc(all, func(a, b dated) int { return cmp.Compare(a.date, b.date) })
	return all
}

// periods are all of time, in order.
func (l *Layers) periods(dates []dated) []period {
	hours := slices.Clone(l.Hours)
	if len(hours) == 0 {
		hours = []Hours{{Zone: UTC()}}
	}
	slices.SortStableFunc(hours, func(a, b Hours) int { return a.From.Compare(b.From) })
	stays := make([]Interval, len(l.Travels))
	cuts := make([]time.Time, 0, len(hours)+2*len(stays))
	for _, h := range hours[1:] {
		cuts = append(cuts, h.From)
	}
	for i, t := range l.Travels {
		if stay, counts := (Interval{t.Zone.StartOf(t.First), t.Zone.StartOf(t.Last + 1)}).clip(t.Since, t.Until); counts {
			stays[i] = stay
			cuts = append(cuts, stay.Start, stay.End)
		}
	}
	for _, d := range dates {
		cuts = append(cuts, d.Since, d.Until)
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	if len(cuts) == 0 || !cuts[0].IsZero() {
		cuts = slices.Insert(cuts, 0, time.Time{})
	}
	all := make([]period, len(cuts))
	h := 0
	for i, from := range cuts {
		for h+1 < len(hours) && !hours[h+1].From.After(from) {
			h++
		}
		all[i] = period{from: from, zone: hours[h].Zone, week: &hours[h].Week, gone: hours[h].Gone}
		if i+1 < len(cuts) {
			all[i].until = cuts[i+1]
		}
		for j, stay := range stays {
			if !from.Before(stay.Start) && from.Before(stay.End) {
				all[i].zone = l.Travels[j].Zone
			}
		}
	}
	return all
}

// special is what holds for a date in place of its weekly windows; nil for nothing.
func (c *Calendar) special(p *period, d Date) *dated {
	if len(c.dates) == 0 {
		return nil
	}
	i := sort.Search(len(c.dates), func(i int) bool { return c.dates[i].date > d })
	for i--; i >= 0 && c.dates[i].date == d; i-- {
		if c.dates[i].throughout(p.from, p.until) {
			return &c.dates[i]
		}
	}
	return nil
}
