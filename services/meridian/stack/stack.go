// Package stack is all of Meridian in one process: Postgres, the broker, every service and the gateway, each made by
// the same New(cfg, deps) as in its own binary and reached over loopback, so that deadlines, metadata and access are
// the real ones. `meridian up` starts it, and so do the stories and the benchmarks.
//
// It promises: everything it needs is in one data folder, secrets made at random and readable by their owner only;
// one process at a time holds a folder; when Start returns, every part serves; after kill -9 the next Start has
// everything that was acknowledged; a first start that was killed at any instant is finished by the next one.
package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/adminhttp"
	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/devpg"
	"github.com/meridianhq/meridian/pkg/lifecycle"
	"github.com/meridianhq/meridian/pkg/natsd"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/services/directory"
	"github.com/meridianhq/meridian/services/gateway"
	"github.com/meridianhq/meridian/services/threads"
)

// Stack is the running whole. Make it with Start.
type Stack struct {
	config  Config
	secrets *secrets
	group   *lifecycle.Group
	admin   *adminhttp.Server

	lock        *os.File
	adminURL    string
	credentials natsd.Credentials
	broker      *natsd.Server

	directory *directory.Service
	threads   *threads.Service
	gateway   *gateway.Service
	self      *grpc.ClientConn
	addresses map[string]string // where each service is reached, by its name

	devClock  *DevClock
	platforms []*boot.Platform // of the services, in the order of their start

	welcome *Welcome
}

// Start starts everything and returns when it serves. Stop must follow. The context bounds the start only.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	data, err := filepath.Abs(cfg.Data)
	if err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	cfg.Data = data
	s := &Stack{config: cfg, group: lifecycle.New(cfg.Log), admin: adminhttp.New(cfg.AdminAddr), addresses: map[string]string{}}
	s.group.Add("data folder", s.openFolder, s.closeFolder)
	s.group.Add("clock", s.openClock, nil)
	s.addPostgres()
	s.addBroker()
	s.addService("directory", s.makeDirectory)
	s.addService("availability", s.makeAvailability)
	s.addService("threads", s.makeThreads)
	s.addService("tasks", s.makeTasks)
	s.addService("notifications", s.makeNotifications)
	s.addService("gateway", s.makeGateway)
	s.group.Add("first start", s.firstStart, s.closeSelf)
	s.group.Add("development clock", s.serveClock, nil)
	if cfg.AdminAddr != "" {
		s.group.Add("admin port", s.admin.Start, s.admin.Stop)
		s.group.Go("admin serving", s.admin.Wait)
	}
	if err := s.group.Start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Wait blocks until a part fails, whose error it returns, or until ctx ends, when it returns nil.
func (s *Stack) Wait(ctx context.Context) error { return s.group.Wait(ctx) }

// Stop stops everything in reverse order, within ctx.
func (s *Stack) Stop(ctx context.Context) error { return s.group.Stop(ctx) }

// HTTPAddr is the address of the gateway's HTTP.
func (s *Stack) HTTPAddr() string { return s.gateway.HTTPAddr() }

// GRPCAddr is the address of the gateway's gRPC.
func (s *Stack) GRPCAddr() string { return s.gateway.Server.Addr() }

// NATSURL is the broker's URL, without credentials.
func (s *Stack) NATSURL() string {
	if s.broker == nil {
		return s.config.NATSURL
	}
	return s.broker.URL()
}

// AdminAddr is the operators' address; empty when there is none.
func (s *Stack) AdminAddr() string {
	if s.config.AdminAddr == "" {
		return ""
	}
	return s.admin.Addr()
}

// Directory is the directory service itself, for stories and benchmarks.
func (s *Stack) Directory() *directory.Service { return s.directory }

// Threads is the threads service.
func (s *Stack) Threads() *threads.Service { return s.threads }

// Gateway is the gateway.
func (s *Stack) Gateway() *gateway.Service { return s.gateway }

// Broker is the embedded broker; nil where another one is used.
func (s *Stack) Broker() *natsd.Server { return s.broker }

// DatabaseURL is the URL of the role that may make roles and schemas. It holds the password.
func (s *Stack) DatabaseURL() string { return s.adminURL }

// Services are the running services, in the order of their start.
func (s *Stack) Services() []*boot.Platform { return s.platforms }

// Clock is the development clock; nil where time runs by itself.
func (s *Stack) Clock() *DevClock { return s.devClock }

// Welcome is what the first start made; nil when this was not the first.
func (s *Stack) Welcome() *Welcome { return s.welcome }

// OwnerToken reads the token that the first start kept.
func (s *Stack) OwnerToken() (string, error) { return readToken(s.config.Data) }

// Identity is the identity "meridian", with which the directory lets this binary make workspaces.
func (s *Stack) Identity() (auth.Identity, error) {
	key, err := s.secrets.key("meridian")
	return auth.Identity{Name: "meridian", Key: key}, err
}

// Self is the connection to the directory as the identity "meridian".
func (s *Stack) Self() grpc.ClientConnInterface { return s.self }

func (s *Stack) openFolder(context.Context) (err error) {
	if s.lock, err = openFolder(s.config.Data); err != nil {
		return err
	}
	if s.secrets, err = loadSecrets(s.config.Data); err != nil {
		return errors.Join(err, s.lock.Close())
	}
	return nil
}

func (s *Stack) closeFolder(context.Context) error { return s.lock.Close() }

// addPostgres adds the private cluster, unless there is a database of the operator's own.
func (s *Stack) addPostgres() {
	s.adminURL = s.config.DatabaseURL
	if s.adminURL != "" {
		return
	}
	var cluster *devpg.Server
	s.group.Add("postgres", func(ctx context.Context) error {
		folder, err := clusterFolder(s.config.Data)
		if err != nil {
			return err
		}
		cluster, err = devpg.Start(ctx, devpg.Options{Dir: folder, Database: "meridian", Log: s.config.Log})
		if err != nil {
			return err
		}
		s.adminURL = cluster.URL()
		return nil
	}, func(ctx context.Context) error { return cluster.Stop(ctx) })
	s.group.Go("postgres", func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-cluster.Done():
			return errors.New("the private cluster ended by itself")
		}
	})
}

func (s *Stack) addBroker() {
	s.group.Add("broker", func(ctx context.Context) error {
		var err error
		if s.credentials, err = natsd.LoadCredentials(CredentialsFile(s.config.Data)); err != nil || s.config.NATSURL != "" {
			return err
		}
		s.broker, err = natsd.Start(ctx, natsd.Config{
			Addr: s.config.NATSAddr, StoreDir: storeFolder(s.config.Data), Credentials: s.credentials, Log: s.config.Log,
		})
		return err
	}, func(ctx context.Context) error {
		if s.broker == nil {
			return nil
		}
		return s.broker.Stop(ctx)
	})
}

// CredentialsFile is where a data folder keeps the broker's credentials.
func CredentialsFile(data string) string { return filepath.Join(data, "nats", "credentials.json") }

// addService adds a service that is made when those before it serve.
func (s *Stack) addService(name string, newService func(context.Context) (boot.Service, *boot.Platform, error)) {
	var service boot.Service
	s.group.Add(name, func(ctx context.Context) error {
		made, platform, err := newService(ctx)
		if err != nil {
			return err
		}
		if err := made.Start(ctx); err != nil {
			return err
		}
		service = made
		s.addresses[name] = s.way(name, platform.Server.Addr())
		s.platforms = append(s.platforms, platform)
		s.watch(name, platform)
		return nil
	}, func(ctx context.Context) error { return service.Stop(ctx) })
	s.group.Go(name+" serving", func(ctx context.Context) error { return service.Wait(ctx) })
}

// serveClock lets operators move a development clock.
func (s *Stack) serveClock(context.Context) error {
	if s.devClock != nil {
		s.devClock.handle(s.admin.Handle)
	}
	return nil
}

// watch makes the service's readiness part of the whole's, and its dead letters part of the whole's admin port, under
// the service's name: it listens on none of its own here.
func (s *Stack) watch(name string, platform *boot.Platform) {
	letters := http.StripPrefix("/"+name, platform.Admin.Handler())
	s.admin.Handle("/"+name+"/deadletters", letters)
	s.admin.Handle("/"+name+"/deadletters/", letters)
	s.admin.Ready(name, func(ctx context.Context) error {
		report := platform.Admin.Report(ctx)
		if report.OK() {
			return nil
		}
		return fmt.Errorf("%s: %v", report.Status, report.Checks)
	})
}

// way is the address at which others reach a service.
func (s *Stack) way(name, addr string) string {
	if s.config.Way == nil {
		return addr
	}
	return s.config.Way(name, addr)
}

// dialSelf connects to the directory as this binary.
func (s *Stack) dialSelf() error {
	identity, err := s.Identity()
	if err != nil {
		return err
	}
	s.self, err = rpcclient.Dial(s.directory.Server.Addr(), rpcclient.Config{Identity: identity})
	return err
}

func (s *Stack) closeSelf(context.Context) error { return s.self.Close() }
