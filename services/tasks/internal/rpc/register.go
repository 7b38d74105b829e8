package rpc

import (
	"google.golang.org/grpc"

	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
)

// Register puts the service's RPCs on a server.
func Register(server grpc.ServiceRegistrar, a *app.App) {
	tasksv1.RegisterProjectServiceServer(server, NewProjects(a))
	tasksv1.RegisterTaskServiceServer(server, NewTasks(a))
	tasksv1.RegisterHandoffServiceServer(server, NewHandoffs(a))
	notificationsv1.RegisterSourceServiceServer(server, NewSources(a))
}
