// Package ical reads what a calendar in iCalendar (RFC 5545) says about busy time, and writes Meridian's own calendars.
//
// Of a file only the events are read, and of an event only what decides when it is busy: DTSTART, DTEND, DURATION, RRULE,
// RDATE, EXDATE, RECURRENCE-ID with RANGE, SEQUENCE, TRANSP, STATUS and UID, beside VTIMEZONE; titles only for who asks.
// Busy is an event that is neither TRANSPARENT nor CANCELLED. An override decides for itself and inherits neither.
// Recurrences are expanded only within the range asked for.
//
// The rules, with their places in RFC 5545. A set of recurrence is DTSTART, RRULE and RDATE less EXDATE, compared as
// instants (3.8.5); COUNT is taken before EXDATE, UNTIL is inclusive. DTEND gives every instance the same exact length;
// dates, and days and weeks of DURATION, are nominal (3.8.5.3). A DATE without an end lasts a day, a DATE-TIME without one
// nothing (3.6.1). DATE and floating values are in the zone that the caller names, and nothing in the file overrules it.
// A TZID means the VTIMEZONE of that name in the file, else the IANA zone of that name, also behind a vendor's prefix,
// else the IANA zone of that Windows name. Local times become instants as 3.3.5 says: in a gap with the offset before it,
// of a repeated hour the first. RANGE=THISANDFUTURE shifts all later instances by the same difference on the clock.
//
// Files come from strangers. What is malformed is refused with its line, property and rule; what is too much, with the
// name of the limit. Neither is ever expanded wrongly or left out in silence.
package ical

import (
	"io"
	"time"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// Limits bound what a file may cost. A zero value in any of them stands for its default.
type Limits struct {
	// Bytes is the size of the file: 16 MiB.
	Bytes int64
	// Line is the length of one unfolded line that counts, in bytes: 256 KiB.
	Line int
	// Depth is how deep components may lie within each other: 8.
	Depth int
	// Events is how many events there may be: 50,000.
	Events int
	// Dates is how many values of RDATE and EXDATE there may be in all: 100,000.
	Dates int
	// Zones is how many VTIMEZONE components there may be: 1,000.
	Zones int
	// Changes is how many changes of their offsets the VTIMEZONE components may come to in one question: 100,000.
	Changes int
	// Instances is how many instances one question may come to: 100,000.
	Instances int
	// Work is how many candidates of recurrences one question may look at: 10,000,000.
	Work int
}

func (l Limits) orDefaults() Limits {
	set := func(v *int, standard int) {
		if *v == 0 {
			*v = standard
		}
	}
	if l.Bytes == 0 {
		l.Bytes = 16 << 20
	}
	set(&l.Line, 256<<10)
	set(&l.Depth, 8)
	set(&l.Events, 50_000)
	set(&l.Dates, 100_000)
	set(&l.Zones, 1_000)
	set(&l.Changes, 100_000)
	set(&l.Instances, 100_000)
	set(&l.Work, 10_000_000)
	return l
}

// Options say how a file is read.
type Options struct {
	Limits Limits
	// Titles keeps the SUMMARY of each event. Without it titles are not read at all.
	Titles bool
	// Copy is given, where it is not nil, what of the file is read and nothing else: a file that stands for the same busy
	// times, with the same events refused, at other lines. It is whole where Parse has no error.
	Copy io.Writer
}

// Calendar is what a file says about busy time. It never changes, and may be used by many goroutines.
type Calendar struct {
	series  []series
	refused []*Error
	limits  Limits
}

// Instance is one time at which a busy event takes place.
type Instance struct {
	worktime.Interval
	// UID is the event's, empty where it has none.
	UID string
	// Title is the SUMMARY; empty without Options.Titles.
	Title string
}

// Parse reads a file: one VCALENDAR or several. Its error is an *Error for what is no calendar or is cut off, a
// *LimitError for what is too much, or the reader's or the copy's own. Single events that cannot be read are in Refused.
func Parse(r io.Reader, o Options) (*Calendar, error) {
	p := &parser{titles: o.Titles, limits: o.Limits.orDefaults(), zones: map[string]*tzid{}, declared: map[string]*timezone{}}
	if o.Copy != nil {
		p.copy = &reducer{parser: p, to: o.Copy}
	}
	if err := p.read(r); err != nil {
		return nil, err
	}
	return p.calendar(), nil
}

// Refused says which events cannot be read and why, in the order of lines. Of a UID with one of them no event counts:
// the others could not be told from what it changes. Whoever wants all or nothing refuses the file by the first.
func (c *Calendar) Refused() []*Error { return c.refused }

// Busy are the busy intervals from an instant until before another, clipped to them, in UTC. DATE and floating values
// are in the zone. Its error is a *LimitError.
func (c *Calendar) Busy(zone *worktime.Zone, from, until time.Time) ([]worktime.Interval, error) {
	all, err := c.ask(zone, from, until)
	if err != nil {
		return nil, err
	}
	var merged []worktime.Interval
	for _, o := range all {
		i := worktime.Interval{Start: latest(instant(o.start), from.UTC()), End: earliest(instant(o.end), until.UTC())}
		if n := len(merged); n > 0 && !i.Start.After(merged[n-1].End) {
			merged[n-1].End = latest(merged[n-1].End, i.End)
			continue
		}
		merged = append(merged, i)
	}
	return merged, nil
}

// Instances are those that take time between the instants, each whole, in the order of their starts. Zone and error are
// as of Busy.
func (c *Calendar) Instances(zone *worktime.Zone, from, until time.Time) ([]Instance, error) {
	all, err := c.ask(zone, from, until)
	if err != nil {
		return nil, err
	}
	instances := make([]Instance, len(all))
	for i, o := range all {
		instances[i] = Instance{
			Interval: worktime.Interval{Start: instant(o.start), End: instant(o.end)}, UID: o.event.uid, Title: o.event.title,
		}
	}
	return instances, nil
}

func instant(at int64) time.Time { return time.Unix(at, 0).UTC() }

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
