// Package rpc is the gRPC side of notifications: it reads requests into use cases and writes what they return.
//
// It promises to decide nothing: names, masks, filters and page tokens are checked here for their form alone.
package rpc

import (
	"google.golang.org/grpc"

	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// Register puts the services of notifications on a server.
func Register(r grpc.ServiceRegistrar, a *app.App) {
	notificationsv1.RegisterInboxServiceServer(r, NewInbox(a))
	notificationsv1.RegisterPreferenceServiceServer(r, NewPreferences(a))
}
