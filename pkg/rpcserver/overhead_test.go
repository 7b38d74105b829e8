package rpcserver_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// echo answers at once, so that only the way to it is measured.
type echo struct {
	threadsv1.UnimplementedMessageServiceServer
}

func (echo) CreateMessage(_ context.Context, req *threadsv1.CreateMessageRequest) (*threadsv1.Message, error) {
	return req.GetMessage(), nil
}

// BenchmarkOverhead compares a call through everything with one through a bare server.
func BenchmarkOverhead(b *testing.B) {
	ws := uuid.Must(uuid.NewV7())
	req := &threadsv1.CreateMessageRequest{
		Parent:    fmt.Sprintf("workspaces/%s/threads/%s", ws, uuid.Must(uuid.NewV7())),
		Message:   &threadsv1.Message{Body: string(make([]byte, 0, 500)) + "hello"},
		RequestId: uuid.NewString(),
	}
	a := rpctest.NewAuthority(b)
	ctx := a.As(b, b.Context(), rpctest.Member(ws, auth.Member))
	b.Run("everything", func(b *testing.B) {
		cc, _ := rpctest.Serve(b, a, rpcserver.Config{}, rpcserver.Deps{Log: slog.New(slog.DiscardHandler)},
			func(r grpc.ServiceRegistrar) { threadsv1.RegisterMessageServiceServer(r, echo{}) })
		post(b, ctx, cc, req)
	})
	b.Run("bare", func(b *testing.B) {
		cc := rpctest.Dial(b, bare(b))
		post(b, ctx, cc, req)
	})
}

func post(b *testing.B, ctx context.Context, cc *grpc.ClientConn, req *threadsv1.CreateMessageRequest) { //nolint:revive // b first, as in tests
	b.Helper()
	client := threadsv1.NewMessageServiceClient(cc)
	b.ReportAllocs()
	for b.Loop() {
		_, err := client.CreateMessage(ctx, req)
		require.NoError(b, err)
	}
}

func bare(b *testing.B) string {
	b.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(b.Context(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	s := grpc.NewServer()
	threadsv1.RegisterMessageServiceServer(s, echo{})
	go func() { _ = s.Serve(l) }()
	b.Cleanup(s.Stop)
	return l.Addr().String()
}
