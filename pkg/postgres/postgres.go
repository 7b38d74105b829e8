// Package postgres is Meridian's way to its database: a pool, transactions, migrations, and roles.
//
// It promises that no statement of the app role runs without its workspace: InTx and For set app.ws, which every
// row-level policy reads, in the same network batch as the first statement, so that this fence costs no round
// trip. InTx repeats the whole transaction when the database asks for it (serialization, deadlock, a connection
// lost before COMMIT), and runs its hooks only after a commit that is known to have happened.
//
// The service's schema is found by the role: Prepare gives each role its search_path. So every connection of a
// pool sees the same tables, also behind a pooler, and cached statements stay true.
//
// Errors of the database come back as they are, reachable with errors.As; those that say "not now" (no connection,
// too many connections, a server that starts or stops, a lock not had in time) are wrapped as fault Unavailable.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/meridianhq/meridian/pkg/clock"
)

// DBTX is what runs statements: a *Tx, what For returns, a pool. sqlc's generated DBTX is satisfied by it. There is
// no CopyFrom: Postgres refuses COPY into a table with row-level security; insert from unnest instead.
type DBTX interface {
	// Exec runs a statement and returns its command tag.
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	// Query runs a statement and returns its rows, which the caller closes or reads to their end.
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	// QueryRow runs a statement for one row, which the caller scans.
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	// SendBatch sends the statements in one round trip; the caller closes the results.
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Options of Open. The zero value is fit for a service.
type Options struct {
	// Name is the application_name shown in pg_stat_activity; empty leaves the URL's.
	Name string
	// Schema overrides the search_path that Prepare gave the role; empty, the normal case, does not.
	Schema string
	// MaxConns is the size of the pool; zero means the URL's pool_max_conns, else 16.
	MaxConns int32
	// Login says who a new connection is for, so that a password can be replaced while the pool is open; nil: who the URL
	// says. A user of "" is the URL's. When it fails, so does the connection.
	Login func() (user, password string, err error)
	// Tracer sees every statement beside OpenTelemetry's; nil for none.
	Tracer pgx.QueryTracer
}

// DB is a pool of connections of one role to one database. It is safe for concurrent use.
type DB struct {
	pool *pgxpool.Pool
}

const (
	defaultMaxConns = 16
	connectTimeout  = 5 * time.Second
	maxConnLife     = 30 * time.Minute
	maxConnIdle     = 5 * time.Minute
)

// Open makes the pool. It dials no connection: a database that is down shows in Ping and in the first statement.
// It fails only on a URL that does not parse.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: parse the database URL: %w", err)
	}
	if opts.MaxConns > 0 {
		cfg.MaxConns = opts.MaxConns
	} else if !strings.Contains(url, "pool_max_conns=") {
		cfg.MaxConns = defaultMaxConns
	}
	cfg.MaxConnLifetime, cfg.MaxConnLifetimeJitter, cfg.MaxConnIdleTime = maxConnLife, maxConnLife/10, maxConnIdle
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		plainUUIDs(conn.TypeMap())
		return nil
	}
	if opts.Login != nil {
		cfg.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) error {
			user, password, err := opts.Login()
			if err == nil && user != "" {
				conn.User, conn.Password = user, password
			}
			return err
		}
	}
	conn := cfg.ConnConfig
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout
	}
	if opts.Name != "" {
		conn.RuntimeParams["application_name"] = opts.Name
	}
	if opts.Schema != "" {
		conn.RuntimeParams["search_path"] = pgx.Identifier{opts.Schema}.Sanitize()
	}
	conn.Tracer = otelpgx.NewTracer(otelpgx.WithDisableAcquireTracer())
	if opts.Tracer != nil {
		conn.Tracer = multitracer.New(conn.Tracer, opts.Tracer)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: open: %w", err)
	}
	return &DB{pool: pool}, nil
}

// CheckURL says whether a text can be used as the URL of a database; the empty one is Postgres' defaults. Its error quotes
// nothing of a text that cannot be read, which may be a secret in the wrong place.
func CheckURL(text string) error {
	_, err := pgx.ParseConfig(text)
	if err == nil {
		return nil
	}
	inner := errors.Unwrap(err)
	if _, failure := url.Parse(text); inner == nil || failure != nil {
		return errors.New("is no URL of Postgres")
	}
	return fmt.Errorf("is no URL of Postgres that can be used: %w", inner)
}

// Await waits until the database takes connections, for as long as patience: one that starts, whose name is not known yet,
// that cannot be reached. What another time does not cure, such as a wrong password, it returns at once.
func Await(ctx context.Context, url string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		if pg, refused := errors.AsType[*pgconn.PgError](err); refused && !connectionLost(pg) {
			return err
		}
		if clock.Sleep(ctx, awaitPause) != nil {
			return err
		}
	}
}

// awaitPause is between two tries of Await.
const awaitPause = 250 * time.Millisecond

// Pool is the pool itself, without a workspace: for the owner's work over all workspaces, and for tests.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Close closes the pool; it waits for the connections in use.
func (db *DB) Close() { db.pool.Close() }

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return unavailable(ctx, db.pool.Ping(ctx))
}

// For returns what runs single statements for the workspace ws, each with its app.ws in one batch and in a
// transaction of its own; a SendBatch is one transaction as a whole. It costs nothing to make. With uuid.Nil no
// workspace is set, and the app role sees no row.
func (db *DB) For(ws uuid.UUID) DBTX {
	return scoped{pool: db.pool, ws: ws}
}

type scoped struct {
	pool *pgxpool.Pool
	ws   uuid.UUID
}

func (s scoped) lead() lead { return lead{setWorkspace(s.ws)} }

func (s scoped) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	tag, err := s.lead().exec(ctx, s.pool, sql, args)
	return tag, unavailable(ctx, err)
}

func (s scoped) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return s.lead().query(ctx, s.pool, s.report(ctx), sql, args)
}

func (s scoped) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return s.lead().queryRow(ctx, s.pool, s.report(ctx), sql, args)
}

func (s scoped) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return s.lead().sendBatch(ctx, s.pool, s.report(ctx), b)
}

func (s scoped) report(ctx context.Context) report {
	return func(err error) error { return unavailable(ctx, err) }
}
