// Package rpc is the gRPC side of projects, tasks and handoffs: it reads requests into use cases and writes what they
// return.
//
// It promises to decide nothing: names, masks, filters and page tokens are checked here for their form alone.
package rpc
