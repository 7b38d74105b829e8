package ical

import "strings"

// event is a VEVENT, RFC 5545 3.6.1.
type event struct {
	uid, title string
	line       int
	start      moment
	// end is DTEND; nil where length holds.
	end    *moment
	length length
	rules  []*rule
	dates  []addition // RDATE
	except []moment   // EXDATE
	// replaces is RECURRENCE-ID, nil for what is no override; future says that it goes for all that come later.
	replaces *moment
	future   bool
	sequence int64
	busy     bool
}

// addition is a value of RDATE. It has the length of the event, unless as a PERIOD it has an end or a length of its own.
type addition struct {
	moment
	end    *moment
	length *length
}

// draft is an event that is being read.
type draft struct {
	event
	started, lasts bool
	ruleTexts      []string
	ruleLines      []int
	wrong          *Error
}

func (d *draft) set(p *parser, property property, number int) (err error) {
	name, value := property.name, property.value
	switch name {
	case "UID":
		d.uid = unescape(value)
	case "SUMMARY":
		d.title = unescape(value)
	case "TRANSP":
		d.busy = d.busy && !strings.EqualFold(value, "TRANSPARENT")
	case "STATUS":
		d.busy = d.busy && !strings.EqualFold(value, "CANCELLED")
	case "SEQUENCE":
		var ok bool
		if d.sequence, ok = digits(value); !ok {
			return refuse(name, "must be a number, and is "+shown(value))
		}
	case "DTSTART":
		if d.started {
			return refuse(name, "must stand once")
		}
		d.started = true
		d.start, err = property.moment(p)
	case "DTEND":
		if d.end != nil {
			return refuse(name, "must stand once")
		}
		end, err := property.moment(p)
		d.end = &end
		return err
	case "DURATION":
		if d.lasts {
			return refuse(name, "must stand once")
		}
		d.lasts = true
		d.length, err = parseDuration(name, value)
	case "RRULE":
		d.ruleTexts, d.ruleLines = append(d.ruleTexts, value), append(d.ruleLines, number)
	case "EXRULE":
		return refuse(name, "is no property of RFC 5545 and is not read: use EXDATE")
	case "RECURRENCE-ID":
		if d.replaces != nil {
			return refuse(name, "must stand once")
		}
		replaces, err := property.moment(p)
		d.replaces, d.future = &replaces, property.span == "THISANDFUTURE"
		return err
	case "RDATE", "EXDATE":
		return d.setDates(p, property, number)
	}
	return err
}

// moment is the value of a property that has one date or time.
func (p property) moment(in *parser) (moment, error) {
	m, err := parseMoment(p.name, p.value, in.zone(p.zone))
	if err == nil && (p.kind == "DATE") != (m.form == isDate) && p.kind != "" {
		err = refuse(p.name, "must be of the type that its VALUE says, and is "+shown(p.value))
	}
	return m, err
}

// setDates reads RDATE and EXDATE, RFC 5545 3.8.5.1 and 3.8.5.2.
func (d *draft) setDates(p *parser, property property, number int) error {
	zone := p.zone(property.zone)
	for text := range strings.SplitSeq(property.value, ",") {
		if err := p.spendDates(number); err != nil {
			return err
		}
		begin, end, isPeriod := strings.Cut(strings.TrimSpace(text), "/")
		m, err := parseMoment(property.name, begin, zone)
		if err != nil {
			return err
		}
		if property.name == "EXDATE" {
			if isPeriod {
				return refuse(property.name, "must not be a period")
			}
			d.except = append(d.except, m)
			continue
		}
		a := addition{moment: m}
		switch {
		case !isPeriod:
		case m.form == isDate:
			return refuse(property.name, "must have periods that start at a time of day")
		case strings.HasPrefix(end, "P") || strings.HasPrefix(end, "+P"):
			lasts, err := parseDuration(property.name, end)
			if err != nil {
				return err
			}
			a.length = &lasts
		default:
			until, err := parseMoment(property.name, end, zone)
			if err != nil {
				return err
			}
			if until.before(m) {
				return refuse(property.name, "must have periods that do not end before they start")
			}
			a.end = &until
		}
		d.dates = append(d.dates, a)
	}
	return nil
}

// before says that a moment is surely before another of the same terms.
func (m moment) before(other moment) bool {
	return m.form == other.form && m.zone == other.zone && m.wall < other.wall
}

// finish checks what holds for an event as a whole.
func (d *draft) finish() *Error {
	switch {
	case !d.started:
		return &Error{Line: d.line, Property: "DTSTART", Rule: "must be there"}
	case d.end != nil && d.end.before(d.start):
		return &Error{Line: d.line, Property: "DTEND", Rule: "must not be before DTSTART"}
	}
	if d.end == nil && !d.lasts && d.start.form == isDate {
		d.length = length{days: 1} // RFC 5545 3.6.1
	}
	for i, text := range d.ruleTexts {
		rule, err := parseRule(text, d.start.form)
		if err != nil {
			return placed(err, d.ruleLines[i])
		}
		rule.line = d.ruleLines[i]
		d.rules = append(d.rules, rule)
	}
	return nil
}

// placed is a refusal with its line.
func placed(err error, number int) *Error {
	why, ok := err.(*refusal) //nolint:errorlint // the readers of values give nothing else, and never wrapped
	if !ok {
		return &Error{Line: number, Property: eventName, Rule: err.Error()}
	}
	return &Error{Line: number, Property: why.property, Rule: why.rule}
}

// zones says which zone of an event has no meaning; nil when all have.
func (e *event) zones() *Error {
	check := func(m *moment) *Error {
		if m == nil || m.zone == nil || m.zone.wrong == nil {
			return nil
		}
		found := *m.zone.wrong
		found.UID = e.uid
		if found.Line == 0 {
			found.Line = e.line
		}
		return &found
	}
	for _, m := range []*moment{&e.start, e.end, e.replaces} {
		if err := check(m); err != nil {
			return err
		}
	}
	for i := range e.dates {
		if err := check(&e.dates[i].moment); err != nil {
			return err
		}
	}
	for i := range e.except {
		if err := check(&e.except[i]); err != nil {
			return err
		}
	}
	return nil
}
