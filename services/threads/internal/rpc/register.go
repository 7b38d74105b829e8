package rpc

import (
	"google.golang.org/grpc"

	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
)

// Register puts the service's RPCs on a server.
func Register(server grpc.ServiceRegistrar, a *app.App) {
	threadsv1.RegisterThreadServiceServer(server, NewThreads(a))
	threadsv1.RegisterMessageServiceServer(server, NewMessages(a))
	threadsv1.RegisterReadServiceServer(server, NewReads(a))
	threadsv1.RegisterSearchServiceServer(server, NewSearch(a))
	threadsv1.RegisterAskServiceServer(server, NewAsks(a))
	notificationsv1.RegisterSourceServiceServer(server, NewSources(a))
}
