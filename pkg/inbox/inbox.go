// Package inbox makes an event take effect once.
//
// The key of the delivery travels in the handler's context, or the keys of all that it has at once; the effect's
// transaction claims them first and leaves out what was claimed before. The claim commits with the effect, so a redelivery after a lost acknowledgement finds it.
// Rows are kept longer than the stream keeps events, so no redelivery outlives its row.
package inbox

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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

// NewContext returns ctx with the keys of the deliveries that a handler has at once, one or many, of one consumer.
func NewContext(ctx context.Context, keys ...Key) context.Context {
	return context.WithValue(ctx, contextKey{}, keys)
}

// FromContext returns the key of the delivery; false outside a handler, and in one that has many.
func FromContext(ctx context.Context) (Key, bool) {
	keys, _ := ctx.Value(contextKey{}).([]Key)
	if len(keys) != 1 {
		return Key{}, false
	}
	return keys[0], true
}

// errNoKey is a mistake in the wiring, not of an event.
var errNoKey = errors.New("inbox: the context carries no event, or many where one is claimed")

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

// ClaimMany is Claim for each of the events in ctx, which are different ones, in one statement: fresh says of each, in
// the order of NewContext, whether its effect is still to be made.
func ClaimMany(ctx context.Context, tx postgres.DBTX) (fresh []bool, err error) {
	keys, _ := ctx.Value(contextKey{}).([]Key)
	if len(keys) == 0 {
		return nil, errNoKey
	}
	ids := make([]uuid.UUID, len(keys))
	for i, key := range keys {
		ids[i] = key.EventID
	}
	// In the order of ids, so that two who claim the same events wait for each other and not in a circle.
	rows, err := tx.Query(ctx, `
		INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS id ORDER BY id
		ON CONFLICT DO NOTHING RETURNING event_id`, keys[0].Consumer, ids)
	if err != nil {
		return nil, fmt.Errorf("inbox: claim: %w", err)
	}
	claimed, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("inbox: claim: %w", err)
	}
	mine := make(map[uuid.UUID]bool, len(claimed))
	for _, id := range claimed {
		mine[id] = true
	}
	fresh = make([]bool, len(keys))
	for i, id := range ids {
		fresh[i] = mine[id]
	}
	return fresh, nil
}
