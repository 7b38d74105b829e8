package postgres_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/postgres"
)

// TestAnotherWorkspaceIsInvisible: the queries forget the workspace on purpose; the policy must not.
func TestAnotherWorkspaceIsInvisible(t *testing.T) {
	t.Parallel()
	mine, theirs := uuid.New(), uuid.New()
	db := newNotes(t)
	seed(t, db, mine, 2)
	seed(t, db, theirs, 5)
	ctx := t.Context()
	count := func(tx postgres.DBTX) (n int) {
		require.NoError(t, tx.QueryRow(ctx, countNotes).Scan(&n))
		return n
	}
	require.Equal(t, 2, count(db.App.For(mine)))
	require.Equal(t, 5, count(db.App.For(theirs)))
	require.Equal(t, 0, count(db.App.For(uuid.Nil)))
	require.Equal(t, 0, count(db.App.Pool()), "a connection that was used for a workspace before has forgotten it")
	require.Equal(t, 7, count(db.Owner.Pool()))

	tag, err := db.App.For(mine).Exec(ctx, "update note set body = 'mine'")
	require.NoError(t, err)
	require.EqualValues(t, 2, tag.RowsAffected())
	tag, err = db.App.For(mine).Exec(ctx, "delete from note where workspace_id = $1", theirs)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
	_, err = db.App.For(mine).Exec(ctx, addNote, theirs, 9)
	require.ErrorContains(t, err, "row-level security")
	_, err = db.App.For(uuid.Nil).Exec(ctx, addNote, theirs, 9)
	require.ErrorContains(t, err, "row-level security")

	require.NoError(t, db.App.InTx(ctx, theirs, func(_ context.Context, tx *postgres.Tx) error {
		require.Equal(t, 5, count(tx))
		require.Equal(t, 5, count(tx), "also in the statements after the first")
		return nil
	}))
	rows, err := db.App.For(mine).Query(ctx, "select workspace_id from note")
	require.NoError(t, err)
	seen, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{mine, mine}, seen)
}

func TestTheAppRoleCannotStepAside(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	for _, sql := range []string{
		"alter table note disable row level security",
		"drop policy note_workspace on note",
		"truncate note",
		"create table mine ()",
		"select * from goose_notes",
		"set role notes_owner",
		"set session authorization notes_owner",
	} {
		_, err := db.App.For(uuid.New()).Exec(t.Context(), sql)
		require.Error(t, err, sql)
	}
}
