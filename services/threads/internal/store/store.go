// Package store keeps conversations in Postgres.
//
// Every statement runs with its workspace set for row-level security and carries it as well. Whether a member may see
// something is decided in the statement that reads it. Lists are keysets, never offsets.
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

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the service's own tables.
func Set() postgres.Set {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return postgres.Set{Name: "threads", FS: dir}
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

// New makes the store over the app role's pool, and the owner's for what becomes due in any workspace.
func New(pool, owner *postgres.DB, box *outbox.Outbox, encode Encode) *Store {
	return &Store{db: pool, owner: owner, outbox: box, encode: encode}
}

func (s *Store) queries(ws uuid.UUID) *db.Queries { return db.New(s.db.For(ws)) }

// all runs statements over all workspaces.
func (s *Store) all() *db.Queries { return db.New(s.owner.Pool()) }

// Prior implements app.Store.
func (s *Store) Prior(ctx context.Context, ws uuid.UUID) (name string, found bool, err error) {
	return replay.Lookup(ctx, s.db.For(ws))
}

// SpaceRight implements app.Store.
func (s *Store) SpaceRight(ctx context.Context, ws, member, space uuid.UUID) (auth.Right, error) {
	return spaceRight(ctx, s.queries(ws), ws, member, space)
}

func spaceRight(ctx context.Context, q *db.Queries, ws, member, space uuid.UUID) (auth.Right, error) {
	have, err := q.SpaceRight(ctx, db.SpaceRightParams{WorkspaceID: ws, MemberID: member, SpaceID: space})
	if err != nil {
		return auth.NoRight, fmt.Errorf("read the right on a space: %w", err)
	}
	return auth.Right(have), nil
}

// InTx implements app.Store.
func (s *Store) InTx(ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, tx app.Tx) error) error {
	err := s.db.InTx(ctx, ws, func(ctx context.Context, pg *postgres.Tx) error {
		later := &queue{}
		t := &tx{ws: ws, pg: pg, later: later, encode: s.encode, now: db.New(pg), writes: db.New(later)}
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
	switch {
	case replay.IsTaken(err):
		return fmt.Errorf("%w: %w", app.ErrTaken, err)
	case postgres.IsLockTimeout(err):
		return fmt.Errorf("%w: %w", app.ErrLocked, err)
	}
	return err
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
}

// SpaceRight implements app.Tx.
func (t *tx) SpaceRight(ctx context.Context, member, space uuid.UUID) (auth.Right, error) {
	return spaceRight(ctx, t.now, t.ws, member, space)
}

// Replay implements app.Tx.
func (t *tx) Replay(ctx context.Context, name string) (bool, error) {
	_, replayed, err := replay.Claim(ctx, t.pg, name)
	return replayed, err
}

// Claim implements app.Tx.
func (t *tx) Claim(ctx context.Context, name string) { replay.Queue(ctx, &t.later.batch, name) }

// First implements app.EventTx.
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
