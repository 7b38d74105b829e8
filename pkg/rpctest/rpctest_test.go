package rpctest_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

func TestTheAuthorityKnowsItsOwnTokensAndNoOthers(t *testing.T) {
	t.Parallel()
	a, other := rpctest.NewAuthority(t, "threads"), rpctest.NewAuthority(t, "threads")
	ws := uuid.Must(uuid.NewV7())
	c := rpctest.Member(ws, auth.Admin, "threads.read")
	got, err := a.Verifier.Verify(t.Context(), a.Token(t, c))
	require.NoError(t, err)
	got.Expires = time.Time{}
	require.Equal(t, c, got)
	_, err = other.Verifier.Verify(t.Context(), a.Token(t, c))
	require.True(t, fault.Is(err, fault.Unauthenticated))

	got, err = a.Verifier.Verify(t.Context(), a.ServiceToken(t, "threads"))
	require.NoError(t, err)
	require.Equal(t, "services/threads", got.Principal())
	_, err = other.Verifier.Verify(t.Context(), a.ServiceToken(t, "threads"))
	require.True(t, fault.Is(err, fault.Unauthenticated))
}

func TestMembersHoldEveryScopeUnlessSomeAreNamed(t *testing.T) {
	t.Parallel()
	ws := uuid.Must(uuid.NewV7())
	require.True(t, rpctest.Member(ws, auth.Guest).HasScope("threads.write"))
	require.False(t, rpctest.Member(ws, auth.Guest, "threads.read").HasScope("threads.write"))
	one, other := rpctest.Member(ws, auth.Guest), rpctest.Member(ws, auth.Guest)
	require.NotEqual(t, one.Member, other.Member)
}

func TestATokensTimeIsTheAuthoritys(t *testing.T) {
	t.Parallel()
	machine := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	a := rpctest.NewAuthorityAt(t, machine)
	c := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Guest)
	c.Session = uuid.Nil
	token := a.Token(t, c)
	machine.Advance(auth.AccessLife - time.Second)
	_, err := a.Verifier.Verify(t.Context(), token)
	require.NoError(t, err)
	machine.Advance(time.Minute)
	_, err = a.Verifier.Verify(t.Context(), token)
	require.True(t, fault.HasReason(err, fault.ReasonTokenExpired))
}

func TestServeServesAsInProduction(t *testing.T) {
	t.Parallel()
	a := rpctest.NewAuthority(t, "gateway")
	cc, server := rpctest.Serve(t, a, rpcserver.Config{}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		probe.Register(r, "ProbeService", func(_ context.Context, c probe.Call) error {
			if c.Method == "CountThings" {
				return fault.InvalidField("filter", "must be kind").WithRetryAfter(time.Second)
			}
			return nil
		})
	})
	_, err := probe.Invoke(a.AsService(t, t.Context(), "gateway"), cc, "CountThings", `{}`)
	s := rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "filter")
	retry, ok := rpctest.Detail[*errdetails.RetryInfo](s)
	require.True(t, ok)
	require.Equal(t, time.Second, retry.GetRetryDelay().AsDuration())
	_, ok = rpctest.Detail[*errdetails.QuotaFailure](s)
	require.False(t, ok)
	rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonFieldInvalid)

	_, err = probe.Invoke(t.Context(), rpctest.Dial(t, server.Addr()), "Greet", `{}`)
	require.NoError(t, err)
}

func TestTheProbeRefusesWhatItHasNot(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { probe.Register(rpcserver.New(rpcserver.Config{}, rpcserver.Deps{}), "NoService", nil) })
	require.Panics(t, func() { probe.Message("NoMessage", "") })
	require.Panics(t, func() { probe.Message("Thing", "no JSON") })
	require.Panics(t, func() { _, _ = probe.Invoke(t.Context(), nil, "NoMethod", "") })
	_, err := probe.Invoke(t.Context(), nil, "Greet", "no JSON")
	require.ErrorContains(t, err, "the request")
	_, err = probe.Watch(t.Context(), nil, "WatchThings", "no JSON")
	require.ErrorContains(t, err, "the request")
	a, b := probe.Message("Thing", `{"title":"a"}`), probe.Message("Thing", `{"title":"a"}`)
	require.True(t, proto.Equal(a, b))
	require.JSONEq(t, `{"title":"a"}`, probe.JSON(a))
}
