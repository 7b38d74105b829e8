package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// report tells an error to a person and returns its exit code.
func report(w io.Writer, err error) int {
	s, ok := remoteStatus(err)
	if !ok {
		_, _ = fmt.Fprintln(w, "error:", safe(err.Error()))
		if errors.Is(err, errNoToken) {
			return exitDenied
		}
		return exitFailure
	}
	head := safe(s.Message())
	if before, _, wrapped := strings.Cut(err.Error(), "rpc error:"); wrapped && before != "" {
		head = safe(before) + head
	}
	_, _ = fmt.Fprintln(w, "error:", head)
	for _, detail := range s.Details() {
		describe(w, detail)
	}
	if s.Code() == codes.Unavailable {
		_, _ = fmt.Fprintln(w, "  is Meridian running there? start it with: meridian up")
	}
	return exitCode(s.Code())
}

// remoteStatus finds the status a server answered anywhere in an error.
func remoteStatus(err error) (*status.Status, bool) {
	var remote interface{ GRPCStatus() *status.Status }
	if errors.As(err, &remote) {
		return remote.GRPCStatus(), true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err), true
	}
	return nil, false
}

func describe(w io.Writer, detail any) {
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		_, _ = fmt.Fprintf(w, "  reason: %s (%s)\n", safe(d.GetReason()), safe(d.GetDomain()))
	case *errdetails.BadRequest:
		for _, v := range d.GetFieldViolations() {
			_, _ = fmt.Fprintf(w, "  field %s: %s\n", safe(v.GetField()), safe(v.GetDescription()))
		}
	case *errdetails.PreconditionFailure:
		for _, v := range d.GetViolations() {
			_, _ = fmt.Fprintf(w, "  %s: %s\n", safe(v.GetSubject()), safe(v.GetDescription()))
		}
	case *errdetails.RetryInfo:
		_, _ = fmt.Fprintf(w, "  try again in %s\n", d.GetRetryDelay().AsDuration())
	}
}

func exitCode(code codes.Code) int {
	switch code {
	case codes.InvalidArgument:
		return exitUsage
	case codes.Unauthenticated, codes.PermissionDenied:
		return exitDenied
	case codes.NotFound:
		return exitNotFound
	case codes.AlreadyExists, codes.Aborted, codes.FailedPrecondition, codes.OutOfRange:
		return exitConflict
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		return exitUnavailable
	default:
		return exitFailure
	}
}
