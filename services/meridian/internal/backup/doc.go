// Package backup takes copies of Meridian's data from under running services, and puts them back so that the database, the
// stream of events and those who follow it agree again.
//
// A copy is a folder: a dump of the database, the last events of the stream, and a manifest that says what belongs together. What it rests on (docs/adr/0011-a-restore-cuts-the-stream.md): the stream's last sequence S is read before
// the snapshot of the database, and at most SyncDelay of the outbox before it. So what stands in the stream up to S was
// committed before the snapshot; and what stands beyond S and was committed before the snapshot is still a row of an outbox,
// in the dump. After a restore, therefore, everything beyond S is taken out of the stream, and the outboxes bring back
// what of it stands.
package backup

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/secret"
)

// Config is where the data is.
type Config struct {
	DatabaseAdminURL string `name:"database-admin-url" env:"MERIDIAN_DATABASE_ADMIN_URL" secret:"once" help:"Postgres, as the role that made the services' roles and schemas." placeholder:"URL" required:""`
	NATSURL          string `name:"nats-url" env:"MERIDIAN_NATS_URL" default:"nats://127.0.0.1:4222" help:"NATS with JetStream."`
	NATSUser         string `name:"nats-user" env:"MERIDIAN_NATS_USER" secret:"once" help:"User of the platform's account."`
	NATSPassword     string `name:"nats-password" env:"MERIDIAN_NATS_PASSWORD" secret:"once" help:"Their password."`
}

// place is the data itself, connected to.
type place struct {
	url string // of the database
	db  *pgx.Conn
	nc  *nats.Conn
	js  jetstream.JetStream
}

// requestLimit bounds one request to the broker.
const requestLimit = 10 * time.Second

// open connects to both. close must follow.
func (c Config) open(ctx context.Context) (*place, error) {
	url, err := secret.Read(c.DatabaseAdminURL)
	if err != nil {
		return nil, fmt.Errorf("database-admin-url: %w", err)
	}
	user, err := secret.Read(c.NATSUser)
	if err != nil {
		return nil, fmt.Errorf("nats-user: %w", err)
	}
	password, err := secret.Read(c.NATSPassword)
	if err != nil {
		return nil, fmt.Errorf("nats-password: %w", err)
	}
	p := &place{url: url}
	if p.db, err = pgx.Connect(ctx, url); err != nil {
		return nil, fmt.Errorf("database-admin-url: %w", err)
	}
	if p.nc, err = nats.Connect(c.NATSURL, nats.Name("meridian backup"), nats.UserInfo(user, password)); err != nil {
		p.close()
		return nil, fmt.Errorf("nats-url: %w", err)
	}
	if p.js, err = jetstream.New(p.nc, jetstream.WithDefaultTimeout(requestLimit)); err != nil {
		p.close()
		return nil, fmt.Errorf("nats-url: %w", err)
	}
	return p, nil
}

func (p *place) close() {
	_ = p.db.Close(context.WithoutCancel(context.Background())) // nothing is left open
	if p.nc != nil {
		p.nc.Close()
	}
}
