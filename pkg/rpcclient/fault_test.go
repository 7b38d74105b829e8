package rpcclient_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/rpcserver"
)

func TestAFaultSurvivesTheWire(t *testing.T) {
	t.Parallel()
	for kind := fault.Invalid; kind <= fault.Unavailable; kind++ {
		sent := fault.New(kind, "SOME_REASON", "in words").With("name", "workspaces/w").
			WithField("a.b[1]", "must be c").WithPrecondition("STATE", "workspaces/w", "must be OPEN").
			WithRetryAfter(3 * time.Second)
		wire := rpcserver.StatusOf(t.Context(), "directory", sent).Err()
		got := fault.From(rpcclient.Fault(wire))
		require.ErrorIs(t, got, wire)
		require.Equal(t, sent, got.Wrap(nil))
	}
}

func TestWhatNoCalleeOfOursMadeIsInternalOrUnavailable(t *testing.T) {
	t.Parallel()
	require.NoError(t, rpcclient.Fault(nil))
	for code, want := range map[codes.Code]*fault.Error{
		codes.Unavailable:       fault.New(fault.Unavailable, fault.ReasonUnavailable, ""),
		codes.NotFound:          fault.New(fault.Internal, fault.ReasonInternal, ""),
		codes.Unknown:           fault.New(fault.Internal, fault.ReasonInternal, ""),
		codes.Unimplemented:     fault.New(fault.Internal, fault.ReasonInternal, ""),
		codes.ResourceExhausted: fault.New(fault.Internal, fault.ReasonInternal, ""),
	} {
		got := fault.From(rpcclient.Fault(status.Error(code, "10.1.2.3: secret")))
		require.Equal(t, want.Kind, got.Kind, code)
		require.Equal(t, want.Reason, got.Reason, code)
		require.NotContains(t, got.Message, "secret")
	}
	internal := rpcserver.StatusOf(t.Context(), "directory", errors.New("x")).Err()
	require.True(t, fault.Is(rpcclient.Fault(internal), fault.Internal))
	require.True(t, fault.Is(rpcclient.Fault(errors.New("no status")), fault.Internal))
}

func TestTheEndOfTheCallBecomesTheContextsError(t *testing.T) {
	t.Parallel()
	late := rpcclient.Fault(status.Error(codes.DeadlineExceeded, "too late"))
	require.ErrorIs(t, late, context.DeadlineExceeded)
	require.ErrorContains(t, late, "too late")
	require.Equal(t, codes.DeadlineExceeded, status.Code(late))
	require.ErrorIs(t, rpcclient.Fault(status.Error(codes.Canceled, "")), context.Canceled)
}

func TestACalleeWithTooMuchToDoIsUnavailable(t *testing.T) {
	t.Parallel()
	sent := fault.New(fault.Exhausted, fault.ReasonOverloaded, "too much").WithRetryAfter(time.Second)
	got := fault.From(rpcclient.Fault(rpcserver.StatusOf(t.Context(), "directory", sent).Err()))
	require.Equal(t, fault.Unavailable, got.Kind)
	require.Equal(t, fault.ReasonUnavailable, got.Reason)
	require.Equal(t, time.Second, got.RetryAfter)
}
