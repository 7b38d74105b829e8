package directory

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/brokeredge"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store"
	"github.com/meridianhq/meridian/services/directory/internal/wire"
)

// Restore is what an operator put back, as every workspace is told of it.
type Restore struct {
	// StateTime is the instant whose state the data is in.
	StateTime time.Time
	// VoidTime is at or before the time of every event that is gone, for workspaces that Voids has no other for.
	VoidTime time.Time
	Voids    map[uuid.UUID]time.Time
	// KeptSequence is that of the last event in the stream that stands; zero where the stream was lost.
	KeptSequence uint64
	// EventHost is the host in the source of events.
	EventHost string
}

// AnnounceRestore tells every workspace of a restore and returns when that stands in the stream, behind what the directory
// had not published before. It makes durables for event subscriptions that have none. No directory may run; db is the
// restored database with the directory's schema in its search path, as a role that may do what the schema's owner may.
// Broken off it may be called again: some workspaces are told twice then.
func AnnounceRestore(ctx context.Context, db *postgres.DB, js jetstream.JetStream, r Restore) error {
	use := app.New(app.Deps{
		Store: store.New(db, db, outbox.New(nil), wire.Encoder(r.EventHost)), Clock: clock.Machine(), Machine: clock.Machine(),
		Origin: func(context.Context) string { return "" },
		Edge:   wire.NewEdge(brokeredge.NewConsumers(js), nil),
	})
	ctx = auth.NewContext(ctx, auth.Caller{Service: "meridian"})
	if err := use.EnsureDurables(ctx); err != nil {
		return err
	}
	told := domain.Restore{StateTime: r.StateTime, VoidTime: r.VoidTime, KeptSequence: r.KeptSequence}
	if err := use.AnnounceRestore(ctx, told, r.Voids); err != nil {
		return err
	}
	return publishAll(ctx, db, js)
}

// publishAll relays until the outbox has nothing that is not in the stream.
func publishAll(ctx context.Context, db *postgres.DB, js jetstream.JetStream) error {
	relay := outbox.NewRelay(outbox.RelayConfig{Service: wire.Service, DB: db, JS: js, Alone: true})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(running) }()
	err := relay.Drained(ctx)
	stop()
	return errors.Join(err, <-ended)
}
