package rpcserver

import (
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	maxReceive       = 4 << 20
	maxHeaders       = 16 << 10
	spareStreams     = 250
	connectTimeout   = 20 * time.Second
	connectionAge    = 5 * time.Minute // gRPC spreads it by a tenth; it is what makes clients find new replicas
	connectionGrace  = 30 * time.Second
	keepaliveAfter   = time.Minute
	keepaliveTimeout = 20 * time.Second
	keepaliveLeast   = 20 * time.Second
)

// settings are the options of the server underneath.
func (s *Server) settings(creds credentials.TransportCredentials) []grpc.ServerOption {
	receive := s.cfg.MaxReceive
	if receive == 0 {
		receive = maxReceive
	}
	options := []grpc.ServerOption{
		grpc.Creds(creds),
		grpc.MaxRecvMsgSize(receive),
		grpc.MaxHeaderListSize(maxHeaders),
		// More than may be in work and waiting, or the rest would wait at the caller, in a queue that is nobody's.
		grpc.MaxConcurrentStreams(uint32(s.cfg.Limits.Most() + spareStreams)),
		grpc.ConnectionTimeout(connectTimeout),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge:      connectionAge,
			MaxConnectionAgeGrace: connectionGrace,
			Time:                  keepaliveAfter,
			Timeout:               keepaliveTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             keepaliveLeast,
			PermitWithoutStream: true,
		}),
		grpc.StatsHandler(otelgrpc.NewServerHandler(s.telemetry()...)),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	}
	if s.cfg.Unknown != nil {
		options = append(options, grpc.UnknownServiceHandler(s.cfg.Unknown))
	}
	return append(options, s.cfg.GRPC...)
}

func (s *Server) telemetry() []otelgrpc.Option {
	options := []otelgrpc.Option{otelgrpc.WithFilter(filters.Not(filters.HealthCheck()))}
	if s.deps.TracerProvider != nil {
		options = append(options, otelgrpc.WithTracerProvider(s.deps.TracerProvider))
	}
	return append(options, otelgrpc.WithMeterProvider(s.deps.MeterProvider))
}
