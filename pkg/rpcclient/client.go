// Package rpcclient is how Meridian's services call each other.
//
// It promises that a call goes out as who it is made for: with the token of the caller in the context, or with the
// service's own identity where nobody calls; that only what is safe to repeat is repeated, reads and requests with a
// request_id, when the callee is unavailable, and ever less while it stays so; that each hop takes its share off the
// deadline; and that a failure comes back as the fault that the callee meant.
package rpcclient

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	_ "google.golang.org/grpc/health" // the client's side of health checks
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	keepaliveAfter   = 30 * time.Second
	keepaliveTimeout = 20 * time.Second
	connectTimeout   = 5 * time.Second
	// awayPause is the time between two lines on a callee that is not reached.
	awayPause = 10 * time.Second
)

// reconnecting says when to look again for a callee that is away: within a second, however long it was. gRPC's own two
// minutes would leave a caller without a replica that has long been back. A replica that is replaced goes on serving for
// longer than that when the last but one is back (boot's drain-delay), so that one is always there.
func reconnecting() backoff.Config {
	return backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}
}

// serviceConfig spreads calls over all replicas that say they serve. Retries are made by this package, which can
// see whether a request carries a request_id.
const serviceConfig = `{
	"loadBalancingConfig": [{"round_robin": {}}],
	"healthCheckConfig": {"serviceName": ""}
}`

// Config is what a connection is set to. The zero value calls without TLS and with callers' tokens only.
type Config struct {
	// Identity is the service's own, for calls that nobody's token is there for. Without a key such calls go out
	// without a token.
	Identity auth.Identity
	// TLS is how the callee is known, and how it knows us.
	TLS TLS
	// Log is told why a callee is not reached, and of TLS files that cannot be used. Nothing is told when nil.
	Log *slog.Logger
	// Machine is machine time; clock.Machine when nil.
	Machine clock.Clock
	// TracerProvider gets the traces; OpenTelemetry's global one when nil.
	TracerProvider trace.TracerProvider
	// GRPC are further options of the connection.
	GRPC []grpc.DialOption
}

// Dial makes a connection to a target such as `dns:///directory.meridian.svc:9090` or `127.0.0.1:9091`. It connects
// with the first call, and again and again by itself.
func Dial(target string, cfg Config) (*grpc.ClientConn, error) {
	if err := checkTarget(target); err != nil {
		return nil, err
	}
	if cfg.Machine == nil {
		cfg.Machine = clock.Machine()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With(slog.String("target", target))
	creds, err := cfg.TLS.credentials(cfg.Log, cfg.Machine)
	if err != nil {
		return nil, err
	}
	c := &caller{
		identity: cfg.Identity, machine: cfg.Machine, throttle: newThrottle(),
		log: cfg.Log, often: &rate.Sometimes{Interval: awayPause},
	}
	telemetry := []otelgrpc.Option{otelgrpc.WithFilter(filters.Not(filters.HealthCheck()))}
	if cfg.TracerProvider != nil {
		telemetry = append(telemetry, otelgrpc.WithTracerProvider(cfg.TracerProvider))
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDisableRetry(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnecting(), MinConnectTimeout: connectTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: keepaliveAfter, Timeout: keepaliveTimeout, PermitWithoutStream: true,
		}),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(telemetry...)),
		grpc.WithUnaryInterceptor(c.unary),
		grpc.WithStreamInterceptor(c.stream),
	}
	cc, err := grpc.NewClient(target, append(options, cfg.GRPC...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	return cc, nil
}

// checkTarget refuses a name without a port, for which gRPC would take the one of HTTPS, and what is no target at all: gRPC
// would say so with the first call. Targets of other resolvers than the name server are theirs to check.
func checkTarget(target string) error {
	endpoint := target
	if u, err := url.Parse(target); err == nil && u.Scheme == "dns" {
		endpoint = strings.TrimPrefix(cmp.Or(u.Path, u.Opaque), "/")
	} else if err == nil && resolver.Get(u.Scheme) != nil {
		return nil
	}
	host, port, err := net.SplitHostPort(endpoint)
	if number, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || host == "" || number == 0 {
		return fmt.Errorf("%q: must be host:port or dns:///host:port", target)
	}
	return nil
}

// AsService returns a context whose calls are made by the service itself although somebody's token is there, for
// methods that are for services only.
func AsService(ctx context.Context) context.Context { return auth.WithToken(ctx, "") }
