package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func texts(ctx context.Context, q querier, sql string, args ...any) ([]string, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// schemas are those of services: the ones with an outbox.
func schemas(ctx context.Context, q querier) ([]string, error) {
	return texts(ctx, q, `
		SELECT n.nspname::text FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
		WHERE c.relname = 'outbox' AND c.relkind = 'r' ORDER BY 1`)
}

// migrations are the versions that the schemas stand at, by schema and set.
func migrations(ctx context.Context, q querier) (map[string]map[string]int64, error) {
	services, err := schemas(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(services) == 0 {
		return nil, errors.New("the database holds no schema of a service")
	}
	found := map[string]map[string]int64{}
	for _, schema := range services {
		sets, err := texts(ctx, q, `
			SELECT relname::text FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relname LIKE 'goose\_%'`, schema)
		if err != nil {
			return nil, err
		}
		found[schema] = map[string]int64{}
		for _, set := range sets {
			rows, err := q.Query(ctx, "SELECT coalesce(max(version_id), 0) FROM "+pgx.Identifier{schema, set}.Sanitize())
			if err != nil {
				return nil, err
			}
			if found[schema][strings.TrimPrefix(set, "goose_")], err = pgx.CollectOneRow(rows, pgx.RowTo[int64]); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// program is one of Postgres' own.
func program(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%s is not on the PATH: install Postgres' client programs, of the server's version or later", name)
	}
	return exec.CommandContext(ctx, path, args...), nil //nolint:gosec // Postgres' own program
}

// client is one that connects to the database, with a folder for what it needs on the way, of which done disposes. The password goes
// by the environment, where no list of processes shows it.
func (p *place) client(ctx context.Context, folder, name string, args ...string) (command *exec.Cmd, done func(), err error) {
	target, err := url.Parse(p.url)
	if err != nil || target.Host == "" {
		return nil, nil, errors.New("database-admin-url must be a URL such as postgres://user:password@host:5432/database")
	}
	roots, done, err := trust(target, folder)
	if err != nil {
		return nil, nil, err
	}
	env := append(os.Environ(), roots...)
	if password, ok := target.User.Password(); ok {
		env = append(env, "PGPASSWORD="+password)
		target.User = url.User(target.User.Username())
	}
	command, err = program(ctx, name, append(args, "--no-password", "--dbname="+target.String())...)
	if err != nil {
		done()
		return nil, nil, err
	}
	command.Env = env
	return command, done, nil
}

// dump writes the database into a file that was claimed: pg_dump leaves its mode.
func (p *place) dump(ctx context.Context, snapshot, file string) error {
	command, done, err := p.client(ctx, filepath.Dir(file), "pg_dump", "--format=custom", "--snapshot="+snapshot, "--file="+file)
	if err != nil {
		return err
	}
	defer done()
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_dump: %w: %s", err, bytes.TrimSpace(out))
	}
	written, err := os.OpenFile(file, os.O_RDWR, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return err
	}
	return errors.Join(written.Sync(), written.Close())
}

// load puts a dump into the database, which has none of its schemas, and runs a statement after it: all of it or nothing, also
// where this program is killed.
func (p *place) load(ctx context.Context, m Manifest, file, after string) error {
	for schema := range m.Migrations {
		for _, kind := range []string{"_owner", "_app"} {
			if err := p.ensureRole(ctx, schema+kind); err != nil {
				return err
			}
		}
	}
	script, err := program(ctx, "pg_restore", "--file=-", file)
	if err != nil {
		return err
	}
	psql, done, err := p.client(ctx, filepath.Dir(file), "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
	if err != nil {
		return err
	}
	defer done()
	from, to, err := os.Pipe()
	if err != nil {
		return err
	}
	var refused, broken bytes.Buffer
	psql.Stdin, psql.Stderr, script.Stdout, script.Stderr = from, &refused, to, &broken
	if err := errors.Join(psql.Start(), from.Close()); err != nil {
		return errors.Join(err, to.Close())
	}
	// Begin and end are written here, between which pg_restore writes by itself: when this program is killed the end never
	// comes, and the server takes all back, however far the two others go on.
	_, err = to.WriteString("BEGIN;\n")
	if err == nil {
		err = script.Run()
	}
	if err == nil {
		_, err = to.WriteString(after + ";\nCOMMIT;\n")
	}
	err = errors.Join(err, to.Close())
	// Where psql gave up, the others fail for that.
	if failed := psql.Wait(); failed != nil {
		return fmt.Errorf("psql: %w: %s", failed, bytes.TrimSpace(refused.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("pg_restore: %w: %s", err, bytes.TrimSpace(broken.Bytes()))
	}
	return nil
}

// ensureRole makes a role that owns what the dump holds, without a password: the command setup gives it one.
func (p *place) ensureRole(ctx context.Context, role string) error {
	there, err := texts(ctx, p.db, "SELECT rolname::text FROM pg_roles WHERE rolname = $1", role)
	if err != nil {
		return err
	}
	name := pgx.Identifier{role}.Sanitize()
	if len(there) == 0 {
		if _, err := p.db.Exec(ctx, "CREATE ROLE "+name); err != nil {
			return fmt.Errorf("make the role %s: %w", role, err)
		}
	}
	_, err = p.db.Exec(ctx, `DO $$ BEGIN
		IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN GRANT `+name+` TO current_user; END IF; END $$`)
	return err
}

// connected are the services that have a connection to the database, by their roles.
func (p *place) connected(ctx context.Context) ([]string, error) {
	return texts(ctx, p.db, `
		SELECT DISTINCT usename || ' (' || application_name || ')' FROM pg_stat_activity
		WHERE datname = current_database() AND usename ~ '_(app|owner)$' ORDER BY 1`)
}

// waiting are the ids of the events that stand in outboxes.
func (p *place) waiting(ctx context.Context) (map[uuid.UUID]bool, error) {
	services, err := schemas(ctx, p.db)
	if err != nil {
		return nil, err
	}
	found := map[uuid.UUID]bool{}
	for _, schema := range services {
		ids, err := texts(ctx, p.db, "SELECT event_id::text FROM "+pgx.Identifier{schema, "outbox"}.Sanitize())
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			found[uuid.MustParse(id)] = true
		}
	}
	return found, nil
}

// oldestRow is when the oldest event that stands in an outbox was written; the present, where there is none.
func oldestRow(ctx context.Context, q querier) (time.Time, error) {
	services, err := schemas(ctx, q)
	if err != nil {
		return time.Time{}, err
	}
	ages := []string{"SELECT now()"}
	for _, schema := range services {
		ages = append(ages, "(SELECT min(stored_at) FROM "+pgx.Identifier{schema, "outbox"}.Sanitize()+")")
	}
	rows, err := q.Query(ctx, "SELECT least(("+strings.Join(ages, "), (")+"))")
	if err != nil {
		return time.Time{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[time.Time])
}

// free takes away the relays' leases: those that had them are gone.
func (p *place) free(ctx context.Context) error {
	services, err := schemas(ctx, p.db)
	if err != nil {
		return err
	}
	for _, schema := range services {
		if _, err := p.db.Exec(ctx, "DELETE FROM "+pgx.Identifier{schema, "outbox_lease"}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

// schemaURL is the database's URL with a schema as its search path.
func (p *place) schemaURL(schema string) string {
	target, err := url.Parse(p.url)
	if err != nil {
		return p.url // it was connected to, and is refused again
	}
	values := target.Query()
	values.Set("search_path", pgx.Identifier{schema}.Sanitize())
	target.RawQuery = values.Encode()
	return target.String()
}
