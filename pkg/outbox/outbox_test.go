package outbox_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

func newTables(t *testing.T) *world {
	t.Helper()
	return &world{DB: pgtest.New(t, "things", things, outbox.Set()), ws: uuid.New()}
}

// TestOrderOfIDsIsOrderOfCommits is the rule that everything rests on: many writers to few aggregates, some of which
// roll back, and a reader who at no moment may see an event of an aggregate without all earlier ones.
func TestOrderOfIDsIsOrderOfCommits(t *testing.T) {
	t.Parallel()
	w := newTables(t)
	o := outbox.New(nil)
	var writers sync.WaitGroup
	done := make(chan struct{})
	for n := range 12 {
		writers.Go(func() {
			for i := range 25 {
				thing := strconv.Itoa((n + i) % 3)
				if i%7 == 3 {
					err := w.App.InTx(t.Context(), w.ws, func(ctx context.Context, tx *postgres.Tx) error {
						require.NoError(t, o.Append(ctx, tx, w.message("gone", 1)))
						return errors.New("changed its mind")
					})
					require.Error(t, err)
					continue
				}
				require.NoError(t, w.change(t.Context(), o, thing))
			}
		})
	}
	go func() { writers.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		next := map[string]int64{}
		rows, err := w.Owner.Pool().Query(t.Context(), "select aggregate, version from outbox order by id")
		require.NoError(t, err)
		for rows.Next() {
			var thing string
			var version int64
			require.NoError(t, rows.Scan(&thing, &version))
			next[thing]++
			require.Equal(t, next[thing], version, "in id order nothing is missing before what is seen")
		}
		require.NoError(t, rows.Err())
	}
	require.Positive(t, w.rows(t, "outbox"))
}

// TestAppendingBeforeTheLockBreaksTheOrder shows why the rule is one: the writer that appends first commits last.
func TestAppendingBeforeTheLockBreaksTheOrder(t *testing.T) {
	t.Parallel()
	w := newTables(t)
	o := outbox.New(nil)
	err := w.App.InTx(t.Context(), w.ws, func(ctx context.Context, early *postgres.Tx) error {
		require.NoError(t, o.Append(ctx, early, w.message("a", 2))) // wrong: the thing is not locked yet
		require.NoError(t, w.change(ctx, o, "a"))                   // another writer, in order, passes
		_, err := early.Exec(ctx, "update thing set version = version + 1")
		return err
	})
	require.NoError(t, err)
	rows, _ := w.Owner.Pool().Query(t.Context(), "select version from outbox order by id")
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	require.Equal(t, []int64{2, 1}, versions)
}

func TestTheAppRoleOnlyInserts(t *testing.T) {
	t.Parallel()
	w := newTables(t)
	o := outbox.New(nil)
	require.NoError(t, w.change(t.Context(), o, "a"))
	for _, sql := range []string{
		"select * from outbox", "update outbox set version = 0", "delete from outbox",
		"select * from outbox_failed", "insert into outbox_failed (id) values (1)",
		"select * from outbox_lease", "delete from outbox_lease", "truncate outbox",
	} {
		_, err := w.App.For(w.ws).Exec(t.Context(), sql)
		require.ErrorContains(t, err, "permission denied", sql)
	}
	err := w.App.InTx(t.Context(), uuid.New(), func(ctx context.Context, tx *postgres.Tx) error {
		return o.Append(ctx, tx, w.message("a", 2))
	})
	require.ErrorContains(t, err, "row-level security", "an event of another workspace")
}

func TestWakeIsAfterTheCommitOnly(t *testing.T) {
	t.Parallel()
	w := newTables(t)
	woken := 0
	o := outbox.New(func() {
		woken++
		require.Equal(t, 1, w.rows(t, "outbox"), "the row is there for all to see")
	})
	err := w.App.InTx(t.Context(), w.ws, func(ctx context.Context, tx *postgres.Tx) error {
		require.NoError(t, o.Append(ctx, tx, w.message("a", 1)))
		return errors.New("no")
	})
	require.Error(t, err)
	require.Zero(t, woken)
	require.NoError(t, w.change(t.Context(), o, "a"))
	require.Equal(t, 1, woken)
	require.NoError(t, w.App.InTx(t.Context(), w.ws, func(ctx context.Context, tx *postgres.Tx) error {
		return o.Append(ctx, tx)
	}))
	require.Equal(t, 1, woken, "nothing was appended")
}

func TestManyInOneStatementKeepTheirOrder(t *testing.T) { //nolint:tparallel // the cases share one state, one after another
	t.Parallel()
	w := newTables(t)
	o := outbox.New(nil)
	var want []int64
	var msgs []outbox.Message
	for v := int64(1); v <= 100; v++ {
		want = append(want, v)
		msgs = append(msgs, w.message("a", v))
	}
	msgs[7].Payload, msgs[8].Headers = nil, nil
	for name, put := range map[string]func(ctx context.Context, tx *postgres.Tx) error{
		"append": func(ctx context.Context, tx *postgres.Tx) error { return o.Append(ctx, tx, msgs...) },
		"queue": func(ctx context.Context, tx *postgres.Tx) error {
			b := &pgx.Batch{}
			if err := o.Queue(tx, b, msgs...); err != nil {
				return err
			}
			return tx.CommitWith(ctx, b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Owner.Pool().Exec(t.Context(), "delete from outbox")
			require.NoError(t, err)
			require.NoError(t, w.App.InTx(t.Context(), w.ws, put))
			rows, _ := w.Owner.Pool().Query(t.Context(), "select version from outbox order by id")
			got, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestWhatIsTooLargeOrHalfIsRefused(t *testing.T) {
	t.Parallel()
	w := newTables(t)
	o := outbox.New(nil)
	try := func(change func(*outbox.Message)) error {
		m := w.message("a", 1)
		change(&m)
		return w.App.InTx(t.Context(), w.ws, func(ctx context.Context, tx *postgres.Tx) error { return o.Append(ctx, tx, m) })
	}
	require.NoError(t, try(func(m *outbox.Message) { m.Payload = make([]byte, outbox.MaxSize-100) }))
	err := try(func(m *outbox.Message) { m.Payload = make([]byte, outbox.MaxSize) })
	require.True(t, fault.HasReason(err, fault.ReasonTooLarge), "%v", err)
	require.ErrorContains(t, try(func(m *outbox.Message) { m.ID = uuid.Nil }), "without id")
	require.ErrorContains(t, try(func(m *outbox.Message) { m.Workspace = uuid.Nil }), "without id, workspace")
	require.ErrorContains(t, try(func(m *outbox.Message) { m.Subject = "" }), "subject")
	require.ErrorContains(t, try(func(m *outbox.Message) { m.Aggregate = "" }), "aggregate")
}
