//go:build unix

package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// restPause is how long a client rests after a request that failed for good.
const restPause = 100 * time.Millisecond

// bearer is a connection whose calls carry a token.
type bearer struct {
	*grpc.ClientConn
	token string
}

// Invoke implements grpc.ClientConnInterface.
func (b bearer) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return b.ClientConn.Invoke(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+b.token), method, args, reply, opts...)
}
