package rpcserver_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/overload"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

// jam is a server whose handlers stay until they are let go.
type jam struct {
	*bench

	began, letGo chan struct{}
}

func newJam(t *testing.T, inWork, queued int, log *logbook) *jam {
	t.Helper()
	deps := rpcserver.Deps{}
	if log != nil {
		deps.Log = log.logger()
	}
	j := &jam{
		bench: newBench(t, rpcserver.Config{Limits: overload.Limits{InWork: inWork, Queued: queued, Patience: time.Hour}}, deps),
		began: make(chan struct{}, 1000), letGo: make(chan struct{}),
	}
	j.on(func(context.Context, probe.Call) error {
		j.began <- struct{}{}
		<-j.letGo
		return nil
	})
	return j
}

// call calls and says what came of it.
func (j *jam) call(ctx context.Context) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- j.invoke(ctx, "CountThings", `{}`) }()
	return answer
}

// fill takes all the room that a workspace has, in work and in the queue, by one call more than there is room for: when
// that is refused, the others are there. It returns where they answer.
func (j *jam) fill(t *testing.T, ctx context.Context, inWork, queued int) <-chan error { //nolint:revive // t first
	t.Helper()
	answers := make(chan error, inWork+queued+1)
	for range inWork {
		go func() { answers <- j.invoke(ctx, "CountThings", `{}`) }()
	}
	for range inWork {
		<-j.began
	}
	for range queued + 1 {
		go func() { answers <- j.invoke(ctx, "CountThings", `{}`) }()
	}
	s := rpctest.Failed(t, <-answers, codes.ResourceExhausted, fault.ReasonOverloaded)
	retry, ok := rpctest.Detail[*errdetails.RetryInfo](s)
	require.True(t, ok)
	require.Positive(t, retry.GetRetryDelay().AsDuration())
	return answers
}

func TestWhatIsTooMuchIsRefusedBeforeTheHandler(t *testing.T) {
	t.Parallel()
	log := &logbook{}
	j := newJam(t, 2, 3, log)
	ctx := j.as(t, auth.Guest)
	answers := j.fill(t, ctx, 2, 3)
	require.Equal(t, 2, j.calls(), "neither the waiting nor the refused have reached it")
	rpctest.Failed(t, j.invoke(ctx, "CountThings", `{}`), codes.ResourceExhausted, fault.ReasonOverloaded)
	health, err := healthpb.NewHealthClient(j.cc).Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, health.GetStatus(), "gRPC's own methods are not counted")
	for _, line := range log.lines(t) {
		require.Equal(t, "INFO", line["level"], "there are many of them just then")
	}
	stopped := make(chan error, 1)
	go func() { stopped <- j.server.Stop(context.Background()) }()
	close(j.letGo)
	require.NoError(t, <-stopped, "who waits is served, also by a server that stops")
	for range 5 {
		require.NoError(t, <-answers)
	}
	require.Equal(t, 5, j.calls())
}

func TestAFloodLeavesOthersServed(t *testing.T) {
	t.Parallel()
	j := newJam(t, 16, 8, nil)
	j.fill(t, j.as(t, auth.Guest), 14, 8)
	other := j.authority.As(t, t.Context(), rpctest.Member(uuid.Must(uuid.NewV7()), auth.Guest))
	quiet := j.call(other)
	<-j.began // at once, while the flood has all that it may have
	close(j.letGo)
	require.NoError(t, <-quiet)
}

func TestStreamsAreNotCounted(t *testing.T) {
	t.Parallel()
	j := newJam(t, 1, 1, nil)
	ctx := j.as(t, auth.Guest)
	for range 3 {
		_, err := probe.Watch(ctx, j.cc, "WatchThings", field("parent", "workspaces/"+j.workspace.String()))
		require.NoError(t, err)
		<-j.began
	}
	answer := j.call(ctx)
	<-j.began
	close(j.letGo)
	require.NoError(t, <-answer)
}

func TestAPlaceIsFreeAgainAfterAPanicAndAfterACallerHasGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{Limits: overload.Limits{InWork: 1, Queued: 1, Patience: time.Hour}}, rpcserver.Deps{})
	ctx := b.as(t, auth.Guest)
	b.on(func(context.Context, probe.Call) error { panic("oh no") })
	rpctest.Failed(t, b.invoke(ctx, "CountThings", `{}`), codes.Internal, fault.ReasonInternal)
	began := make(chan struct{})
	b.on(func(ctx context.Context, _ probe.Call) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	})
	gone, leave := context.WithCancel(ctx)
	call := make(chan error, 1)
	go func() { call <- b.invoke(gone, "CountThings", `{}`) }()
	<-began
	b.on(nil)
	waits := make(chan error, 1)
	go func() { waits <- b.invoke(ctx, "CountThings", `{}`) }()
	leave()
	require.Error(t, <-call)
	require.NoError(t, <-waits)
}
