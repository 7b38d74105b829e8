package gateway

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/overload"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	availabilitygw "github.com/meridianhq/meridian/services/gateway/internal/gen/meridian/availability/v1"
	directorygw "github.com/meridianhq/meridian/services/gateway/internal/gen/meridian/directory/v1"
	gatewaygw "github.com/meridianhq/meridian/services/gateway/internal/gen/meridian/gateway/v1"
	notificationsgw "github.com/meridianhq/meridian/services/gateway/internal/gen/meridian/notifications/v1"
	tasksgw "github.com/meridianhq/meridian/services/gateway/internal/gen/meridian/tasks/v1"
	threadsgw "github.com/meridianhq/meridian/services/gateway/internal/gen/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/rest"
)

// backend is a service behind the gateway: one line below.
type backend struct {
	name      string
	target    func(cfg Config) string
	registers []rest.Register
}

// backends lists every service whose methods the gateway serves. Its own live stream is among them for its path; it
// has no connection.
func backends() []backend {
	return []backend{
		{name: "directory", target: func(c Config) string { return c.DirectoryAddr }, registers: []rest.Register{
			directorygw.RegisterAuditServiceHandler, directorygw.RegisterEventSubscriptionServiceHandler,
			directorygw.RegisterMemberServiceHandler,
			directorygw.RegisterSpaceServiceHandler, directorygw.RegisterTeamServiceHandler,
			directorygw.RegisterTokenServiceHandler, directorygw.RegisterWorkspaceServiceHandler,
		}},
		{name: "threads", target: func(c Config) string { return c.ThreadsAddr }, registers: []rest.Register{
			threadsgw.RegisterAskServiceHandler, threadsgw.RegisterMessageServiceHandler, threadsgw.RegisterReadServiceHandler,
			threadsgw.RegisterSearchServiceHandler, threadsgw.RegisterThreadServiceHandler,
		}},
		{name: "availability", target: func(c Config) string { return c.AvailabilityAddr }, registers: []rest.Register{
			availabilitygw.RegisterAvailabilityServiceHandler, availabilitygw.RegisterCalendarFeedServiceHandler,
			availabilitygw.RegisterCalendarServiceHandler,
			availabilitygw.RegisterScheduleServiceHandler,
			availabilitygw.RegisterTimeOffServiceHandler,
			availabilitygw.RegisterDelegationServiceHandler,
			availabilitygw.RegisterAvailabilityServiceHandler, availabilitygw.RegisterDateOverrideServiceHandler,
			availabilitygw.RegisterDelegationServiceHandler, availabilitygw.RegisterFocusBlockServiceHandler,
			availabilitygw.RegisterHolidayServiceHandler, availabilitygw.RegisterRotationServiceHandler,
			availabilitygw.RegisterScheduleServiceHandler, availabilitygw.RegisterTeamTimeServiceHandler,
			availabilitygw.RegisterTimeOffServiceHandler, availabilitygw.RegisterTravelServiceHandler,
		}},
		{name: "tasks", target: func(c Config) string { return c.TasksAddr }, registers: []rest.Register{
			tasksgw.RegisterHandoffServiceHandler, tasksgw.RegisterProjectServiceHandler, tasksgw.RegisterTaskServiceHandler,
		}},
		{name: "notifications", target: func(c Config) string { return c.NotificationsAddr }, registers: []rest.Register{
			notificationsgw.RegisterInboxServiceHandler, notificationsgw.RegisterPreferenceServiceHandler,
		}},
		{name: name, registers: []rest.Register{gatewaygw.RegisterEventServiceHandler}},
	}
}

func backendNames() []string {
	var names []string
	for _, b := range backends() {
		names = append(names, b.name)
	}
	return names
}

// connections are the open ones, in the order of backends.
type connections []connection

type connection struct {
	backend

	conn *grpc.ClientConn
	// unobserve ends the metrics of the calls through it.
	unobserve func()
}

// standardInWork is how many calls to one service may be under way. They mostly wait, so it is more than a service's own:
// what is too much for a service is refused there, where it is known.
const standardInWork = 1024

// limited keeps the calls through a connection within limits of their own, so that a service that does not answer leaves
// the others to be called. It holds no place between two tries of a call.
func limited(gate *overload.Gate) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		caller, _ := auth.FromContext(ctx)
		if err := gate.Enter(ctx, caller.Workspace); err != nil {
			return err
		}
		defer gate.Leave(caller.Workspace)
		return invoke(ctx, method, request, reply, cc, opts...)
	}
}

// dial connects to every backend, for callers with their own token and never with the gateway's identity.
func (s *Service) dial(cfg Config, deps boot.Deps) (connections, error) {
	var conns connections
	limits := cfg.Overload
	if limits.InWork == 0 {
		limits.InWork = standardInWork
	}
	for _, b := range backends() {
		if b.target == nil {
			conns = append(conns, connection{backend: b})
			continue
		}
		target := b.target(cfg)
		if target == "" {
			return nil, fmt.Errorf("%s-addr: must be given", b.name)
		}
		gate := overload.New(limits)
		conn, err := rpcclient.Dial(target, rpcclient.Config{
			TLS: cfg.ClientTLS(), Log: s.Log, Machine: s.Machine, TracerProvider: deps.TracerProvider,
			GRPC: []grpc.DialOption{grpc.WithChainUnaryInterceptor(rest.Interceptor, limited(gate))},
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s-addr: %w", b.name, err), conns.close(context.Background()))
		}
		conns = append(conns, connection{backend: b, conn: conn, unobserve: gate.Observe(s.Meters, name, b.name)})
	}
	return conns, nil
}

// plain are the connections by the service's name.
func (c connections) plain() map[string]grpc.ClientConnInterface {
	byName := make(map[string]grpc.ClientConnInterface, len(c))
	for _, each := range c {
		if each.conn != nil {
			byName[each.name] = each.conn
		}
	}
	return byName
}

// rest are the connections with their REST handlers.
func (c connections) rest() []rest.Backend {
	var all []rest.Backend
	for _, each := range c {
		all = append(all, rest.Backend{Conn: each.conn, Registers: each.registers})
	}
	return all
}

func (c connections) close(context.Context) error {
	var errs []error
	for _, each := range c {
		if each.conn != nil {
			each.unobserve()
			errs = append(errs, each.conn.Close())
		}
	}
	return errors.Join(errs...)
}

// verifier signs in the calls that the gateway itself answers over gRPC.
type verifier struct{ behind *front }

// Verify takes API tokens and access tokens.
func (v verifier) Verify(ctx context.Context, token string) (auth.Caller, error) {
	return v.behind.Verify(ctx, token)
}
