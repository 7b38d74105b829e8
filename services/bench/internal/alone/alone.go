// Package alone runs the platform's own relay and consumer, each by itself in a process, on a schema as every service has
// it: what they can do when nothing else is asked of them.
package alone

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/job"
)

// service names the schema and its roles, password is theirs: the cluster is private and goes with the run.
const (
	service  = "bench_alone"
	password = "bench"
)

// aggregates is how many there are, in turns.
const aggregates = 1000

// ground is what a service stands on.
type ground struct {
	db, owner *postgres.DB
	conn      *nats.Conn
	js        jetstream.JetStream
}

func prepare(ctx context.Context, cfg job.Config) (g *ground, err error) {
	boot.RoomyHeap()
	if err := postgres.Prepare(ctx, cfg.DatabaseURL, service, password, password); err != nil {
		return nil, err
	}
	g = &ground{}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	owner, err := roleURL(cfg.DatabaseURL, service+"_owner")
	if err != nil {
		return nil, err
	}
	if err := postgres.Migrate(ctx, owner, outbox.Set(), inbox.Set(), eventbus.Set()); err != nil {
		return nil, err
	}
	if g.owner, err = postgres.Open(ctx, owner, postgres.Options{Name: service}); err != nil {
		return nil, err
	}
	if _, err := g.owner.Pool().Exec(ctx, effects); err != nil {
		return nil, fmt.Errorf("make the table of effects: %w", err)
	}
	app, err := roleURL(cfg.DatabaseURL, service+"_app")
	if err != nil {
		return nil, err
	}
	if g.db, err = postgres.Open(ctx, app, postgres.Options{Name: service}); err != nil {
		return nil, err
	}
	g.conn, g.js, err = cfg.Broker.Connect()
	return g, err
}

const effects = `
CREATE TABLE IF NOT EXISTS effects (workspace_id uuid, event_id uuid, body text NOT NULL, PRIMARY KEY (workspace_id, event_id));
ALTER TABLE effects ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS effects_workspace ON effects;
CREATE POLICY effects_workspace ON effects USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));`

func (g *ground) close() {
	if g.conn != nil {
		g.conn.Close()
	}
	for _, db := range []*postgres.DB{g.db, g.owner} {
		if db != nil {
			db.Close()
		}
	}
}

func roleURL(admin, role string) (string, error) {
	u, err := url.Parse(admin)
	if err != nil {
		return "", errors.New("the database's URL is not readable")
	}
	u.User = url.UserPassword(role, password)
	return u.String(), nil
}

// event is the nth of a workspace. No service of Meridian consumes this type.
func event(ctx context.Context, ws uuid.UUID, n int) (outbox.Message, error) {
	thread := fmt.Sprintf("workspaces/%s/threads/00000000-0000-7000-8000-%012d", ws, n%aggregates)
	member := "workspaces/" + ws.String() + "/members/00000000-0000-7000-8000-000000000001"
	return eventbus.Encode(ctx, "bench.example.com", "threads", clock.Machine().Now(), member, &threadsv1.ReactionAdded{
		Message: thread + "/messages/1", Thread: thread, Space: "workspaces/" + ws.String() + "/spaces/00000000-0000-7000-8000-000000000001",
		ThreadVersion: int64(1 + n/aggregates), Member: member, Author: member, Count: 1, Emoji: emoji(),
	})
}

// emoji pads an event to the size that events of messages have.
func emoji() string { return string(make([]byte, padding)) }

const padding = 200
