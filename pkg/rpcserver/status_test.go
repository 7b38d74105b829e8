package rpcserver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

func TestEveryKindHasItsCodeAndAlwaysAnErrorInfo(t *testing.T) {
	t.Parallel()
	for kind, code := range map[fault.Kind]codes.Code{
		fault.Invalid: codes.InvalidArgument, fault.Unauthenticated: codes.Unauthenticated,
		fault.Denied: codes.PermissionDenied, fault.NotFound: codes.NotFound, fault.AlreadyExists: codes.AlreadyExists,
		fault.Precondition: codes.FailedPrecondition, fault.Aborted: codes.Aborted,
		fault.Exhausted: codes.ResourceExhausted, fault.OutOfRange: codes.OutOfRange, fault.Unavailable: codes.Unavailable,
	} {
		f := fault.New(kind, "SOME_REASON", "in words").With("key", "value").Wrap(errors.New("secret"))
		s := rpcserver.StatusOf(t.Context(), "threads", fmt.Errorf("around: %w", f))
		rpctest.Failed(t, s.Err(), code, "SOME_REASON")
		require.Equal(t, "in words", s.Message())
		info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
		require.Equal(t, "threads.meridian", info.GetDomain())
		require.Equal(t, map[string]string{"key": "value"}, info.GetMetadata())
		require.NotContains(t, s.String(), "secret")
	}
	require.Nil(t, rpcserver.StatusOf(t.Context(), "threads", nil))
}

func TestFaultsCarryEveryDetailOnce(t *testing.T) {
	t.Parallel()
	f := fault.New(fault.Precondition, "THREAD_ARCHIVED", "it is archived").
		WithField("name", "must be open").WithField("body", "must be there").
		WithPrecondition("THREAD_STATE", "workspaces/w/threads/t", "must be OPEN").
		WithRetryAfter(1500 * time.Millisecond)
	s := rpcserver.StatusOf(t.Context(), "threads", f)
	require.Len(t, s.Details(), 4)
	require.Equal(t, []string{"name", "body"}, rpctest.Fields(s))
	failure, ok := rpctest.Detail[*errdetails.PreconditionFailure](s)
	require.True(t, ok)
	require.Len(t, failure.GetViolations(), 1)
	require.Equal(t, "THREAD_STATE", failure.GetViolations()[0].GetType())
	require.Equal(t, "workspaces/w/threads/t", failure.GetViolations()[0].GetSubject())
	require.Equal(t, "must be OPEN", failure.GetViolations()[0].GetDescription())
	retry, ok := rpctest.Detail[*errdetails.RetryInfo](s)
	require.True(t, ok)
	require.Equal(t, 1500*time.Millisecond, retry.GetRetryDelay().AsDuration())

	quota := fault.New(fault.Exhausted, fault.ReasonRateLimited, "too many calls").With("subject", "workspaces/w")
	s = rpcserver.StatusOf(t.Context(), "gateway", quota)
	exhausted, ok := rpctest.Detail[*errdetails.QuotaFailure](s)
	require.True(t, ok)
	require.Equal(t, "workspaces/w", exhausted.GetViolations()[0].GetSubject())
	_, ok = rpctest.Detail[*errdetails.RetryInfo](s)
	require.False(t, ok)
}

func TestWhatIsUnknownTellsNothingButItsTrace(t *testing.T) {
	t.Parallel()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, span := provider.Tracer("").Start(t.Context(), "call")
	defer span.End()
	id := span.SpanContext().TraceID().String()
	for name, err := range map[string]error{
		"a driver's":             errors.New(`ERROR: duplicate key value violates "secret_pkey"`),
		"an internal fault":      fault.New(fault.Internal, "SECRET", "secret"),
		"an unknown kind":        fault.New(fault.Kind(99), "SECRET", "secret"),
		"a bare inner status":    status.Error(codes.FailedPrecondition, "secret"),
		"a bare internal status": fmt.Errorf("call: %w", status.Error(codes.Internal, "secret")),
	} {
		s := rpcserver.StatusOf(ctx, "threads", err)
		rpctest.Failed(t, s.Err(), codes.Internal, fault.ReasonInternal)
		require.Equal(t, "an internal error occurred; its trace id is "+id, s.Message(), name)
		info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
		require.Equal(t, id, info.GetMetadata()["trace_id"])
		require.NotContains(t, strings.ToLower(s.String()), "secret")
	}
	s := rpcserver.StatusOf(t.Context(), "threads", errors.New("x"))
	require.Equal(t, "an internal error occurred", s.Message(), "without a trace there is no id")
}

func TestTheEndOfTheCallIsToldAsThat(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	down := fault.New(fault.Unavailable, fault.ReasonUnavailable, "the database is down")
	for _, c := range []struct {
		name   string
		ctx    context.Context
		err    error
		code   codes.Code
		reason string
	}{
		{"deadline", late, late.Err(), codes.DeadlineExceeded, rpcserver.ReasonDeadlineExceeded},
		{"deadline within a fault", late, down.Wrap(late.Err()), codes.DeadlineExceeded, rpcserver.ReasonDeadlineExceeded},
		{"cancelled", cancelled, fmt.Errorf("query: %w", cancelled.Err()), codes.Canceled, rpcserver.ReasonCancelled},
		{"a fault of its own after the end", cancelled, down, codes.Unavailable, fault.ReasonUnavailable},
		{"a smaller limit of the use case", t.Context(), context.DeadlineExceeded, codes.DeadlineExceeded, rpcserver.ReasonDeadlineExceeded},
		{"a fault around a smaller limit", t.Context(), down.Wrap(context.Canceled), codes.Unavailable, fault.ReasonUnavailable},
	} {
		rpctest.Failed(t, rpcserver.StatusOf(c.ctx, "threads", c.err).Err(), c.code, c.reason)
	}
}

func TestStatusesFromDownstreamStayWhenTheyCarryDetails(t *testing.T) {
	t.Parallel()
	theirs := rpcserver.StatusOf(t.Context(), "directory", fault.NotFoundName("workspaces/w/members/m"))
	s := rpcserver.StatusOf(t.Context(), "threads", fmt.Errorf("ask the directory: %w", theirs.Err()))
	info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
	require.Equal(t, "directory.meridian", info.GetDomain())
	require.Equal(t, codes.NotFound, s.Code())

	for code, reason := range map[codes.Code]string{
		codes.Unavailable: fault.ReasonUnavailable, codes.Unimplemented: rpcserver.ReasonUnimplemented,
		codes.DeadlineExceeded: rpcserver.ReasonDeadlineExceeded, codes.Canceled: rpcserver.ReasonCancelled,
		codes.ResourceExhausted: fault.ReasonTooLarge,
	} {
		s := rpcserver.StatusOf(t.Context(), "threads", status.Error(code, "10.1.2.3: refused"))
		rpctest.Failed(t, s.Err(), code, reason)
		require.NotContains(t, s.Message(), "10.1.2.3")
	}
}

func TestHandlersFaultsReachTheClientWhole(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{Service: "threads"}, rpcserver.Deps{})
	b.on(func(context.Context, probe.Call) error {
		return fault.New(fault.Aborted, fault.ReasonEtagStale, "it has changed").WithField("etag", `must be "4"`)
	})
	err := b.invoke(b.as(t, auth.Guest), "CountThings", `{}`)
	s := rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
	require.Equal(t, "threads.meridian", info.GetDomain())
	require.Equal(t, []string{"etag"}, rpctest.Fields(s))

	next, err := probe.Watch(b.as(t, auth.Guest), b.cc, "WatchThings", field("parent", "workspaces/"+b.workspace.String()))
	require.NoError(t, err)
	_, err = next()
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
}
