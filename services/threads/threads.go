// Package threads is Meridian's conversations: threads, messages, reactions, and how far each member has read.
//
// It owns the schema `threads` and publishes the events of meridian.threads.v1. It calls the directory, and that only
// where its own projection of rights would refuse a caller.
package threads

import (
	"context"
	"fmt"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/rpc"
	"github.com/meridianhq/meridian/services/threads/internal/store"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
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
		return nil, fmt.Errorf("threads: %w", err)
	}
	rights := projection.New(projection.Config{
		Service: wire.Service, DB: p.DB, Owner: p.Owner, JS: p.JS, Log: p.Log, Machine: p.Machine,
		Client: directoryv1.NewAccessServiceClient(p.Directory),
	})
	useCases := app.New(store.New(p.DB, p.Outbox, wire.Encoder(p.Config.EventHost)), rights, p.Clock)
	reactions := eventbus.NewRouter(eventbus.RouterConfig{Durable: wire.Service, JS: p.JS, DB: p.Owner, Log: p.Log, Machine: p.Machine})
	wire.React(reactions, useCases)

	p.Group.Add("rights", rights.Start, rights.Stop)
	p.Consume([]*eventbus.Router{reactions}, rights.Router())
	rpc.Register(p.Server, useCases)
	return &Service{Platform: p}, nil
}
