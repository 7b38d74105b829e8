package rpcclient

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/meridianhq/meridian/pkg/fault"
)

var kindOf = map[codes.Code]fault.Kind{ //nolint:gochecknoglobals // a constant table
	codes.InvalidArgument:    fault.Invalid,
	codes.Unauthenticated:    fault.Unauthenticated,
	codes.PermissionDenied:   fault.Denied,
	codes.NotFound:           fault.NotFound,
	codes.AlreadyExists:      fault.AlreadyExists,
	codes.FailedPrecondition: fault.Precondition,
	codes.Aborted:            fault.Aborted,
	codes.ResourceExhausted:  fault.Exhausted,
	codes.OutOfRange:         fault.OutOfRange,
	codes.Unavailable:        fault.Unavailable,
}

// Fault returns the fault that a failed call's status stands for, with the status as its cause, so that an app sees
// a callee's refusal as it sees its own. The end of the call's time or of its caller becomes the context's error. A
// status that no callee of ours made (it has no ErrorInfo) is Unavailable where its code says so, and Internal
// otherwise. A callee with too much to do is Unavailable too: it is not our caller who has asked it for too much. It is
// nil for nil.
func Fault(err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return fault.From(err)
	}
	switch s.Code() {
	case codes.DeadlineExceeded:
		return ended{context.DeadlineExceeded, err}
	case codes.Canceled:
		return ended{context.Canceled, err}
	default:
	}
	f := &fault.Error{Kind: kindOf[s.Code()], Message: s.Message()}
	for _, d := range s.Details() {
		take(f, d)
	}
	switch {
	case f.Kind == fault.Internal, f.Reason == "" && f.Kind != fault.Unavailable:
		f = fault.New(fault.Internal, fault.ReasonInternal, "an internal error occurred")
	case f.Reason == "":
		f = fault.New(fault.Unavailable, fault.ReasonUnavailable, "something that the call needs is down")
	case f.Reason == fault.ReasonOverloaded:
		f = fault.New(fault.Unavailable, fault.ReasonUnavailable, "something that the call needs has too much to do").
			WithRetryAfter(f.RetryAfter)
	}
	return f.Wrap(err)
}

// take puts what a detail says into the fault.
func take(f *fault.Error, detail any) {
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		f.Reason, f.Metadata = d.GetReason(), d.GetMetadata()
	case *errdetails.BadRequest:
		for _, v := range d.GetFieldViolations() {
			f.Fields = append(f.Fields, fault.Field{Path: v.GetField(), Rule: v.GetDescription()})
		}
	case *errdetails.PreconditionFailure:
		for _, v := range d.GetViolations() {
			f.Preconditions = append(f.Preconditions, fault.Unmet{
				Type: v.GetType(), Subject: v.GetSubject(), Description: v.GetDescription(),
			})
		}
	case *errdetails.RetryInfo:
		f.RetryAfter = d.GetRetryDelay().AsDuration()
	}
}

// ended is the end of a call's context, as the callee or the transport told it.
type ended struct {
	end   error
	cause error
}

// Error returns the status's text.
func (e ended) Error() string { return e.cause.Error() }

// Unwrap returns the context's error and the status.
func (e ended) Unwrap() []error { return []error{e.end, e.cause} }

// errDeadlineTooShort refuses a call that could not be answered in the time left, as a server would.
func errDeadlineTooShort() error {
	s := status.New(codes.DeadlineExceeded, "the deadline leaves no time for the call")
	with, err := s.WithDetails(protoadapt.MessageV1Of(&errdetails.ErrorInfo{
		Reason: fault.ReasonDeadlineTooShort, Domain: "client.meridian",
	}))
	if err != nil {
		return s.Err()
	}
	return with.Err()
}
