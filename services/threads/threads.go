// Package threads is Meridian's conversations: threads, messages, reactions, what people are asked, and how far each
// member has read.
//
// It owns the schema `threads` and publishes the events of meridian.threads.v1. It calls the directory, and that only
// where its own projection of rights would refuse a caller, and the availability service, for when due times fall: no
// request waits for that.
package threads

import (
	"context"
	"fmt"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/groupcommit"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/workingtime"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/jobs"
	"github.com/meridianhq/meridian/services/threads/internal/rpc"
	"github.com/meridianhq/meridian/services/threads/internal/store"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
)

// Config is the service's settings.
type Config struct {
	boot.Config
	AvailabilityAddr string `name:"availability-addr" env:"MERIDIAN_AVAILABILITY_ADDR" help:"gRPC target of the availability service, such as dns:///availability:9090."`
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
		return nil, fmt.Errorf("threads: %w", err)
	}
	availability, err := p.Dial("availability-addr", cfg.AvailabilityAddr)
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("threads: %w", err)
	}
	rights := projection.New(projection.Config{
		Service: wire.Service, DB: p.DB, Owner: p.Owner, JS: p.JS, Log: p.Log, Machine: p.Machine,
		Client: directoryv1.NewAccessServiceClient(p.Directory),
	})
	var dues *due.Worker[app.PendingDues]
	useCases := app.New(app.Deps{
		Store:  store.New(p.DB, p.Owner, p.Outbox, wire.Encoder(p.Config.EventHost)),
		Access: rights, Clock: p.Clock, WorkingTime: workingtime.New(availability), Pending: func() { dues.Wake() },
		GroupSizes: groupcommit.NewSizes(p.Meters, wire.Service, "message"),
	})
	dues = jobs.ComputeDues(useCases, p.Clock, p.Log)
	reactions := eventbus.NewRouter(eventbus.RouterConfig{Durable: wire.Service, JS: p.JS, DB: p.Owner, Log: p.Log, Machine: p.Machine})
	wire.React(reactions, useCases)

	p.Group.Add("rights", rights.Start, rights.Stop)
	p.Consume([]*eventbus.Router{reactions}, rights.Router())
	p.Work(dues, jobs.AnnounceOverdue(useCases, p.Clock, p.Log))
	rpc.Register(p.Server, useCases)
	return &Service{Platform: p}, nil
}
