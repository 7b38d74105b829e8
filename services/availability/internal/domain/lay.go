package domain

import (
	"time"

	"github.com/meridianhq/meridian/pkg/holidays"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// layers are what the person's calendar is made of.
func (p Person) layers() (worktime.Layers, error) {
	var l worktime.Layers
	for i, s := range p.sources {
		week, err := worktime.NewWeek(s.Windows)
		if err != nil {
			return l, err
		}
		l.Hours = append(l.Hours, worktime.Hours{From: s.From, Zone: p.zone(s.Zone), Week: week, Gone: s.Gone})
		known := worktime.Known{Since: s.From}
		if i+1 < len(p.sources) {
			known.Until = p.sources[i+1].From
		}
		l.Holidays = append(l.Holidays, p.holidays(s.Region, known)...)
	}
	for _, t := range p.TimeOffs {
		if t.counts() {
			l.Absences = append(l.Absences, t.absence())
		}
	}
	for _, b := range p.BusyTimes {
		l.Blocks = append(l.Blocks, worktime.Block{Start: b.Start, End: b.End})
	}
	for i := range p.Layers {
		if err := p.Layers[i].lay(p.zone, &l); err != nil {
			return l, err
		}
	}
	return l, nil
}

// holidays are those of a region on the dates of the record's range while hours with that region hold.
func (p Person) holidays(region string, known worktime.Known) []worktime.Holiday {
	from, until := p.From, p.Until
	if from.Before(known.Since) {
		from = known.Since
	}
	if !known.Until.IsZero() && known.Until.Before(until) {
		until = known.Until
	}
	if region == "" || from.After(until) {
		return nil
	}
	var all []worktime.Holiday
	for _, h := range holidays.Between(region, dateBefore(from), dateAfter(until)) {
		all = append(all, worktime.Holiday{Date: h.Date, Name: h.Name, Known: known})
	}
	return all
}

// dateBefore and dateAfter are dates of which no window is before, or after, an instant in any zone.
func dateBefore(at time.Time) worktime.Date { return worktime.UTC().DateAt(at) - 2 }
func dateAfter(at time.Time) worktime.Date  { return worktime.UTC().DateAt(at) + 1 }

// lay adds the layer to the others. zone is the zone of a name.
func (l *Layer) lay(zone func(name string) *worktime.Zone, to *worktime.Layers) error {
	known := worktime.Known{Since: l.CreateTime, Until: l.DeleteTime}
	switch l.Kind {
	case Travel:
		to.Travels = append(to.Travels, worktime.Travel{Zone: zone(l.Zone), First: l.First, Last: l.Last, Known: known})
	case DateOverride:
		o, err := worktime.NewOverride(l.First, l.Windows)
		if err != nil {
			return err
		}
		o.Known = known
		to.Overrides = append(to.Overrides, o)
	case FocusBlock:
		b := worktime.Block{Weekly: l.Dated, First: l.First, Last: l.Last, Start: l.Start, End: l.End, Known: known}
		var err error
		if b.Week, err = worktime.NewWeek(l.Windows); err != nil {
			return err
		}
		to.Blocks = append(to.Blocks, b)
	}
	return nil
}
