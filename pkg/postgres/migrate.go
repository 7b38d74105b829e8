package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/meridianhq/meridian/pkg/clock"
)

// Set is a set of migrations that belong together: a service's own, or those of a platform package that keeps rows
// in the service's schema. Merged files are never changed.
type Set struct {
	// Name is lower snake case; the set's versions stand in the table goose_<name>.
	Name string
	// FS holds the goose SQL files at its root.
	FS fs.FS
}

// lockPoll is how often a waiting migrator looks for the lock. It polls because a session that waits inside
// pg_advisory_lock holds a snapshot, on which CREATE INDEX CONCURRENTLY of the migrating one would wait in turn.
const lockPoll = 25 * time.Millisecond

// Migrate brings the sets up to their newest version, in their order, in the schema of the owner's role. Any number
// of processes may do so at once: one works, the others wait and then find nothing to do. Each migration is a
// transaction of its own, so a broken one leaves those before it. Then it has the planner reckon with the largest
// workspace: see planForTheLargest.
func Migrate(ctx context.Context, ownerURL string, sets ...Set) error {
	cfg, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return fmt.Errorf("postgres: parse the owner's URL: %w", err)
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close() //nolint:errcheck // nothing was left open
	schema, err := currentSchema(ctx, db)
	if err != nil {
		return err
	}
	for _, set := range sets {
		if err := migrateSet(ctx, db, schema, set); err != nil {
			return fmt.Errorf("postgres: migrate %s in schema %s: %w", set.Name, schema, err)
		}
	}
	if err := (sessionLock{key: lockKey("migrate", schema)}).with(ctx, db, planForTheLargest); err != nil {
		return fmt.Errorf("postgres: plan for the largest workspace in schema %s: %w", schema, err)
	}
	return nil
}

// planForTheLargest tells the planner that all rows of a table are of one workspace. Connections keep plans of statements
// for any workspace; by the average one of an installation with many small ones, to read a whole workspace costs nothing, and
// any index that begins with it is as good as the one that finds the row. It takes effect when a table is next analyzed.
const planForTheLargest = `
do $$ declare t regclass; begin
	for t in
		select c.oid from pg_class c
		join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped
		where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
		  and not coalesce(a.attoptions @> array['n_distinct=1'], false)
	loop
		execute format('alter table %s alter column workspace_id set (n_distinct = 1)', t);
	end loop;
end $$`

// Check says whether the sets stand at their newest version or a newer one in the schema of the owner's role; newer is
// well, because a schema serves the version before. It changes nothing. Its error names the first set that is behind, the
// version it has and the one it must have.
func Check(ctx context.Context, ownerURL string, sets ...Set) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("postgres: look at the schema: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was left open
	for _, set := range sets {
		need, err := newest(set)
		if err != nil {
			return err
		}
		table := pgx.Identifier{gooseTable(set)}.Sanitize()
		var there bool
		if err := conn.QueryRow(ctx, "select to_regclass($1) is not null", table).Scan(&there); err != nil {
			return fmt.Errorf("postgres: look at the schema: %w", err)
		}
		var has int64
		if there {
			// A row of a version that was taken back is deleted, so what stands there is applied.
			if err := conn.QueryRow(ctx, "select coalesce(max(version_id), 0) from "+table).Scan(&has); err != nil {
				return fmt.Errorf("postgres: look at the schema: %w", err)
			}
		}
		if has < need {
			return fmt.Errorf("postgres: the migrations %s are at version %d and must be at %d: run setup first", set.Name, has, need)
		}
	}
	return nil
}

// newest is the version of a set's last migration.
func newest(set Set) (int64, error) {
	files, err := fs.Glob(set.FS, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("postgres: migrations %s: %w", set.Name, err)
	}
	var last int64
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return 0, fmt.Errorf("postgres: migrations %s: %w", set.Name, err)
		}
		last = max(last, version)
	}
	return last, nil
}

// gooseTable is where a set's versions stand.
func gooseTable(set Set) string { return "goose_" + set.Name }

func currentSchema(ctx context.Context, db *sql.DB) (string, error) {
	var schema sql.NullString
	if err := db.QueryRowContext(ctx, "select current_schema()").Scan(&schema); err != nil {
		return "", fmt.Errorf("postgres: ask for the schema: %w", err)
	}
	if !schema.Valid || schema.String == "public" {
		return "", fmt.Errorf("postgres: the role's search_path leads to no schema of its own (got %q); run Prepare first", schema.String)
	}
	return schema.String, nil
}

func migrateSet(ctx context.Context, db *sql.DB, schema string, set Set) error {
	table := gooseTable(set)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, set.FS,
		goose.WithTableName(table),
		goose.WithSessionLocker(sessionLock{key: lockKey("migrate", schema)}),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			return fmt.Errorf("%s: %w", partial.Failed.Source.Path, partial.Err)
		}
		return err
	}
	// The default privileges gave the app role this table too, and it has no business there.
	revoke := fmt.Sprintf("revoke all on %s from %s",
		pgx.Identifier{schema, table}.Sanitize(), pgx.Identifier{schema + "_app"}.Sanitize())
	return sessionLock{key: lockKey("migrate", schema)}.with(ctx, db, revoke)
}

// lockKey is the advisory lock of a purpose and a name within one database.
func lockKey(purpose, name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("meridian/" + purpose + "/" + name))
	return int64(h.Sum64())
}

// sessionLock is an advisory lock that ends with its session, so a dead migrator blocks no one.
type sessionLock struct{ key int64 }

// SessionLock implements goose's lock.SessionLocker.
func (l sessionLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for {
		var locked bool
		if err := conn.QueryRowContext(ctx, "select pg_try_advisory_lock($1)", l.key).Scan(&locked); err != nil {
			return err
		}
		if locked {
			return nil
		}
		if err := clock.Sleep(ctx, lockPoll); err != nil {
			return err
		}
	}
}

// SessionUnlock implements goose's lock.SessionLocker.
func (l sessionLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "select pg_advisory_unlock($1)", l.key)
	return err
}

// with runs one statement under the lock.
func (l sessionLock) with(ctx context.Context, db *sql.DB, statement string) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // back to the pool
	if err := l.SessionLock(ctx, conn); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, statement)
	if unlockErr := l.SessionUnlock(context.WithoutCancel(ctx), conn); err == nil {
		err = unlockErr
	}
	return err
}
