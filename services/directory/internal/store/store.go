// Package store keeps the directory in Postgres.
//
// It promises that every statement of a use case runs as the app role with its workspace set; only what cannot name a
// workspace goes by the owner's role: look-ups by a secret's hash, the founding of a workspace, the signing keys, the
// snapshot for the services. What is not there is fault NotFound with its name.
package store

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the directory's own tables.
func Set() postgres.Set {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return postgres.Set{Name: "directory", FS: dir}
}

// Encoder gives an event its published form.
type Encoder func(ctx context.Context, actor string, at time.Time, event domain.Event) (outbox.Message, error)

// Store implements app.Store.
type Store struct {
	app, owner *postgres.DB
	outbox     *outbox.Outbox
	encode     Encoder
}

var _ app.Store = (*Store)(nil)

// New makes a store on the pools of the two roles.
func New(appRole, owner *postgres.DB, box *outbox.Outbox, encode Encoder) *Store {
	return &Store{app: appRole, owner: owner, outbox: box, encode: encode}
}

// InTx implements app.Store.
func (s *Store) InTx(ctx context.Context, ws uuid.UUID, fn func(context.Context, app.Tx) error) error {
	return s.run(ctx, s.app, ws, fn)
}

// Found implements app.Store: by the owner's role, since the request's key belongs to no workspace.
func (s *Store) Found(ctx context.Context, ws uuid.UUID, fn func(context.Context, app.Tx) error) error {
	return s.run(ctx, s.owner, ws, fn)
}

func (s *Store) run(ctx context.Context, pool *postgres.DB, ws uuid.UUID, fn func(context.Context, app.Tx) error) error {
	return pool.InTx(ctx, ws, func(ctx context.Context, pg *postgres.Tx) error {
		return fn(ctx, &tx{rows: rows{db.New(pg)}, pg: pg, store: s})
	})
}

// in runs single statements of a workspace.
func (s *Store) in(ws uuid.UUID) rows { return rows{db.New(s.app.For(ws))} }

// all runs single statements by the owner's role, over all workspaces.
func (s *Store) all() rows { return rows{db.New(s.owner.For(uuid.Nil))} }

// rows are the queries, with their rows turned into the domain's values.
type rows struct{ q *db.Queries }

// missing turns "no rows" into NotFound with the name, and leaves every other error.
func missing(err error, name string) error {
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(name)
	}
	return err
}

// unknown is missing for what has no name to tell.
func unknown(err error) error {
	if postgres.IsNoRows(err) {
		return fault.New(fault.NotFound, fault.ReasonResourceNotFound, "not found")
	}
	return err
}

// each turns rows into the domain's values.
func each[R, D any](rows []R, turn func(R) D) []D {
	out := make([]D, len(rows))
	for i, row := range rows {
		out[i] = turn(row)
	}
	return out
}
