package pgtest_test

import (
	"net/url"
	"os"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

var notes = postgres.Set{Name: "notes", FS: fstest.MapFS{"00001_notes.sql": {Data: []byte(`-- +goose Up
CREATE TABLE note (workspace_id uuid NOT NULL, id int NOT NULL, PRIMARY KEY (workspace_id, id));
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY note_workspace ON note USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
`)}}}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	ws := uuid.New()
	for range 2 {
		db := pgtest.New(t, "pgtest_one", notes)
		_, err := db.App.For(ws).Exec(t.Context(), "insert into note values ($1, 1)", ws)
		require.NoError(t, err, "a row that another database has does not collide")
		var n int
		require.NoError(t, db.Owner.Pool().QueryRow(t.Context(), "select count(*) from note").Scan(&n))
		require.Equal(t, 1, n)
	}
}

func TestTheDatabaseGoesWithTheTest(t *testing.T) { //nolint:tparallel // the cases share one state, one after another
	t.Parallel()
	var gone string
	t.Run("inner", func(t *testing.T) { gone = pgtest.New(t, "pgtest_one", notes).AdminURL })
	_, err := pgx.Connect(t.Context(), gone)
	require.ErrorContains(t, err, "does not exist")
}

func TestOtherSetsMakeAnotherTemplate(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, "pgtest_one")
	_, err := db.Owner.Pool().Exec(t.Context(), "select from note")
	require.ErrorContains(t, err, "does not exist")
}

func TestNewEmptyHasNothingInIt(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.NewEmpty(t))
	require.NoError(t, err)
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from pg_tables where schemaname not in ('pg_catalog','information_schema')").Scan(&n))
	require.Zero(t, n)
	require.NoError(t, conn.Close(t.Context()))
}

func TestRolesAreNotTheSuperuser(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, "pgtest_one", notes)
	for _, given := range []string{db.AppURL, db.OwnerURL} {
		u, err := url.Parse(given)
		require.NoError(t, err)
		require.NotEqual(t, "postgres", u.User.Username())
	}
	var super bool
	require.NoError(t, db.App.Pool().QueryRow(t.Context(), "select rolsuper or rolbypassrls from pg_roles where rolname = current_user").Scan(&super))
	require.False(t, super)
	if os.Getenv(pgtest.EnvURL) == "" {
		var listen, fsync string
		require.NoError(t, db.Owner.Pool().QueryRow(t.Context(), "select current_setting('listen_addresses'), current_setting('fsync')").Scan(&listen, &fsync))
		require.Equal(t, []string{"127.0.0.1", "off"}, []string{listen, fsync})
	}
}
