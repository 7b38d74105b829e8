// Package store keeps notifications in Postgres.
//
// Every statement runs with its workspace set for row-level security and carries it as well, but for those that find what is
// due over all workspaces, which are the owner's. Whether a member may still read what a notification is about is decided in
// the statement that reads it. What concerns many people at once is written in a fixed number of statements.
package store

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the service's own tables.
func Set() postgres.Set {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return postgres.Set{Name: "notifications", FS: dir}
}

// Encode makes the outbox's message of a domain event.
type Encode func(ctx context.Context, at time.Time, actor string, event domain.Event) (outbox.Message, error)

// Store implements app.Store. It is safe for concurrent use.
type Store struct {
	db, owner *postgres.DB
	outbox    *outbox.Outbox
	encode    Encode
}

// New makes the store over the app role's pool; owner finds what is due over all workspaces.
func New(pool, owner *postgres.DB, box *outbox.Outbox, encode Encode) *Store {
	return &Store{db: pool, owner: owner, outbox: box, encode: encode}
}

func (s *Store) queries(ws uuid.UUID) *db.Queries { return db.New(s.db.For(ws)) }

// all runs statements over all workspaces.
func (s *Store) all() *db.Queries { return db.New(s.owner.Pool()) }

// InTx implements app.Store.
func (s *Store) InTx(ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, tx app.Tx) error) error {
	return s.db.InTx(ctx, ws, func(ctx context.Context, pg *postgres.Tx) error {
		later := &queue{}
		t := &tx{ws: ws, pg: pg, later: later, encode: s.encode, now: db.New(pg), writes: db.New(later), stored: map[uuid.UUID][]domain.Delivery{}}
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

// tx implements app.Tx: what it reads, it reads at once; what it writes, it queues until the commit.
type tx struct {
	ws     uuid.UUID
	pg     *postgres.Tx
	later  *queue
	encode Encode
	// events are published with the last of the writes, in one statement.
	events []outbox.Message
	// now runs statements at once, writes queues them.
	now, writes *db.Queries
	// stored are the deliveries of notifications as they were locked or kept last.
	stored map[uuid.UUID][]domain.Delivery
}

// Replay implements app.Tx.
func (t *tx) Replay(ctx context.Context, name string) (bool, error) {
	_, replayed, err := replay.Claim(ctx, t.pg, name)
	return replayed, err
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
