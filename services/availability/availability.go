// Package availability answers who works when, when they next do, and when something is due for them. It keeps members'
// weekly hours, what lies over them (travels, dates with other hours, focus blocks), times off, and teams' rotations and core
// hours, and is the only service of Meridian that does the arithmetic of calendars.
//
// It owns the schema `availability` and publishes the events of meridian.availability.v1. It calls the directory, and that
// only before it says that a member is not there.
package availability

import (
	"context"
	"fmt"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/jobs"
	"github.com/meridianhq/meridian/services/availability/internal/rpc"
	"github.com/meridianhq/meridian/services/availability/internal/store"
	"github.com/meridianhq/meridian/services/availability/internal/wire"
)

// Config is the service's settings.
type Config struct {
	boot.Config
}

// Deps is what the service may be given instead of making it.
type Deps = boot.Deps

// Service is the running service. Start, Wait and Stop are the platform's.
type Service struct {
	*boot.Platform
}

// New wires the service. It migrates its schema and starts nothing.
func New(ctx context.Context, cfg Config, deps Deps) (*Service, error) {
	p, err := boot.New(ctx, wire.Service, cfg.Config, deps, boot.Options{
		Sets: []postgres.Set{projection.Set(), store.Set()},
	})
	if err != nil {
		return nil, fmt.Errorf("availability: %w", err)
	}
	members := projection.New(projection.Config{
		Service: wire.Service, DB: p.DB, Owner: p.Owner, JS: p.JS, Log: p.Log, Machine: p.Machine,
		Client: directoryv1.NewAccessServiceClient(p.Directory),
	})
	useCases := app.New(store.New(p.DB, p.Owner, p.Outbox, wire.Encoder(p.Config.EventHost)), members, p.Clock)
	profiles := eventbus.NewRouter(eventbus.RouterConfig{Durable: wire.Service, JS: p.JS, DB: p.Owner, Log: p.Log, Machine: p.Machine})
	wire.React(profiles, useCases)

	p.Group.Add("members", members.Start, members.Stop)
	p.Group.Add("zones of members", func(ctx context.Context) error { return store.LayZones(ctx, p.Owner) }, nil)
	p.Work(jobs.TellShifts(useCases, p.Clock, p.Log))
	p.Consume([]*eventbus.Router{profiles}, members.Router())
	rpc.Register(p.Server, useCases)
	return &Service{Platform: p}, nil
}
