package ical

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
)

// parser reads components, RFC 5545 3.6, and keeps events and zones.
type parser struct {
	titles bool
	limits Limits
	copy   *reducer // nil for none

	open   []string // the components that are open
	closed bool     // a VCALENDAR was there
	draft  *draft
	offset *observance

	zones     map[string]*tzid     // by TZID, as properties name them
	declared  map[string]*timezone // by TZID, as the file declares them
	timezone  *timezone
	timezones int
	dates     int
	begun     int // events
	events    []*event
	refused   []*Error
}

const (
	calendarName = "VCALENDAR"
	eventName    = "VEVENT"
	timezoneName = "VTIMEZONE"
)

func (p *parser) read(r io.Reader) error {
	in := newLines(r, p.limits, p.wanted)
	for {
		l, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return p.end(in.number)
		case err != nil:
			return err
		}
		if err := p.copied(l); err != nil {
			return err
		}
	}
}

// copied reads a line, and writes it where it counts and a copy is asked for.
func (p *parser) copied(l line) error {
	if p.copy == nil || !p.wanted(l.name) {
		return p.line(l)
	}
	counts := p.copy.before(l)
	if err := p.line(l); err != nil {
		return err
	}
	return p.copy.after(l, counts)
}

// end says whether a file may end here.
func (p *parser) end(number int) error {
	switch {
	case len(p.open) > 0:
		return &Error{Line: number, Property: "END:" + p.open[len(p.open)-1], Rule: "is missing: the file is cut off"}
	case !p.closed:
		return &Error{Line: number, Property: calendarName, Rule: "must be in the file, which is no iCalendar"}
	}
	return nil
}

// inside says whether just these components are open.
func (p *parser) inside(names ...string) bool { return slices.Equal(p.open, names) }

// inOffset says whether a STANDARD or DAYLIGHT of a VTIMEZONE is open.
func (p *parser) inOffset() bool { return len(p.open) == 3 && p.offset != nil }

func (p *parser) wanted(name string) bool {
	switch name {
	case "BEGIN", "END":
		return true
	case "DTSTART", "RRULE", "RDATE":
		return p.inside(calendarName, eventName) || p.inOffset()
	case "TZOFFSETFROM", "TZOFFSETTO":
		return p.inOffset()
	case "TZID":
		return p.inside(calendarName, timezoneName)
	case "DTEND", "DURATION", "EXDATE", "EXRULE", "RECURRENCE-ID", "SEQUENCE", "STATUS", "TRANSP", "UID":
		return p.inside(calendarName, eventName)
	case "SUMMARY":
		return p.titles && p.inside(calendarName, eventName)
	}
	return false
}

func (p *parser) line(l line) error {
	if len(p.open) == 0 && l.name != "BEGIN" {
		return &Error{Line: l.number, Property: calendarName, Rule: "must be opened before anything else: this is no iCalendar"}
	}
	if !p.wanted(l.name) {
		return nil
	}
	property, err := l.parse()
	switch {
	case l.name == "BEGIN" && err == nil:
		return p.begin(l.number, strings.ToUpper(property.value))
	case l.name == "END" && err == nil:
		return p.finish(l.number, strings.ToUpper(property.value))
	case err == nil && p.draft != nil:
		err = p.draft.set(p, property, l.number)
	case err == nil && p.offset != nil:
		err = p.offset.set(p, property)
	case err == nil:
		p.timezone.name = unescape(property.value)
	}
	var known *refusal
	if errors.As(err, &known) {
		p.refuse(l.number, known)
		return nil
	}
	return err
}

// refuse keeps the first that is wrong with what is open.
func (p *parser) refuse(number int, why *refusal) {
	found := &Error{Line: number, Property: why.property, Rule: why.rule}
	switch {
	case p.draft != nil && p.draft.wrong == nil:
		p.draft.wrong = found
	case p.timezone != nil && p.timezone.wrong == nil:
		p.timezone.wrong = found
	}
}

func (p *parser) begin(number int, name string) error {
	if len(p.open) == 0 && name != calendarName {
		return &Error{Line: number, Property: calendarName, Rule: "must be opened before " + shown(name)}
	}
	if len(p.open) == p.limits.Depth {
		return &LimitError{Limit: "Depth", Max: int64(p.limits.Depth), Line: number}
	}
	p.open = append(p.open, strings.Clone(name))
	switch {
	case p.inside(calendarName, eventName):
		if p.begun++; p.begun > p.limits.Events {
			return &LimitError{Limit: "Events", Max: int64(p.limits.Events), Line: number}
		}
		p.draft = &draft{event: event{line: number, busy: true}}
	case p.inside(calendarName, timezoneName):
		if p.timezones++; p.timezones > p.limits.Zones {
			return &LimitError{Limit: "Zones", Max: int64(p.limits.Zones), Line: number}
		}
		p.timezone = &timezone{line: number}
	case p.inside(calendarName, timezoneName, "STANDARD"), p.inside(calendarName, timezoneName, "DAYLIGHT"):
		p.offset = &observance{line: number}
	}
	return nil
}

func (p *parser) finish(number int, name string) error {
	if innermost := p.open[len(p.open)-1]; name != innermost {
		return &Error{Line: number, Property: "END:" + innermost, Rule: "must come before END:" + strings.Trim(shown(name), `"`)}
	}
	switch {
	case p.inside(calendarName):
		p.closed = true
	case p.inside(calendarName, eventName):
		p.keep(p.draft)
		p.draft = nil
	case p.inOffset():
		if err := p.offset.check(); err != nil {
			p.refuse(p.offset.line, err)
		}
		p.timezone.observances = append(p.timezone.observances, *p.offset)
		p.offset = nil
	case p.inside(calendarName, timezoneName):
		if _, twice := p.declared[p.timezone.name]; !twice && p.timezone.name != "" {
			p.declared[p.timezone.name] = p.timezone
		}
		p.timezone = nil
	}
	p.open = p.open[:len(p.open)-1]
	return nil
}

// keep keeps an event that was read, or why it cannot be.
func (p *parser) keep(d *draft) {
	wrong := d.wrong
	if wrong == nil {
		wrong = d.finish()
	}
	if wrong != nil {
		wrong.UID = d.uid
		p.refused = append(p.refused, wrong)
		return
	}
	kept := d.event
	p.events = append(p.events, &kept)
}

// zone is the one of a TZID, for which a meaning is found when all of the file is known.
func (p *parser) zone(name string) *tzid {
	if name == "" {
		return nil
	}
	z, ok := p.zones[name]
	if !ok {
		z = &tzid{name: name}
		p.zones[name] = z
	}
	return z
}

// spendDates counts values of RDATE and EXDATE.
func (p *parser) spendDates(number int) error {
	if p.dates++; p.dates > p.limits.Dates {
		return &LimitError{Limit: "Dates", Max: int64(p.limits.Dates), Line: number}
	}
	return nil
}

// calendar is what was read: the events that count, by their UID.
func (p *parser) calendar() *Calendar {
	for _, z := range p.zones {
		z.resolve(p.declared)
	}
	refused, wrong := p.refused, map[string]bool{}
	for _, e := range p.events {
		if err := e.zones(); err != nil {
			refused = append(refused, err)
		}
	}
	for _, err := range refused {
		wrong[err.UID] = err.UID != ""
	}
	c := &Calendar{refused: refused, limits: p.limits}
	places := map[string]int{}
	for _, e := range p.events {
		place, known := places[e.uid]
		switch {
		case wrong[e.uid] || e.uid == "" && e.zones() != nil:
			continue
		case !known || e.uid == "":
			place = len(c.series)
			places[e.uid] = place
			c.series = append(c.series, series{})
		}
		c.series[place].add(e)
	}
	slices.SortStableFunc(c.refused, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return c
}
