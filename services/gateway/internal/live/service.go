package live

import (
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
)

// Service is the gRPC side of a hub.
type Service struct {
	gatewayv1.UnimplementedEventServiceServer

	hub *Hub
}

// NewService makes it.
func NewService(hub *Hub) *Service { return &Service{hub: hub} }

// WatchEvents streams events until the client or the stream ends.
func (s *Service) WatchEvents(
	request *gatewayv1.WatchEventsRequest, stream grpc.ServerStreamingServer[gatewayv1.WatchEventsResponse],
) error {
	ctx := stream.Context()
	token, ok := auth.TokenFrom(ctx)
	if !ok {
		return fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "the call needs a token")
	}
	session, err := s.hub.cfg.Sessions.Session(ctx, token)
	if err != nil {
		return err
	}
	return s.hub.watch(ctx, session, request, func(u update) error {
		response := &gatewayv1.WatchEventsResponse{ResumeToken: u.token}
		if u.event == nil {
			response.Kind = &gatewayv1.WatchEventsResponse_Heartbeat{Heartbeat: &gatewayv1.Heartbeat{}}
			return stream.Send(response)
		}
		cloud, err := u.event.cloud()
		if err != nil {
			return err
		}
		response.Kind = &gatewayv1.WatchEventsResponse_Event{Event: cloud}
		return stream.Send(response)
	})
}
