package rpcserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/credentials/tls/certprovider"
	"google.golang.org/grpc/credentials/tls/certprovider/pemfile"
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

// CertRefresh is how often a server reads its certificate's files.
const CertRefresh = 10 * time.Second

// TLS names the files of the server's certificate, PEM. They are read again every CertRefresh, so that a renewed
// certificate and a CA that is replaced are taken up without a restart.
type TLS struct {
	// CertFile and KeyFile are the server's certificate chain and key, in one folder. Empty: no TLS.
	CertFile, KeyFile string
	// ClientCAFile, when set, is what client certificates must be signed by: mutual TLS.
	ClientCAFile string
}

// credentials returns what the server takes connections with, and what lets go of the files afterwards.
func (t TLS) credentials(ctx context.Context) (credentials.TransportCredentials, func(), error) {
	cfg, letGo, err := t.Server(ctx, "h2")
	switch {
	case err != nil:
		return nil, nil, err
	case cfg == nil:
		return insecure.NewCredentials(), letGo, nil
	default:
		return credentials.NewTLS(cfg), letGo, nil
	}
}

// Server returns the configuration of a server of the protocols, in the words of ALPN, and what lets go of the files
// once it has stopped. The configuration is nil without TLS. It fails when the files cannot be read.
func (t TLS) Server(ctx context.Context, protocols ...string) (cfg *tls.Config, letGo func(), err error) {
	if t.CertFile == "" && t.KeyFile == "" {
		if t.ClientCAFile != "" {
			return nil, nil, errors.New("client certificates can be checked only by a server with TLS")
		}
		return nil, func() {}, nil
	}
	// The provider waits for files that are not there; a server that starts says so at once.
	if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
		return nil, nil, fmt.Errorf("the server's certificate: %w", err)
	}
	files, err := pemfile.NewProvider(pemfile.Options{
		CertFile: t.CertFile, KeyFile: t.KeyFile, RootFile: t.ClientCAFile, RefreshDuration: CertRefresh,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("the server's certificate: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if _, err := files.KeyMaterial(ctx); err != nil {
		files.Close()
		return nil, nil, fmt.Errorf("the server's certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return t.current(hello.Context(), files, protocols)
		},
	}, files.Close, nil
}

// current is the configuration with the files as they now are.
func (t TLS) current(ctx context.Context, files certprovider.Provider, protocols []string) (*tls.Config, error) {
	material, err := files.KeyMaterial(ctx)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: material.Certs, NextProtos: protocols}
	if t.ClientCAFile != "" {
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
		cfg.ClientCAs = material.Roots
	}
	return cfg, nil
}
