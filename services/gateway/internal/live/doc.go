// Package live delivers a workspace's events to its watchers, over gRPC and as server-sent events.
//
// One ordered reader a process follows the whole stream from the first watcher on; in memory it is dealt out by
// workspace. A watcher that begins in the past reads up to that point by itself and then joins at the same sequence.
//
// The package promises that a watcher gets every event it may read exactly once and in the stream's order, also
// over resumptions at another replica; that a right which was taken away earlier in the stream, or before that, is
// not used for any later event; that no watcher can slow another one, or the reader, or use memory without bound;
// and that what ends a stream on this side always comes with the token to go on from.
package live
