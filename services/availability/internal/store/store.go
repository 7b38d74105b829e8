// Package store keeps hours, the layers over them, times off, delegations, rotations and core hours in Postgres.
//
// Every statement runs with its workspace set for row-level security and carries it as well. What is known of many members
// is read in a fixed number of statements. Lists are keysets, never offsets. What the workers claim is claimed over all
// workspaces, as the schema's owner, and done within one.
package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the service's own tables.
func Set() postgres.Set {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return postgres.Set{Name: "availability", FS: dir}
}

// Encode makes the outbox's message of a domain event.
type Encode func(ctx context.Context, at time.Time, actor string, event domain.Event) (outbox.Message, error)

// Store implements app.Store. It is safe for concurrent use.
type Store struct {
	db     *postgres.DB
	owner  *postgres.DB
	outbox *outbox.Outbox
	encode Encode
}

// New makes the store over the app role's pool, and the owner's for the workers' claims.
func New(pool, owner *postgres.DB, box *outbox.Outbox, encode Encode) *Store {
	return &Store{db: pool, owner: owner, outbox: box, encode: encode}
}

// all are the queries that look at all workspaces.
func (s *Store) all() *db.Queries { return db.New(s.owner.Pool()) }

func (s *Store) queries(ws uuid.UUID) *db.Queries { return db.New(s.db.For(ws)) }

// InTx implements app.Store.
func (s *Store) InTx(ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, tx app.Tx) error) error {
	return s.db.InTx(ctx, ws, func(ctx context.Context, pg *postgres.Tx) error {
		later := &queue{}
		t := &tx{ws: ws, pg: pg, encode: s.encode, now: db.New(pg), writes: db.New(later)}
		if err := fn(ctx, t); err != nil {
			return err
		}
		if err := s.outbox.Queue(pg, &later.batch, t.events...); err != nil {
			return err
		}
		if later.batch.Len() == 0 {
			return nil
		}
		return pg.CommitWith(ctx, &later.batch)
	})
}

// LayZones notes the zone of every member of whom none was noted yet, as the schema's owner, in all workspaces. It stands
// before the events of members are followed, so that the zone that a change ends is known.
func LayZones(ctx context.Context, owner *postgres.DB) error {
	if err := db.New(owner.Pool()).LayZones(ctx, sinceEver()); err != nil {
		return fmt.Errorf("availability: note the zones of members: %w", err)
	}
	return nil
}

// LayWatches has the coverage of teams looked at that a replica of a version before watches gave core hours or a rotation, as
// the schema's owner, in all workspaces.
func LayWatches(ctx context.Context, owner *postgres.DB) error {
	if err := db.New(owner.Pool()).LayWatches(ctx); err != nil {
		return fmt.Errorf("availability: watch the coverage of teams: %w", err)
	}
	return nil
}

// sinceEver is the start of a member's first zone.
func sinceEver() time.Time { return time.Time{} }

// tx implements app.Tx: what it reads, it reads at once; what it writes, it queues until the commit.
type tx struct {
	ws     uuid.UUID
	pg     *postgres.Tx
	encode Encode
	// events are published with the last of the writes, in one statement.
	events []outbox.Message
	// now runs statements at once, writes queues them.
	now, writes *db.Queries
}

// Replay implements app.Tx.
func (t *tx) Replay(ctx context.Context, name string) (string, bool, error) {
	return replay.Claim(ctx, t.pg, name)
}

// First implements app.Tx.
func (t *tx) First(ctx context.Context) (bool, error) { return inbox.Claim(ctx, t.pg) }

// Publish implements app.Tx.
func (t *tx) Publish(ctx context.Context, at time.Time, actor string, events ...domain.Event) error {
	for _, event := range events {
		message, err := t.encode(ctx, at, actor, event)
		if err != nil {
			return err
		}
		t.events = append(t.events, message)
	}
	return nil
}

// queue gathers statements that sqlc's methods are asked to run. It serves those without a result; the others are
// mistakes of the program.
type queue struct{ batch pgx.Batch }

// Exec implements db.DBTX.
func (q *queue) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	q.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Query implements db.DBTX.
func (q *queue) Query(context.Context, string, ...any) (pgx.Rows, error) {
	panic("store: a queued statement has no rows")
}

// QueryRow implements db.DBTX.
func (q *queue) QueryRow(context.Context, string, ...any) pgx.Row {
	panic("store: a queued statement has no row")
}
