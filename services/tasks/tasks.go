// Package tasks is Meridian's relay: projects, tasks, who holds what, and how it changes hands.
//
// It owns the schema `tasks` and publishes the events of meridian.tasks.v1. It calls the directory, and that only where
// its own projection of rights would refuse, and availability for the receivers and the times of offers, which wait
// while availability is away.
package tasks

import (
	"context"
	"fmt"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/workingtime"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/jobs"
	"github.com/meridianhq/meridian/services/tasks/internal/rpc"
	"github.com/meridianhq/meridian/services/tasks/internal/store"
	"github.com/meridianhq/meridian/services/tasks/internal/wire"
)

// Config is the service's settings.
type Config struct {
	boot.Config
	// AvailabilityAddr is where the availability service answers.
	AvailabilityAddr string `name:"availability-addr" env:"MERIDIAN_AVAILABILITY_ADDR" help:"Target of the availability service, such as dns:///availability:9090."`
}

// Deps is what the service may be given instead of making it.
type Deps = boot.Deps

// Service is the running service. Start, Wait and Stop are the platform's.
type Service struct {
	*boot.Platform
}

// Sets are the service's migrations.
func Sets() []postgres.Set { return []postgres.Set{projection.Set(), store.Set()} }

// New wires the service. It migrates its schema and starts nothing.
func New(ctx context.Context, cfg Config, deps Deps) (*Service, error) {
	p, err := boot.New(ctx, wire.Service, cfg.Config, deps, boot.Options{
		Sets: Sets(),
	})
	if err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	availability, err := p.Dial("availability-addr", cfg.AvailabilityAddr)
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("tasks: %w", err)
	}
	rights := projection.New(projection.Config{
		Service: wire.Service, DB: p.DB, Owner: p.Owner, JS: p.JS, Log: p.Log, Machine: p.Machine,
		Client: directoryv1.NewAccessServiceClient(p.Directory),
	})
	var routing, expiry *due.Worker[app.Ref] // which need the use cases, and are woken by them
	useCases := app.New(app.Deps{
		Store:  store.New(p.DB, p.Owner, p.Outbox, wire.Encoder(p.Config.EventHost)),
		Access: rights, Time: workingtime.New(availability), Clock: p.Clock,
		Routing: func() { routing.Wake() }, Expiry: func() { expiry.Wake() },
	})
	routing, expiry = jobs.RouteHandoffs(useCases, p.Clock, p.Log), jobs.ExpireHandoffs(useCases, p.Clock, p.Log)
	reactions := eventbus.NewRouter(eventbus.RouterConfig{Durable: wire.Service, JS: p.JS, DB: p.Owner, Log: p.Log, Machine: p.Machine})
	wire.React(reactions, useCases)

	p.Group.Add("rights", rights.Start, rights.Stop)
	p.Consume([]*eventbus.Router{reactions}, rights.Router())
	p.Work(routing, expiry)
	rpc.Register(p.Server, useCases)
	return &Service{Platform: p}, nil
}
