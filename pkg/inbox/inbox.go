// Package inbox makes an event take effect once.
//
// The key of the delivery travels in the handler's context; the effect's transaction claims it first and stops when
// it was claimed before. The claim commits with the effect, so a redelivery after a lost acknowledgement finds it.
// Rows are kept longer than the stream keeps events, so no redelivery outlives its row.
package inbox

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the table of claims, for every service that consumes.
func Set() postgres.Set {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return postgres.Set{Name: "inbox", FS: dir}
}

// Key names one delivery's effect.
type Key struct {
	// Consumer is the durable's name.
	Consumer string
	// EventID is the event's ce-id.
	EventID uuid.UUID
}

type contextKey struct{}

// NewContext returns ctx with the key of the delivery.
func NewContext(ctx context.Context, key Key) context.Context {
	return context.WithValue(ctx, contextKey{}, key)
}

// FromContext returns the key of the delivery; false outside a handler.
func FromContext(ctx context.Context) (Key, bool) {
	key, ok := ctx.Value(contextKey{}).(Key)
	return key, ok
}

// errNoKey is a mistake in the wiring, not of an event.
var errNoKey = errors.New("inbox: the context carries no event")

// Claim takes the event in ctx for its consumer, inside the effect's transaction tx, best as its first statement.
// fresh is false when the effect was made before: the handler stops and acknowledges. A delivery of the same event
// at the same time waits for the other's end. An event's effect is claimed under one workspace always, the one its
// transaction has set.
func Claim(ctx context.Context, tx postgres.DBTX) (fresh bool, err error) {
	key, ok := FromContext(ctx)
	if !ok {
		return false, errNoKey
	}
	tag, err := tx.Exec(ctx, `INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		key.Consumer, key.EventID)
	if err != nil {
		return false, fmt.Errorf("inbox: claim: %w", err)
	}
	return tag.RowsAffected() == 1 || forgets(), nil
}
