// Package directory is the service of workspaces, members, teams, spaces and tokens: the root of trust for all others.
//
// New makes the whole service from its configuration; it is read top to bottom.
package directory

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/jobs"
	"github.com/meridianhq/meridian/services/directory/internal/rpc"
	"github.com/meridianhq/meridian/services/directory/internal/store"
	"github.com/meridianhq/meridian/services/directory/internal/wire"
)

// Config is what the directory is told from outside.
type Config struct {
	boot.Config
	EdgeConfig
}

// Service is the directory. Start, Wait and Stop are its platform's.
type Service struct {
	*boot.Platform
}

// Sets are the service's migrations.
func Sets() []postgres.Set { return []postgres.Set{store.Set()} }

// New makes the directory. It starts nothing; Start or Close must follow.
func New(ctx context.Context, cfg Config, deps boot.Deps) (*Service, error) {
	keys := &ownKeys{}
	p, err := boot.New(ctx, wire.Service, cfg.Config, deps, boot.Options{
		Sets: Sets(),
		Keys: keys,
	})
	if err != nil {
		return nil, err
	}
	broker, err := newEdge(p, cfg.EdgeConfig)
	if err != nil {
		p.Close()
		return nil, err
	}
	use := app.New(app.Deps{
		Store:   store.New(p.DB, p.Owner, p.Outbox, wire.Encoder(p.Config.EventHost)),
		Clock:   p.Clock,
		Machine: p.Machine,
		Origin:  rpc.Origin,
		Edge:    broker,
	})
	keys.app.Store(use)
	rpc.Register(p.Server, use, broker.publicURL(p))

	// The first key is there before the first call, and each next one long before it signs.
	p.Group.Add("signing keys", use.RotateKeys, nil)
	p.Group.Go("key rotation", jobs.RotateKeys(use, p.Machine, p.Log).Run)
	p.Group.Go("durable sweep", jobs.SweepDurables(use, p.Log))
	if err := broker.add(p, use); err != nil {
		p.Close()
		return nil, err
	}
	consumer := func(durable string, handlers func(*eventbus.Router, *app.App)) *eventbus.Router {
		router := eventbus.NewRouter(eventbus.RouterConfig{
			Durable: durable, JS: p.JS, DB: p.Owner, Log: p.Log, Machine: p.Machine,
		})
		handlers(router, use)
		return router
	}
	p.Consume([]*eventbus.Router{consumer(wire.EdgeConsumer, wire.OnEdge), consumer(wire.AuditConsumer, wire.OnAudit)})
	return &Service{Platform: p}, nil
}

// ownKeys lets the directory check tokens by the keys it signs them with. The platform asks for a source of keys
// before there is a store to read them from.
type ownKeys struct {
	app atomic.Pointer[app.App]
}

// Keys implements auth.KeySource.
func (k *ownKeys) Keys(ctx context.Context) (jose.JSONWebKeySet, error) {
	use := k.app.Load()
	if use == nil {
		return jose.JSONWebKeySet{}, errors.New("directory: not made yet")
	}
	public, err := use.PublicKeys(ctx)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(public))}
	for i, key := range public {
		set.Keys[i] = jose.JSONWebKey{Key: key.Key, KeyID: key.ID, Algorithm: string(jose.EdDSA), Use: "sig"}
	}
	return set, nil
}
