package world

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/natsd"
	"github.com/meridianhq/meridian/services/meridian/stack"
	"github.com/meridianhq/meridian/services/threads"
)

// The roles of this package.
const (
	// RoleBroker is a NATS server alone in its process.
	RoleBroker = "broker"
	// RoleMeridian is all services in one process, as `meridian up` has them.
	RoleMeridian = "meridian"
)

// maxStore bounds the broker's files: the event stream's 8 GiB and the limits' beside it.
const maxStore = 20 << 30

// BrokerConfig is what the broker is told.
type BrokerConfig struct {
	// Data is Meridian's data folder, which has the credentials.
	Data string
	// Store is the folder of the streams.
	Store string
}

// Broker plays RoleBroker; its answer is its URL.
func Broker(ctx context.Context, cfg BrokerConfig) (any, func(context.Context) error, error) {
	credentials, err := natsd.LoadCredentials(stack.CredentialsFile(cfg.Data))
	if err != nil {
		return nil, nil, err
	}
	server, err := natsd.Start(ctx, natsd.Config{
		Addr: "127.0.0.1:0", StoreDir: cfg.Store, Credentials: credentials, MaxStore: maxStore,
	})
	if err != nil {
		return nil, nil, err
	}
	return server.URL(), server.Stop, nil
}

// MeridianConfig is what Meridian is told.
type MeridianConfig struct {
	Data, DatabaseURL, NATSURL string
	// Contention also counts where goroutines wait for locks and each other, for a profile. It costs time.
	Contention bool
}

// Addresses are where Meridian is reached: the gateway, the operators' port, and each service by its name.
type Addresses struct {
	HTTP, GRPC, Admin string
	Services          map[string]string
	// Threads is what another replica of the threads service is told.
	Threads threads.Config
}

// Meridian plays RoleMeridian: everything on, with the gateway's rate limits taken away. Traces go where the
// environment says.
func Meridian(ctx context.Context, cfg MeridianConfig) (any, func(context.Context) error, error) {
	if cfg.Contention {
		runtime.SetMutexProfileFraction(10)
		runtime.SetBlockProfileRate(10_000)
	}
	log := boot.NewLog(os.Stderr, slog.LevelWarn)
	flush, err := boot.Telemetry(ctx, "meridian", log)
	if err != nil {
		return nil, nil, err
	}
	const free = "127.0.0.1:0"
	running, err := stack.Start(ctx, stack.Config{
		HTTPAddr: free, GRPCAddr: free, AdminAddr: free, NATSURL: cfg.NATSURL, DatabaseURL: cfg.DatabaseURL,
		Workspace: "Bench", OwnerEmail: "owner@example.com", OwnerName: "Owner", EventHost: "bench.example.com",
		Data: cfg.Data, Unlimited: true, Log: log, Metrics: prometheus.DefaultRegisterer,
	})
	if err != nil {
		return nil, nil, errors.Join(err, flush(ctx))
	}
	stop := func(ctx context.Context) error { return errors.Join(running.Stop(ctx), flush(ctx)) }
	at := Addresses{HTTP: running.HTTPAddr(), GRPC: running.GRPCAddr(), Admin: running.AdminAddr(), Services: map[string]string{}}
	for _, service := range running.Services() {
		at.Services[service.Name] = service.Server.Addr()
	}
	if at.Threads.Config, err = running.ServiceConfig("threads"); err != nil {
		return nil, nil, errors.Join(err, stop(ctx))
	}
	at.Threads.AvailabilityAddr = at.Services["availability"]
	return at, stop, nil
}
