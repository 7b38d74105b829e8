// Package fault is the one error type that crosses Meridian's rooms on purpose.
//
// A fault says what kind of failure it is (which decides the gRPC and HTTP status), a stable reason that clients
// may branch on, and a message that may be shown to them. Everything else, a driver's text above all, stays in
// the cause, which is logged and never sent. The package promises to import nothing but the standard library,
// so that domains may use it.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Kind is what a fault means to its caller. Its zero value is Internal, so that a forgotten kind tells nothing.
type Kind int

// The kinds, each with the gRPC code it becomes.
const (
	// Internal is a bug or a broken invariant: INTERNAL.
	Internal Kind = iota
	// Invalid is a request that is wrong whatever the state is: INVALID_ARGUMENT.
	Invalid
	// Unauthenticated is a caller who has not shown who they are: UNAUTHENTICATED.
	Unauthenticated
	// Denied is a known caller without the right: PERMISSION_DENIED.
	Denied
	// NotFound is a resource that is not there, or that the caller may not see: NOT_FOUND.
	NotFound
	// AlreadyExists is a resource that is there already: ALREADY_EXISTS.
	AlreadyExists
	// Precondition is a request that the present state refuses: FAILED_PRECONDITION.
	Precondition
	// Aborted is a lost race; reading again and retrying helps: ABORTED.
	Aborted
	// Exhausted is a limit or a quota: RESOURCE_EXHAUSTED.
	Exhausted
	// OutOfRange is a position past what is kept: OUT_OF_RANGE.
	OutOfRange
	// Unavailable is a dependency that is down; the same call later may work: UNAVAILABLE.
	Unavailable
)

// String returns the kind's name in Go, for logs.
func (k Kind) String() string {
	names := [...]string{
		"Internal", "Invalid", "Unauthenticated", "Denied", "NotFound", "AlreadyExists",
		"Precondition", "Aborted", "Exhausted", "OutOfRange", "Unavailable",
	}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// Field is one field of the request that is wrong.
type Field struct {
	// Path is the field's path in the request, such as `message.body` or `changes[3].principal`.
	Path string
	// Rule says what holds for the field, such as `must be a UUID`.
	Rule string
}

// Unmet is one condition on the present state that does not hold.
type Unmet struct {
	// Type is the condition's kind, a constant of the service such as `THREAD_STATE`.
	Type string
	// Subject is the resource name the condition is about.
	Subject string
	// Description says what would have to hold, for a developer.
	Description string
}

// Error is a fault. Its exported fields may all be sent to the client; the cause may not.
type Error struct {
	// Kind decides the status code.
	Kind Kind
	// Reason is the stable word that clients branch on, UPPER_SNAKE_CASE.
	Reason string
	// Message says in English what is wrong, for a developer.
	Message string
	// Fields are the wrong fields, for Kind Invalid.
	Fields []Field
	// Preconditions are the conditions that failed, for Kind Precondition.
	Preconditions []Unmet
	// Metadata gives the reason its details, such as the resource's name.
	Metadata map[string]string
	// RetryAfter is how long the caller should wait before the same call again; 0 says nothing about it.
	RetryAfter time.Duration

	cause error
}

// New makes a fault. The message is sent to the client, so the arguments must be neither secret nor another
// workspace's.
func New(kind Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Error returns the reason, the message and the cause. It is for logs; clients are sent Message.
func (e *Error) Error() string {
	text := e.Reason + ": " + e.Message
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// With returns a copy of the fault with one more entry in its metadata, which is sent to the client.
func (e *Error) With(key, value string) *Error {
	c := e.clone()
	if c.Metadata == nil {
		c.Metadata = make(map[string]string, 1)
	}
	c.Metadata[key] = value
	return c
}

// WithField returns a copy of the fault that also names a wrong field.
func (e *Error) WithField(path, rule string) *Error {
	c := e.clone()
	c.Fields = append(c.Fields, Field{Path: path, Rule: rule})
	return c
}

// WithPrecondition returns a copy of the fault that also names a condition that does not hold.
func (e *Error) WithPrecondition(kind, subject, description string) *Error {
	c := e.clone()
	c.Preconditions = append(c.Preconditions, Unmet{Type: kind, Subject: subject, Description: description})
	return c
}

// WithRetryAfter returns a copy of the fault that tells the caller how long to wait.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := e.clone()
	c.RetryAfter = d
	return c
}

// Wrap returns a copy of the fault with what brought it about. The cause is logged and never sent.
func (e *Error) Wrap(cause error) *Error {
	c := e.clone()
	c.cause = cause
	return c
}

// clone copies the fault with its slices and map, so that a fault kept in a variable stays as it was.
func (e *Error) clone() *Error {
	c := *e
	c.Fields = slices.Clone(e.Fields)
	c.Preconditions = slices.Clone(e.Preconditions)
	c.Metadata = maps.Clone(e.Metadata)
	return &c
}

// InvalidField is the fault of one wrong field: Invalid, FIELD_INVALID.
func InvalidField(path, rule string) *Error {
	return New(Invalid, ReasonFieldInvalid, "%s: %s", path, rule).WithField(path, rule)
}

// NotFoundName is the fault of a resource that is not there or may not be seen: NotFound, RESOURCE_NOT_FOUND.
func NotFoundName(name string) *Error {
	return New(NotFound, ReasonResourceNotFound, "%s was not found", name).With("name", name)
}

// DeniedFor is the fault of a caller whose rights are not enough for what: Denied, PERMISSION_DENIED.
func DeniedFor(what string) *Error {
	return New(Denied, ReasonPermissionDenied, "the caller has no right to %s", what)
}

// From returns the first fault in err's chain. An error without one becomes Internal with the neutral message
// of every unknown fault and err as its cause. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return New(Internal, ReasonInternal, "an internal error occurred").Wrap(err)
}

// Is says whether err carries a fault of the kind. A nil error is of no kind.
func Is(err error, kind Kind) bool {
	return err != nil && From(err).Kind == kind
}

// HasReason says whether err carries a fault with the reason.
func HasReason(err error, reason string) bool {
	return err != nil && From(err).Reason == reason
}
