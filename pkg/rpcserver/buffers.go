package rpcserver

import (
	"fmt"

	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
)

// grpc's own buffers are 32 KB or else 1 MB, and are cleared before each use: a page of fifty messages, which has some
// 60 KB, cleared 1 MB. It takes another set of sizes only while the process begins.
func init() { //nolint:gochecknoinits // as grpc demands
	pool, err := mem.NewBinaryTieredBufferPool(8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22)
	if err != nil {
		panic(fmt.Sprintf("rpcserver: the sizes of buffers: %v", err)) // they are constants
	}
	experimental.SetDefaultBufferPool(pool)
}
