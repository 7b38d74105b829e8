package passthrough

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// reflector answers tools such as grpcurl for all services behind the gateway, from the descriptors linked in.
type reflector struct {
	v1      reflectionv1.ServerReflectionServer
	v1alpha reflectionv1alpha.ServerReflectionServer
}

func newReflector(catalog *edge.Catalog) *reflector {
	options := reflection.ServerOptions{Services: catalogServices{catalog}}
	return &reflector{v1: reflection.NewServerV1(options), v1alpha: reflection.NewServer(options)}
}

// serve answers one call, and returns false where the method is none of reflection's.
func (r *reflector) serve(name string, stream grpc.ServerStream) (served bool, err error) {
	switch {
	case r == nil:
		return false, nil
	case name == reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:
		return true, r.v1.ServerReflectionInfo(&grpc.GenericServerStream[
			reflectionv1.ServerReflectionRequest, reflectionv1.ServerReflectionResponse]{ServerStream: stream})
	case name == reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName:
		return true, r.v1alpha.ServerReflectionInfo(&grpc.GenericServerStream[
			reflectionv1alpha.ServerReflectionRequest,  //nolint:staticcheck // older tools ask this way only
			reflectionv1alpha.ServerReflectionResponse, //nolint:staticcheck // as above
		]{ServerStream: stream})
	default:
		return false, nil
	}
}

// catalogServices lists the services as if they were registered here.
type catalogServices struct{ catalog *edge.Catalog }

// GetServiceInfo returns the names; nothing else of it is used.
func (c catalogServices) GetServiceInfo() map[string]grpc.ServiceInfo {
	services := map[string]grpc.ServiceInfo{
		"grpc.health.v1.Health": {}, reflectionv1.ServerReflection_ServiceDesc.ServiceName: {},
	}
	for _, name := range c.catalog.Services() {
		services[name] = grpc.ServiceInfo{}
	}
	return services
}
