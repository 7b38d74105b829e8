package ical

import (
	"io"
	"strings"
)

// reducer writes of a file what a parser reads of it: the lines that count with the parameters that count, unfolded.
type reducer struct {
	parser *parser
	to     io.Writer
	text   []byte
}

// before is called with a line that is wanted, before the parser has read it; it says whether the line is to be written.
// The end of a component that counts is known only then, the beginning only afterwards.
func (r *reducer) before(l line) bool { return l.name != "BEGIN" && r.inside() }

// after writes a line that the parser has read.
func (r *reducer) after(l line, counts bool) error {
	if !counts && (l.name != "BEGIN" || !r.inside()) {
		return nil
	}
	r.text = r.text[:0]
	if property, err := l.parse(); err == nil {
		r.text = property.append(r.text)
	} else {
		r.text = append(append(r.text, l.name...), ';') // refused for its form, and so it is to be again
	}
	r.text = append(r.text, "\r\n"...)
	_, err := r.to.Write(r.text)
	return err //nolint:wrapcheck // the writer's own, as Parse says
}

// inside says whether a component is open of which lines count.
func (r *reducer) inside() bool {
	p := r.parser
	return p.inside(calendarName) || p.inside(calendarName, eventName) || p.inside(calendarName, timezoneName) || p.inOffset()
}

// append adds the content line of a property.
func (p property) append(text []byte) []byte {
	text = append(text, p.name...)
	for _, parameter := range [][2]string{{"VALUE", p.kind}, {"TZID", p.zone}, {"RANGE", p.span}} {
		if parameter[1] == "" {
			continue
		}
		quote := ""
		if strings.ContainsAny(parameter[1], ";:,") {
			quote = `"`
		}
		text = append(text, ";"+parameter[0]+"="+quote+parameter[1]+quote...)
	}
	return append(append(text, ':'), p.value...)
}
