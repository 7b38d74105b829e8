package ical

import "fmt"

// Error says what of a file cannot be read.
type Error struct {
	// Line is where it stands, from 1 on.
	Line int
	// UID is the event's, where it is known.
	UID string
	// Property is the property, with the part of it if it has parts, such as RRULE INTERVAL; or the component.
	Property string
	// Rule is what holds for it.
	Rule string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("ical: line %d: %s %s", e.Line, e.Property, e.Rule)
}

// LimitError says which limit a file, or a question about it, would pass.
type LimitError struct {
	// Limit is the name of the field of Limits, Max its value.
	Limit string
	Max   int64
	// Line is where it was passed: of the file, or of the event or the VTIMEZONE whose recurrence is too much.
	Line int
}

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("ical: line %d: more than %d, the limit of %s", e.Line, e.Max, e.Limit)
}

// refusal is an Error before its place is known.
type refusal struct{ property, rule string }

func (r *refusal) Error() string { return r.property + " " + r.rule }

func refuse(property, rule string) error { return &refusal{property: property, rule: rule} }
