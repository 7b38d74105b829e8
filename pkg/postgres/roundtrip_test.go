package postgres_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/postgres"
)

const (
	countNotes = "select count(*) from note"
	addNote    = "insert into note (workspace_id, id) values ($1, $2) on conflict do nothing"
)

// TestRoundTrips counts what goes over the wire once statements are prepared: the workspace must cost nothing.
func TestRoundTrips(t *testing.T) { //nolint:tparallel // the cases share one state, one after another
	t.Parallel()
	ws := uuid.New()
	fixture := newNotes(t)
	seed(t, fixture, ws, 3)
	wire, url := newWire(t, fixture.AppURL)
	db := open(t, url, postgres.Options{MaxConns: 1})
	var n int
	count := func(ctx context.Context, tx postgres.DBTX) error { return tx.QueryRow(ctx, countNotes).Scan(&n) }
	inTx := func(fn func(ctx context.Context, tx *postgres.Tx) error) func(ctx context.Context) error {
		return func(ctx context.Context) error { return db.InTx(ctx, ws, fn) }
	}
	two := func() *pgx.Batch {
		b := &pgx.Batch{}
		b.Queue(addNote, ws, 1)
		b.Queue(countNotes).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
		return b
	}
	for name, c := range map[string]struct {
		do   func(ctx context.Context) error
		want int
	}{
		"nothing": {inTx(func(context.Context, *postgres.Tx) error { return nil }), 0},
		"QueryRow and COMMIT": {inTx(func(ctx context.Context, tx *postgres.Tx) error {
			return count(ctx, tx)
		}), 2},
		"Exec, Exec, COMMIT": {inTx(func(ctx context.Context, tx *postgres.Tx) error {
			for range 2 {
				if _, err := tx.Exec(ctx, addNote, ws, 1); err != nil {
					return err
				}
			}
			return nil
		}), 3},
		"Query, QueryRow, COMMIT": {inTx(func(ctx context.Context, tx *postgres.Tx) error {
			rows, _ := tx.Query(ctx, "select id from note")
			ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
			if err != nil || len(ids) != 3 {
				return err
			}
			return count(ctx, tx)
		}), 3},
		"a batch and COMMIT": {inTx(func(ctx context.Context, tx *postgres.Tx) error {
			return tx.SendBatch(ctx, two()).Close()
		}), 2},
		"a batch with COMMIT": {inTx(func(ctx context.Context, tx *postgres.Tx) error {
			return tx.CommitWith(ctx, two())
		}), 1},
		"For, QueryRow": {func(ctx context.Context) error { return count(ctx, db.For(ws)) }, 1},
		"For, Exec": {func(ctx context.Context) error {
			_, err := db.For(ws).Exec(ctx, addNote, ws, 1)
			return err
		}, 1},
		"For, Query": {func(ctx context.Context) error {
			rows, _ := db.For(ws).Query(ctx, "select id from note")
			_, err := pgx.CollectRows(rows, pgx.RowTo[int])
			return err
		}, 1},
		"For, a batch": {func(ctx context.Context) error { return db.For(ws).SendBatch(ctx, two()).Close() }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, c.do(t.Context()), "prepares what is new")
			wire.take()
			n = 3
			require.NoError(t, c.do(t.Context()))
			require.Equal(t, c.want, wire.take())
			require.Equal(t, 3, n)
		})
	}
}

func TestTheConnectionIsFreeAfterEachKindOfFirstStatement(t *testing.T) {
	t.Parallel()
	ws := uuid.New()
	fixture := newNotes(t)
	seed(t, fixture, ws, 3)
	for name, first := range map[string]func(ctx context.Context, tx *postgres.Tx) error{
		"rows read to the end and not closed": func(ctx context.Context, tx *postgres.Tx) error {
			rows, err := tx.Query(ctx, "select id from note")
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			return rows.Err()
		},
		"rows closed early": func(ctx context.Context, tx *postgres.Tx) error {
			rows, err := tx.Query(ctx, "select id from note")
			if err != nil {
				return err
			}
			require.True(t, rows.Next())
			rows.Close()
			require.False(t, rows.Next())
			return rows.Err()
		},
		"a row that is not there": func(ctx context.Context, tx *postgres.Tx) error {
			var id int
			err := tx.QueryRow(ctx, "select id from note where id = 99").Scan(&id)
			require.True(t, postgres.IsNoRows(err))
			return nil
		},
		"results of a batch read by hand": func(ctx context.Context, tx *postgres.Tx) error {
			b := &pgx.Batch{}
			b.Queue(countNotes)
			b.Queue("select id from note order by id")
			results := tx.SendBatch(ctx, b)
			var n int
			require.NoError(t, results.QueryRow().Scan(&n))
			rows, err := results.Query()
			require.NoError(t, err)
			ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
			require.NoError(t, err)
			require.Equal(t, []int{1, 2, 3}, ids)
			return results.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := fixture.App.InTx(t.Context(), ws, func(ctx context.Context, tx *postgres.Tx) error {
				if err := first(ctx, tx); err != nil {
					return err
				}
				var n int
				require.NoError(t, tx.QueryRow(ctx, countNotes).Scan(&n))
				require.Equal(t, 3, n)
				return nil
			})
			require.NoError(t, err)
		})
	}
}

// What goes ahead travels with what follows it, and is undone with it.
func TestAhead(t *testing.T) {
	t.Parallel()
	ws := uuid.New()
	fixture := newNotes(t)
	wire, url := newWire(t, fixture.AppURL)
	db := open(t, url, postgres.Options{MaxConns: 1})
	add := func(ctx context.Context, tx *postgres.Tx, id int) error { tx.Ahead(addNote, ws, id); return ctx.Err() }
	count := func(ctx context.Context, tx *postgres.Tx) (n int) {
		require.NoError(t, tx.QueryRow(ctx, countNotes).Scan(&n))
		return n
	}
	run := func(fn func(ctx context.Context, tx *postgres.Tx) error) (int, error) {
		for range 2 { // the second time all is prepared
			wire.take()
			if err := db.InTx(t.Context(), ws, fn); err != nil {
				return 0, err
			}
		}
		return wire.take(), nil
	}
	trips, err := run(func(ctx context.Context, tx *postgres.Tx) error {
		require.NoError(t, add(ctx, tx, 1))
		require.NoError(t, add(ctx, tx, 2))
		require.GreaterOrEqual(t, count(ctx, tx), 2, "they have run before the next statement")
		require.NoError(t, add(ctx, tx, 3))
		require.GreaterOrEqual(t, count(ctx, tx), 3)
		return add(ctx, tx, 4)
	})
	require.NoError(t, err)
	require.Equal(t, 3, trips, "two questions and the commit")
	trips, err = run(func(ctx context.Context, tx *postgres.Tx) error { return add(ctx, tx, 5) })
	require.NoError(t, err)
	require.Equal(t, 1, trips, "all in one")
	requireNotes(t, fixture.App, ws, 5)
	for _, fn := range []func(ctx context.Context, tx *postgres.Tx) error{
		func(_ context.Context, tx *postgres.Tx) error { tx.Ahead("SELECT 1/0"); return nil },
		func(ctx context.Context, tx *postgres.Tx) error {
			require.NoError(t, add(ctx, tx, 6))
			tx.Ahead("SELECT 1/0")
			var n int
			return tx.QueryRow(ctx, countNotes).Scan(&n)
		},
		func(ctx context.Context, tx *postgres.Tx) error {
			require.NoError(t, add(ctx, tx, 6))
			return errRefused
		},
	} {
		_, err = run(fn)
		require.Error(t, err)
		requireNotes(t, fixture.App, ws, 5)
	}
}
