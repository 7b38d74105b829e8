package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/meridianhq/meridian/pkg/clock"
)

const prepareTries = 10

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Prepare makes what a service needs before its first migration: the roles <service>_owner and <service>_app with
// these passwords, the schema <service> that the owner owns and the app role may use, default privileges so that
// the app role reads and writes the tables to come, and the extension btree_gin. Both roles get their search_path
// and timeouts as settings of the role. Where an index serves, no table is read from end to end: a plan that was made
// while a table was small is kept while it grows, and with it the choice between the two.
//
// It may be run any number of times and by many at once, in one database or in several of the same cluster. The
// admin needs CREATEROLE and CREATE on the database; a superuser has both. Passwords go to the server as SCRAM
// verifiers, so they stand in no log of it.
func Prepare(ctx context.Context, adminURL, service, ownerPassword, appPassword string) error {
	if !serviceName.MatchString(service) {
		return fmt.Errorf("postgres: %q is not a service's name", service)
	}
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return fmt.Errorf("postgres: connect as the admin: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was left open
	p := preparation{service: service, passwords: map[string]string{"owner": ownerPassword, "app": appPassword}}
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return p.run(ctx, tx) })
		if err == nil {
			return nil
		}
		if try == prepareTries || !raced(err) {
			return fmt.Errorf("postgres: prepare %s: %w", service, err)
		}
		if err := clock.Sleep(ctx, backoff(try)); err != nil {
			return err
		}
	}
}

// raced tells whether someone else did the same at the same moment. The advisory lock keeps those of one database
// apart, but roles belong to the whole cluster.
func raced(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch pg.Code {
	case "23505", "42710", "42P06", "40001", "40P01": // the catalogue's unique indexes, duplicate_object, duplicate_schema
		return true
	case "XX000":
		return pg.Message == "tuple concurrently updated"
	}
	return false
}

type preparation struct {
	service   string
	passwords map[string]string // by kind of role
}

func (p preparation) role(kind string) string {
	return pgx.Identifier{p.service + "_" + kind}.Sanitize()
}

func (p preparation) run(ctx context.Context, tx pgx.Tx) error {
	// One key for all services: they grant on the same database row and make the same extension.
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", lockKey("prepare", "")); err != nil {
		return err
	}
	for _, kind := range []string{"owner", "app"} {
		if err := p.prepareRole(ctx, tx, kind); err != nil {
			return err
		}
	}
	var superuser bool
	if err := tx.QueryRow(ctx, "select rolsuper from pg_roles where rolname = current_user").Scan(&superuser); err != nil {
		return err
	}
	if !superuser {
		// To make a schema for a role, or default privileges of it, one must be a member of it.
		if _, err := tx.Exec(ctx, "grant "+p.role("owner")+" to current_user"); err != nil {
			return err
		}
	}
	schema, owner, app := pgx.Identifier{p.service}.Sanitize(), p.role("owner"), p.role("app")
	defaults := "alter default privileges for role " + owner + " in schema " + schema
	for _, statement := range []string{
		"create schema if not exists " + schema + " authorization " + owner,
		"grant usage on schema " + schema + " to " + app,
		defaults + " grant select, insert, update, delete on tables to " + app,
		defaults + " grant usage, select on sequences to " + app,
		defaults + " grant execute on functions to " + app,
		"create extension if not exists btree_gin schema public",
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// prepareRole makes the role or brings it to what it should be.
func (p preparation) prepareRole(ctx context.Context, tx pgx.Tx, kind string) error {
	name := p.service + "_" + kind
	var exists bool
	if err := tx.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", name).Scan(&exists); err != nil {
		return err
	}
	verifier, err := scramVerifier(p.passwords[kind])
	if err != nil {
		return err
	}
	verb := "create"
	if exists {
		verb = "alter"
	}
	role := p.role(kind)
	// The verifier holds only base64, '$' and ':', so it needs no quoting beyond the quotes.
	if _, err := tx.Exec(ctx, verb+" role "+role+" login password '"+verifier+"'"); err != nil {
		return fmt.Errorf("%s role %s: %w", verb, name, err)
	}
	settings := map[string][]string{
		"owner": {"statement_timeout = 0", "lock_timeout = '30s'", "idle_in_transaction_session_timeout = '60s'"},
		"app":   {"statement_timeout = '15s'", "lock_timeout = '10s'", "idle_in_transaction_session_timeout = '30s'"},
	}[kind]
	settings = append(settings, "search_path = "+pgx.Identifier{p.service}.Sanitize(), "jit = off", "timezone = 'UTC'",
		"enable_seqscan = off")
	for _, setting := range settings {
		if _, err := tx.Exec(ctx, "alter role "+role+" set "+setting); err != nil {
			return fmt.Errorf("alter role %s set %s: %w", name, setting, err)
		}
	}
	return nil
}
