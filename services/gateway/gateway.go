// Package gateway is the one address of Meridian's API: REST, gRPC and live streams of events.
//
// It promises that a client who knows it needs to know no other service, that callers sign in with API tokens as well
// as access tokens, and that what comes from outside is bounded in size, rate and time before any service sees it.
// It has no state of its own.
package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/secret"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
	"github.com/meridianhq/meridian/services/gateway/internal/live"
	"github.com/meridianhq/meridian/services/gateway/internal/openapi"
	"github.com/meridianhq/meridian/services/gateway/internal/passthrough"
	"github.com/meridianhq/meridian/services/gateway/internal/rest"
	"github.com/meridianhq/meridian/services/gateway/internal/web"
)

const name = "gateway"

// Config is what the gateway is told from outside.
type Config struct {
	boot.Config

	HTTPAddr          string   `name:"http-addr" env:"MERIDIAN_HTTP_ADDR" default:"127.0.0.1:8080" help:"Address for HTTP."`
	ThreadsAddr       string   `name:"threads-addr" env:"MERIDIAN_THREADS_ADDR" help:"gRPC target of the threads, such as dns:///threads:9090."`
	AvailabilityAddr  string   `name:"availability-addr" env:"MERIDIAN_AVAILABILITY_ADDR" help:"gRPC target of availability."`
	TasksAddr         string   `name:"tasks-addr" env:"MERIDIAN_TASKS_ADDR" help:"gRPC target of the tasks."`
	NotificationsAddr string   `name:"notifications-addr" env:"MERIDIAN_NOTIFICATIONS_ADDR" help:"gRPC target of the notifications."`
	ResumeKey         string   `name:"resume-key" env:"MERIDIAN_RESUME_KEY" secret:"once" help:"Secret that signs resume tokens, base64, at least 32 bytes; the same at every replica. Empty: made from the identity key."`
	CORSOrigins       []string `name:"cors-origins" env:"MERIDIAN_CORS_ORIGINS" help:"Web origins that may call from a browser, * for any. Empty: none."`
	TrustedProxies    []string `name:"trusted-proxies" env:"MERIDIAN_TRUSTED_PROXIES" help:"Networks whose X-Forwarded-For is believed, over HTTP and gRPC, such as 10.0.0.0/8."`

	edge.Limits
}

// Service is a gateway. Make it with New.
type Service struct {
	*boot.Platform

	http *web.Server
}

// HTTPAddr returns the address that HTTP is served on, with the port that was taken; before Start, the one given.
func (s *Service) HTTPAddr() string { return s.http.Addr() }

// check finds what makes no sense of the gateway's own, by its flag.
func (c Config) check() error {
	if _, _, err := net.SplitHostPort(c.HTTPAddr); err != nil {
		return errors.New("http-addr: must be host:port, such as 0.0.0.0:8080")
	}
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host) {
			return fmt.Errorf("cors-origins: %q must be an origin such as https://app.example.com, or *", origin)
		}
	}
	if _, err := edge.ParseProxies(c.TrustedProxies); err != nil {
		return err
	}
	return c.Check()
}

// front is what stands behind the RPC server, which is made before it.
type front struct {
	*edge.Gate
	proxy *passthrough.Proxy
}

// New makes the gateway. It listens from Start on.
func New(ctx context.Context, cfg Config, deps boot.Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	catalog, err := edge.NewCatalog(backendNames()...)
	if err != nil {
		return nil, err
	}
	// The RPC server belongs to the platform, which also makes what signing in takes.
	behind := &front{}
	base := cfg.Config
	base.Reflection = false // the proxy describes all services, its own among them
	platform, err := boot.New(ctx, name, base, deps, boot.Options{
		Verifier: verifier{behind},
		Server: rpcserver.Options{
			Unknown: func(srv any, stream grpc.ServerStream) error { return behind.proxy.Handle(srv, stream) },
			GRPC:    []grpc.ServerOption{grpc.ForceServerCodecV2(passthrough.NewCodec())},
		},
	})
	if err != nil {
		return nil, err
	}
	s := &Service{Platform: platform}
	if err := s.assemble(ctx, cfg, deps, catalog, behind); err != nil {
		platform.Close()
		return nil, err
	}
	return s, nil
}

// assemble puts the gateway's own parts onto the platform.
func (s *Service) assemble(ctx context.Context, cfg Config, deps boot.Deps, catalog *edge.Catalog, behind *front) error {
	proxies, err := edge.ParseProxies(cfg.TrustedProxies)
	if err != nil {
		return err
	}
	signIn := edge.NewSignIn(exchanger{directoryv1.NewTokenServiceClient(s.Directory)}, s.Verifier, s.Machine)
	behind.Gate = edge.NewGate(signIn, edge.NewLimiter(cfg.Limits, s.Machine), proxies)
	conns, err := s.dial(cfg, deps)
	if err != nil {
		return err
	}
	behind.proxy = passthrough.New(catalog, behind.Gate, conns.plain(), cfg.Reflection)
	hub, err := s.hub(cfg, behind.Gate)
	if err != nil {
		return err
	}
	hub.Observe(s.Meters)
	gatewayv1.RegisterEventServiceServer(s.Server, live.NewService(hub))
	handler, err := rest.New(ctx, rest.Config{
		Catalog: catalog, Gate: behind.Gate, Machine: s.Machine, Backends: conns.rest(), Status: statusOf,
		Streams: map[string]http.Handler{gatewayv1.EventService_WatchEvents_FullMethodName: &live.Events{
			Hub: hub, Status: statusOf, Refuse: rest.WriteError,
		}},
	})
	if err != nil {
		return err
	}
	s.http = web.New(web.Config{
		Addr: cfg.HTTPAddr, Origins: cfg.CORSOrigins, Proxies: proxies, Log: s.Log, Machine: s.Machine,
		TracerProvider: deps.TracerProvider,
		TLS:            cfg.ServerTLS(),
	}, openapi.Handler(handler))
	s.Group.Add("backends", nil, conns.close)
	s.Group.Go("live events", hub.Run)
	s.Group.Add("http", s.http.Start, func(ctx context.Context) error {
		hub.Drain()
		return s.http.Stop(ctx)
	})
	return nil
}

func (s *Service) hub(cfg Config, gate *edge.Gate) (*live.Hub, error) {
	key, err := resumeKey(cfg)
	if err != nil {
		return nil, err
	}
	return live.New(live.Config{
		JS: s.JS, Directory: live.NewDirectory(directoryv1.NewAccessServiceClient(s.Directory)), Sessions: gate,
		Revocations: s.Revocations, Machine: s.Machine, Log: s.Log, TokenKey: key,
	}), nil
}

// resumeKey is the key of resume tokens. The identity key, which replicas share, stands in for one of its own.
func resumeKey(cfg Config) ([]byte, error) {
	if cfg.ResumeKey == "" && cfg.IdentityKey == "" {
		return nil, errors.New("resume-key: must be given where there is no identity-key")
	}
	if cfg.ResumeKey == "" {
		identity, err := secret.Read(cfg.IdentityKey)
		if err != nil {
			return nil, fmt.Errorf("identity-key: %w", err)
		}
		mac := hmac.New(sha256.New, []byte(identity))
		mac.Write([]byte("meridian gateway resume tokens"))
		return mac.Sum(nil), nil
	}
	text, err := secret.Read(cfg.ResumeKey)
	if err != nil {
		return nil, fmt.Errorf("resume-key: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) < ed25519.SeedSize {
		return nil, errors.New("resume-key: must be at least 32 bytes in base64")
	}
	return key, nil
}

func statusOf(ctx context.Context, err error) *status.Status {
	return rpcserver.StatusOf(ctx, name, err)
}

// exchanger asks the directory.
type exchanger struct {
	client directoryv1.TokenServiceClient
}

// Exchange turns an API token into an access token.
func (e exchanger) Exchange(ctx context.Context, apiToken string) (string, error) {
	answer, err := e.client.ExchangeToken(rpcclient.AsService(ctx), &directoryv1.ExchangeTokenRequest{Token: apiToken})
	if err != nil {
		return "", rpcclient.Fault(err)
	}
	return answer.GetAccessToken(), nil
}
