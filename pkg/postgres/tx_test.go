package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
)

var errRefused = errors.New("refused")

func TestWhatFailsLeavesNothing(t *testing.T) { //nolint:tparallel // the cases share one state, one after another
	t.Parallel()
	ws := uuid.New()
	db := newNotes(t)
	ended, end := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		ctx  context.Context
		fn   func(ctx context.Context, tx *postgres.Tx) error
		want error
	}{
		"an error":     {t.Context(), func(context.Context, *postgres.Tx) error { return errRefused }, errRefused},
		"its ctx ends": {ended, func(context.Context, *postgres.Tx) error { end(); return nil }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			hooked := false
			err := db.App.InTx(c.ctx, ws, func(ctx context.Context, tx *postgres.Tx) error {
				tx.AfterCommit(func() { hooked = true })
				_, err := tx.Exec(ctx, addNote, ws, 1)
				require.NoError(t, err)
				return c.fn(ctx, tx)
			})
			require.ErrorIs(t, err, c.want)
			require.False(t, hooked)
			requireNotes(t, db.App, ws, 0)
		})
	}
	t.Run("a panic", func(t *testing.T) {
		require.PanicsWithValue(t, "oh", func() {
			_ = db.App.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
				_, err := tx.Exec(ctx, addNote, ws, 1)
				require.NoError(t, err)
				panic("oh")
			})
		})
		requireNotes(t, db.App, ws, 0)
	})
	require.Zero(t, db.App.Pool().Stat().AcquiredConns(), "every connection was given back")
}

func requireNotes(t *testing.T, db *postgres.DB, ws uuid.UUID, want int) {
	t.Helper()
	var n int
	require.NoError(t, db.For(ws).QueryRow(context.WithoutCancel(t.Context()), countNotes).Scan(&n))
	require.Equal(t, want, n)
}

func TestADroppedErrorDoesNotPassForACommit(t *testing.T) { //nolint:tparallel // the cases share one state, one after another
	t.Parallel()
	ws := uuid.New()
	db := newNotes(t)
	for name, bad := range map[string]string{"in the server": "select 1 / (select count(*) from note)", "in the parser": "selec"} {
		t.Run(name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				err := db.App.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
					if !first {
						_, err := tx.Exec(ctx, countNotes)
						require.NoError(t, err)
					}
					_, _ = tx.Exec(ctx, bad)
					_, _ = tx.Exec(ctx, addNote, ws, 1)
					return nil
				})
				require.Error(t, err)
				requireNotes(t, db.App, ws, 0)
			}
		})
	}
}

func TestHooksRunInOrderAfterTheCommit(t *testing.T) {
	t.Parallel()
	ws := uuid.New()
	db := newNotes(t)
	var order []string
	err := db.App.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
		tx.AfterCommit(func() { requireNotes(t, db.App, ws, 1); order = append(order, "first") })
		tx.AfterCommit(func() { order = append(order, "second") })
		_, err := tx.Exec(ctx, addNote, ws, 1)
		order = append(order, "fn")
		return err
	})
	require.NoError(t, err)
	require.Equal(t, []string{"fn", "first", "second"}, order)
}

// TestADeadlockIsRunAgain lets two transactions lock each other's row. One of them must be run again, and its hooks
// of the failed try forgotten.
func TestADeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	ws := uuid.New()
	db := newNotes(t)
	seed(t, db, ws, 2)
	both := sync.WaitGroup{}
	both.Add(2)
	var (
		mu          sync.Mutex
		runs, hooks int
		crew        sync.WaitGroup
	)
	for _, order := range [][]int{{1, 2}, {2, 1}} {
		crew.Go(func() {
			first := true
			err := db.App.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
				mu.Lock()
				runs++
				mu.Unlock()
				tx.AfterCommit(func() { mu.Lock(); hooks++; mu.Unlock() })
				for i, id := range order {
					if _, err := tx.Exec(ctx, "update note set body = body || 'x' where id = $1", id); err != nil {
						return fault.New(fault.Internal, "X", "dressed up").Wrap(err)
					}
					if i == 0 && first {
						first = false
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
			require.NoError(t, err)
		})
	}
	crew.Wait()
	require.Equal(t, 3, runs)
	require.Equal(t, 2, hooks)
	var bodies []string
	require.NoError(t, db.App.For(ws).QueryRow(t.Context(), "select array_agg(body) from note").Scan(&bodies))
	require.Equal(t, []string{"xx", "xx"}, bodies)
}

func TestSerializationFailuresAreRetriedAndThenUnavailable(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	runs := 0
	fail := func(upTo int) error {
		runs = 0
		return db.App.InTx(t.Context(), uuid.New(), func(ctx context.Context, tx *postgres.Tx) error {
			if runs++; runs > upTo {
				return nil
			}
			_, err := tx.Exec(ctx, "do $$ begin raise exception 'x' using errcode = '40001'; end $$")
			return err
		})
	}
	require.NoError(t, fail(3))
	require.Equal(t, 4, runs)
	err := fail(1000)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.Equal(t, 6, runs)
}

func TestAConnectionLostBeforeCommitIsRunAgain(t *testing.T) {
	t.Parallel()
	ws := uuid.New()
	db := newNotes(t)
	runs := 0
	err := db.App.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
		runs++
		var pid int
		if err := tx.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		if runs == 1 {
			admin, err := pgx.Connect(ctx, db.AdminURL)
			require.NoError(t, err)
			defer admin.Close(ctx)
			_, err = admin.Exec(ctx, "select pg_terminate_backend($1, 5000)", pid)
			require.NoError(t, err)
		}
		_, err := tx.Exec(ctx, addNote, ws, runs)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, 2, runs)
	requireNotes(t, db.App, ws, 1)
}

func TestCommitWith(t *testing.T) { //nolint:tparallel // the cases share one state, one after another
	t.Parallel()
	ws := uuid.New()
	db := newNotes(t)
	commit := func(hooked *bool, queue func(b *pgx.Batch)) error {
		return db.App.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
			tx.AfterCommit(func() { *hooked = true })
			b := &pgx.Batch{}
			queue(b)
			return tx.CommitWith(ctx, b)
		})
	}
	t.Run("commits", func(t *testing.T) {
		hooked := false
		require.NoError(t, commit(&hooked, func(b *pgx.Batch) { b.Queue(addNote, ws, 1) }))
		require.True(t, hooked)
		requireNotes(t, db.App, ws, 1)
	})
	t.Run("not when a statement fails", func(t *testing.T) {
		hooked := false
		err := commit(&hooked, func(b *pgx.Batch) {
			b.Queue(addNote, ws, 2)
			b.Queue("insert into note (workspace_id, id) values ($1, 1)", ws)
		})
		require.True(t, postgres.IsUnique(err, "note_pkey"), "%v", err)
		require.False(t, hooked)
		requireNotes(t, db.App, ws, 1)
	})
	t.Run("also when a callback does not like the result", func(t *testing.T) {
		hooked := false
		err := commit(&hooked, func(b *pgx.Batch) {
			b.Queue(addNote, ws, 3).Exec(func(pgconn.CommandTag) error { return errRefused })
		})
		require.ErrorIs(t, err, errRefused)
		require.True(t, hooked)
		requireNotes(t, db.App, ws, 2)
	})
	t.Run("is the last statement", func(t *testing.T) {
		err := db.App.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
			require.NoError(t, tx.CommitWith(ctx, &pgx.Batch{}))
			_, err := tx.Exec(ctx, addNote, ws, 4)
			return err
		})
		require.ErrorContains(t, err, "after the transaction's end")
		requireNotes(t, db.App, ws, 2)
	})
}
