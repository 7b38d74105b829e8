package passthrough

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// backend is a service with a stream: the gateway's own, because it is the only one there is.
type backend struct {
	gatewayv1.UnimplementedEventServiceServer

	md       chan metadata.MD
	released chan struct{} // closed when the one stream of the test has ended
}

func (b *backend) WatchEvents(
	request *gatewayv1.WatchEventsRequest, stream grpc.ServerStreamingServer[gatewayv1.WatchEventsResponse],
) error {
	defer close(b.released)
	md, _ := metadata.FromIncomingContext(stream.Context())
	b.md <- md
	if err := stream.SetHeader(metadata.Pairs("x-answer", "header")); err != nil {
		return err
	}
	stream.SetTrailer(metadata.Pairs("x-answer-bin", "trailer\x00\xff"))
	for i := range 100 {
		if err := stream.Send(&gatewayv1.WatchEventsResponse{ResumeToken: strconv.Itoa(i)}); err != nil {
			return err
		}
	}
	if request.GetResumeToken() == "wait" {
		<-stream.Context().Done()
		return nil
	}
	return fault.InvalidField("resume_token", "is the test's").With("told", "unchanged")
}

type noExchange struct{}

func (noExchange) Exchange(context.Context, string) (string, error) {
	return "", errors.New("no API token is used here")
}

// start puts a proxy in front of the backend.
func start(t *testing.T) (gatewayv1.EventServiceClient, *backend, auth.Caller, context.Context) {
	t.Helper()
	authority := rpctest.NewAuthority(t)
	b := &backend{md: make(chan metadata.MD, 10), released: make(chan struct{})}
	upstream, _ := rpctest.Serve(t, authority, rpcserver.Config{Service: "gateway"}, rpcserver.Deps{},
		func(r grpc.ServiceRegistrar) { gatewayv1.RegisterEventServiceServer(r, b) })
	catalog, err := edge.NewCatalog("gateway")
	require.NoError(t, err)
	gate := edge.NewGate(edge.NewSignIn(noExchange{}, authority.Verifier, clock.Machine()),
		edge.NewLimiter(edge.Limits{}, clock.Machine()), nil)
	proxy := New(catalog, gate, map[string]grpc.ClientConnInterface{"gateway": upstream}, false)
	front, _ := rpctest.Serve(t, authority, rpcserver.Config{Service: "front", Options: rpcserver.Options{
		Unknown: proxy.Handle, GRPC: []grpc.ServerOption{grpc.ForceServerCodecV2(NewCodec())},
	}}, rpcserver.Deps{}, func(grpc.ServiceRegistrar) {})
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	return gatewayv1.NewEventServiceClient(front), b, caller, authority.As(t, t.Context(), caller)
}

func TestAStreamGoesThroughWhole(t *testing.T) {
	t.Parallel()
	client, b, caller, ctx := start(t)
	ctx = metadata.AppendToOutgoingContext(ctx, "x-mine", "kept", "x-forwarded-for", "203.0.113.9", "x-mine-bin", "\x00\xfe")
	stream, err := client.WatchEvents(ctx, &gatewayv1.WatchEventsRequest{Parent: "workspaces/" + caller.Workspace.String()},
		grpc.UseCompressor(gzip.Name))
	require.NoError(t, err)
	header, err := stream.Header()
	require.NoError(t, err)
	require.Equal(t, []string{"header"}, header.Get("x-answer"))
	for i := range 100 {
		got, err := stream.Recv()
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(i), got.GetResumeToken())
	}
	_, err = stream.Recv()
	failed := rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "resume_token")
	info, ok := rpctest.Detail[*errdetails.ErrorInfo](failed)
	require.True(t, ok)
	require.Equal(t, "unchanged", info.GetMetadata()["told"])
	require.Equal(t, []string{"trailer\x00\xff"}, stream.Trailer().Get("x-answer-bin"))
	md := <-b.md
	require.Equal(t, []string{"kept"}, md.Get("x-mine"))
	require.Equal(t, []string{"\x00\xfe"}, md.Get("x-mine-bin"))
	require.Equal(t, []string{"127.0.0.1"}, md.Get("x-forwarded-for"), "the client's own word is not taken")
	require.Len(t, md.Get("authorization"), 1)
}

func TestAClientThatLeavesEndsTheBackendsCall(t *testing.T) {
	t.Parallel()
	client, b, caller, ctx := start(t)
	ctx, cancel := context.WithCancel(ctx)
	stream, err := client.WatchEvents(ctx, &gatewayv1.WatchEventsRequest{
		Parent: "workspaces/" + caller.Workspace.String(), ResumeToken: "wait",
	})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.NoError(t, err)
	cancel()
	select {
	case <-b.released:
	case <-time.After(10 * time.Second):
		require.Fail(t, "the backend goes on for nobody")
	}
}

func TestWithoutATokenNothingGoesThrough(t *testing.T) {
	t.Parallel()
	client, b, caller, _ := start(t)
	stream, err := client.WatchEvents(t.Context(), &gatewayv1.WatchEventsRequest{Parent: "workspaces/" + caller.Workspace.String()})
	require.NoError(t, err)
	_, err = stream.Recv()
	rpctest.Failed(t, err, codes.Unauthenticated, fault.ReasonUnauthenticated)
	require.Empty(t, b.md)
}

func TestAnUnaryCallGetsADeadline(t *testing.T) {
	t.Parallel()
	ctx, cancel := bounded(t.Context(), edge.Method{})
	defer cancel()
	_, ok := ctx.Deadline()
	require.True(t, ok)
	ctx, cancel = bounded(t.Context(), edge.Method{Streaming: true})
	defer cancel()
	_, ok = ctx.Deadline()
	require.False(t, ok)
}

func TestTheCodecReadsWhatIsNoFrame(t *testing.T) {
	t.Parallel()
	codec := NewCodec()
	data, err := codec.Marshal(&gatewayv1.WatchEventsRequest{Parent: "workspaces/w"})
	require.NoError(t, err)
	var f frame
	require.NoError(t, codec.Unmarshal(data, &f))
	out, err := codec.Marshal(&f)
	require.NoError(t, err)
	require.Equal(t, data.Materialize(), out.Materialize())
	var back gatewayv1.WatchEventsRequest
	require.NoError(t, codec.Unmarshal(out, &back))
	require.Equal(t, "workspaces/w", back.GetParent())
	f.free()
	require.Nil(t, f.payload)
	require.Equal(t, "proto", codec.Name())
	empty := frame{payload: mem.BufferSlice{}}
	out, err = codec.Marshal(&empty)
	require.NoError(t, err)
	require.Zero(t, out.Len())
}
