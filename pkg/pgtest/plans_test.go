package pgtest_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

// failing is a test that may fail without failing the one it is part of.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Errorf(format string, args ...any) { f.said += fmt.Sprintf(format, args...) }

func (f *failing) FailNow() { runtime.Goexit() }

// said is what a test of the statement's plan fails with.
func said(t *testing.T, db *pgtest.DB, ws uuid.UUID, s pgtest.Statement) string {
	t.Helper()
	f, done := &failing{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		db.RequireIndexPlans(f, ws, []pgtest.Statement{s}, "note")
	}()
	<-done
	return f.said
}

// A statement is explained as the role that ran it: the app role's workspace is a condition on the index, and the owner
// sees all workspaces.
func TestPlansAreThoseOfTheRole(t *testing.T) {
	t.Parallel()
	db, ws, traced := pgtest.New(t, "pgtest_one", notes), uuid.New(), &pgtest.Statements{}
	_, err := db.Owner.Pool().Exec(t.Context(), "INSERT INTO note SELECT gen_random_uuid(), n FROM generate_series(1, 20000) n")
	require.NoError(t, err)
	_, err = db.Owner.Pool().Exec(t.Context(), "ANALYZE note")
	require.NoError(t, err)
	run := func(url string) []pgtest.Statement {
		pool, err := postgres.Open(t.Context(), url, postgres.Options{Tracer: traced})
		require.NoError(t, err)
		defer pool.Close()
		b := &pgx.Batch{}
		b.Queue("SELECT id FROM note WHERE id = $1", 7)
		require.NoError(t, pool.For(ws).SendBatch(t.Context(), b).Close())
		require.Equal(t, 2, traced.Len(), "the workspace, and the statement")
		return traced.Take()
	}
	app, owner := run(db.AppURL), run(db.OwnerURL)
	require.Zero(t, traced.Len())
	require.Equal(t, 1, db.RequireIndexPlans(t, ws, app, "note"))
	require.Equal(t, 1, db.RequireIndexPlans(t, ws, owner, "other"), "a table that does not grow may be read")
	text := said(t, db, ws, owner[1])
	for _, part := range []string{"reads all of note", "as pgtest_one_owner", "SELECT id FROM note WHERE id = $1", "Seq Scan on note"} {
		require.Contains(t, text, part)
	}
	walked := pgtest.Statement{SQL: "SELECT workspace_id FROM note ORDER BY workspace_id, id", Role: "pgtest_one_owner"}
	require.Equal(t, 1, db.RequireIndexPlans(t, ws, []pgtest.Statement{{SQL: walked.SQL + " LIMIT 1", Role: walked.Role}}, "note"))
	require.Contains(t, said(t, db, ws, walked), "reads all of note")
}

func TestExplainRunTellsTheRows(t *testing.T) {
	t.Parallel()
	db, ws := pgtest.New(t, "pgtest_one", notes), uuid.New()
	_, err := db.App.For(ws).Exec(t.Context(), "INSERT INTO note SELECT $1, n FROM generate_series(1, 20) n", ws)
	require.NoError(t, err)
	e := db.ExplainRun(t, ws, pgtest.Statement{SQL: "SELECT id FROM note WHERE workspace_id = $1 AND id <= $2", Role: "pgtest_one_app"}, ws, 7)
	require.InDelta(t, 7, e.Plan.Rows*e.Plan.Loops, 0, e.Text)
	require.Contains(t, e.Text, "$2", "it is the generic plan")
}
