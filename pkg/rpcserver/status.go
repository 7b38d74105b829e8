package rpcserver

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/fault"
)

// The reasons of statuses that no fault stands for: they speak of the call, not of what it does.
const (
	// ReasonDeadlineExceeded: the time that the caller gave is over.
	ReasonDeadlineExceeded = "DEADLINE_EXCEEDED"
	// ReasonCancelled: the caller went away.
	ReasonCancelled = "CANCELLED"
	// ReasonUnimplemented: the server does not have the method.
	ReasonUnimplemented = "UNIMPLEMENTED"
)

// errDeadlineTooShort refuses work that could not be done in the time left.
var errDeadlineTooShort = errors.New("the deadline leaves no time to do it")

// StatusOf renders an error as a status of the service, as the server does for what a handler returns: a fault with
// all its details, a status that carries details as it is, the end of the context as what it is, and anything else
// as INTERNAL with a neutral message. ctx gives the trace id for that message. It is nil for nil.
func StatusOf(ctx context.Context, service string, err error) *status.Status {
	if err == nil {
		return nil
	}
	r := renderer{domain: service + ".meridian"}
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		r.traceID = id.String()
	}
	return r.render(ctx, err)
}

// renderer makes statuses of one service for one call.
type renderer struct {
	domain, traceID string
}

func (r renderer) render(ctx context.Context, err error) *status.Status {
	// What the end of the call brought about is told as that end, whatever it was wrapped in on its way.
	if over := ctx.Err(); over != nil && errors.Is(err, over) {
		return r.ended(ctx, over)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return r.fault(f)
	}
	if errors.Is(err, errDeadlineTooShort) {
		return r.plain(codes.DeadlineExceeded, fault.ReasonDeadlineTooShort, "the deadline leaves no time to do it")
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return r.ended(ctx, err)
	}
	if s, ok := status.FromError(err); ok {
		return r.downstream(ctx, s)
	}
	return r.internal()
}

// ended tells that the call's time is over or its caller gone. A stream that the server itself ended, to drain, may
// be called again.
func (r renderer) ended(ctx context.Context, err error) *status.Status {
	switch {
	case errors.Is(context.Cause(ctx), errDraining):
		return r.plain(codes.Unavailable, fault.ReasonUnavailable, "the server is draining; call again")
	case errors.Is(err, context.DeadlineExceeded):
		return r.plain(codes.DeadlineExceeded, ReasonDeadlineExceeded, "the time that the caller gave is over")
	default:
		return r.plain(codes.Canceled, ReasonCancelled, "the call was cancelled")
	}
}

// downstream keeps a status that another service made, and tells nothing of one that has no details but its code
// where the caller can do something about it.
func (r renderer) downstream(ctx context.Context, s *status.Status) *status.Status {
	if len(s.Proto().GetDetails()) > 0 {
		return s
	}
	switch s.Code() {
	case codes.Unavailable:
		return r.plain(codes.Unavailable, fault.ReasonUnavailable, "something that the call needs is down")
	case codes.DeadlineExceeded:
		return r.ended(ctx, context.DeadlineExceeded)
	case codes.Canceled:
		return r.ended(ctx, context.Canceled)
	case codes.Unimplemented:
		return r.plain(codes.Unimplemented, ReasonUnimplemented, "the server does not have this method")
	case codes.ResourceExhausted:
		return r.plain(codes.ResourceExhausted, fault.ReasonTooLarge, "a message is larger than allowed")
	default:
		return r.internal()
	}
}

// internal tells nothing but the id under which the log tells all.
func (r renderer) internal() *status.Status {
	message, metadata := "an internal error occurred", map[string]string(nil)
	if r.traceID != "" {
		message += "; its trace id is " + r.traceID
		metadata = map[string]string{"trace_id": r.traceID}
	}
	return with(codes.Internal, message, &errdetails.ErrorInfo{
		Reason: fault.ReasonInternal, Domain: r.domain, Metadata: metadata,
	})
}

func (r renderer) plain(code codes.Code, reason, message string) *status.Status {
	return with(code, message, &errdetails.ErrorInfo{Reason: reason, Domain: r.domain})
}

// codeOf has a code for every kind but Internal, in the order of the kinds.
var codeOf = [...]codes.Code{ //nolint:gochecknoglobals // a constant table
	fault.Internal:        codes.Internal,
	fault.Invalid:         codes.InvalidArgument,
	fault.Unauthenticated: codes.Unauthenticated,
	fault.Denied:          codes.PermissionDenied,
	fault.NotFound:        codes.NotFound,
	fault.AlreadyExists:   codes.AlreadyExists,
	fault.Precondition:    codes.FailedPrecondition,
	fault.Aborted:         codes.Aborted,
	fault.Exhausted:       codes.ResourceExhausted,
	fault.OutOfRange:      codes.OutOfRange,
	fault.Unavailable:     codes.Unavailable,
}

// fault renders all that may be shown of a fault. The message of an internal one may not.
func (r renderer) fault(f *fault.Error) *status.Status {
	if f.Kind <= fault.Internal || int(f.Kind) >= len(codeOf) {
		return r.internal()
	}
	details := []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: f.Reason, Domain: r.domain, Metadata: f.Metadata},
	}
	if len(f.Fields) > 0 {
		bad := &errdetails.BadRequest{}
		for _, field := range f.Fields {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: field.Path, Description: field.Rule, Reason: f.Reason,
			})
		}
		details = append(details, bad)
	}
	if len(f.Preconditions) > 0 {
		failure := &errdetails.PreconditionFailure{}
		for _, p := range f.Preconditions {
			failure.Violations = append(failure.Violations, &errdetails.PreconditionFailure_Violation{
				Type: p.Type, Subject: p.Subject, Description: p.Description,
			})
		}
		details = append(details, failure)
	}
	if f.Kind == fault.Exhausted {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
			{Subject: f.Metadata["subject"], Description: f.Message},
		}})
	}
	if f.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
	}
	return with(codeOf[f.Kind], f.Message, details...)
}

// with adds details to a status. It cannot fail: they are of known types, and the code is not OK.
func with(code codes.Code, message string, details ...protoadapt.MessageV1) *status.Status {
	plain := status.New(code, message)
	s, err := plain.WithDetails(details...)
	if err != nil {
		return plain
	}
	return s
}
