package replay_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
)

var effects = postgres.Set{Name: "effects", FS: fstest.MapFS{"00001_tables.sql": {Data: []byte("-- +goose Up\nCREATE TABLE effect (name text);\n")}}}

func newDB(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.New(t, "replaying", replay.Set(), effects)
}

func newKey() replay.Key {
	return replay.Key{
		Workspace: uuid.New(), Principal: "workspaces/w/members/m", Method: "/x.v1.X/Create",
		RequestID: uuid.New(), Hash: []byte("hash of the request"),
	}
}

// create is a use case: it claims, and does its effect when nothing was done before.
func create(ctx context.Context, db *pgtest.DB, key replay.Key, name string) (got string, replayed bool, err error) {
	ctx = replay.NewContext(ctx, key)
	err = db.App.InTx(ctx, key.Workspace, func(ctx context.Context, tx *postgres.Tx) error {
		got = name
		prior, again, err := replay.Claim(ctx, tx, name)
		if err != nil {
			return err
		}
		if replayed = again; again {
			got = prior
			return nil
		}
		_, err = tx.Exec(ctx, "insert into effect values ($1)", name)
		return err
	})
	return got, replayed, err
}

func effectsOf(t *testing.T, db *pgtest.DB) (n int) {
	t.Helper()
	require.NoError(t, db.Owner.Pool().QueryRow(t.Context(), "select count(*) from effect").Scan(&n))
	return n
}

func TestTheSameRequestDoesOneThing(t *testing.T) {
	t.Parallel()
	db, key := newDB(t), newKey()
	got, replayed, err := create(t.Context(), db, key, "first")
	require.NoError(t, err)
	require.False(t, replayed)
	require.Equal(t, "first", got)
	got, replayed, err = create(t.Context(), db, key, "second")
	require.NoError(t, err)
	require.True(t, replayed)
	require.Equal(t, "first", got)
	require.Equal(t, 1, effectsOf(t, db))
}

func TestAnotherRequestUnderTheSameIDIsRefused(t *testing.T) {
	t.Parallel()
	db, key := newDB(t), newKey()
	_, _, err := create(t.Context(), db, key, "first")
	require.NoError(t, err)
	key.Hash = []byte("another body")
	_, _, err = create(t.Context(), db, key, "second")
	require.True(t, fault.HasReason(err, fault.ReasonRequestIDReused), "%v", err)
	require.Equal(t, "request_id", fault.From(err).Fields[0].Path)
	require.Equal(t, 1, effectsOf(t, db))
}

func TestEachPartOfTheKeyCounts(t *testing.T) {
	t.Parallel()
	db, key := newDB(t), newKey()
	for _, change := range []func(*replay.Key){
		func(*replay.Key) {},
		func(k *replay.Key) { k.Workspace = uuid.New() },
		func(k *replay.Key) { k.Principal = "workspaces/w/members/other" },
		func(k *replay.Key) { k.Method = "/x.v1.X/Update" },
		func(k *replay.Key) { k.RequestID = uuid.New() },
		func(k *replay.Key) { k.Workspace = uuid.Nil }, // a call that belongs to no workspace
	} {
		other := key
		change(&other)
		_, replayed, err := create(t.Context(), db, other, "x")
		require.NoError(t, err)
		require.False(t, replayed)
	}
	require.Equal(t, 6, effectsOf(t, db))
}

func TestAFailureIsNotKept(t *testing.T) {
	t.Parallel()
	db, key := newDB(t), newKey()
	refused := errors.New("refused")
	ctx := replay.NewContext(t.Context(), key)
	err := db.App.InTx(ctx, key.Workspace, func(ctx context.Context, tx *postgres.Tx) error {
		_, _, err := replay.Claim(ctx, tx, "never")
		require.NoError(t, err)
		return refused
	})
	require.ErrorIs(t, err, refused)
	_, replayed, err := create(t.Context(), db, key, "first")
	require.NoError(t, err)
	require.False(t, replayed)
}

// TestTwinsAtTheSameTime: all wait for the first, by the plain way and by the queued one.
func TestTwinsAtTheSameTime(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(context.Context, *pgtest.DB, replay.Key, string) (string, bool, error){
		"claimed": create, "queued": createQueued,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, key := newDB(t), newKey()
			var crew sync.WaitGroup
			var fresh atomic.Int32
			names := make([]string, 12)
			for i := range names {
				crew.Go(func() {
					got, replayed, err := do(t.Context(), db, key, uuid.NewString())
					require.NoError(t, err)
					names[i] = got
					if !replayed {
						fresh.Add(1)
					}
				})
			}
			crew.Wait()
			require.EqualValues(t, 1, fresh.Load())
			for _, got := range names {
				require.Equal(t, names[0], got)
			}
			require.Equal(t, 1, effectsOf(t, db))
		})
	}
}

// createQueued is the use case as one batch.
func createQueued(ctx context.Context, db *pgtest.DB, key replay.Key, name string) (string, bool, error) {
	ctx = replay.NewContext(ctx, key)
	err := db.App.InTx(ctx, key.Workspace, func(ctx context.Context, tx *postgres.Tx) error {
		b := &pgx.Batch{}
		replay.Queue(ctx, b, name)
		b.Queue("insert into effect values ($1)", name)
		return tx.CommitWith(ctx, b)
	})
	if replay.IsTaken(err) {
		return replay.Lookup(ctx, db.App.For(key.Workspace))
	}
	return name, false, err
}

func TestWithoutAKeyNothingIsClaimed(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	for _, ctx := range []context.Context{t.Context(), replay.Without(t.Context()), replay.Without(replay.NewContext(t.Context(), newKey()))} {
		prior, replayed, err := replay.Claim(ctx, nil, "x")
		require.NoError(t, err)
		require.False(t, replayed)
		require.Empty(t, prior)
		b := &pgx.Batch{}
		replay.Queue(ctx, b, "x")
		require.Zero(t, b.Len())
		_, found, err := replay.Lookup(ctx, db.App.For(uuid.New()))
		require.NoError(t, err)
		require.False(t, found)
	}
}

func TestAnotherWorkspaceSeesNoClaims(t *testing.T) {
	t.Parallel()
	db, key := newDB(t), newKey()
	_, _, err := create(t.Context(), db, key, "first")
	require.NoError(t, err)
	ctx := replay.NewContext(t.Context(), key)
	_, found, err := replay.Lookup(ctx, db.App.For(uuid.New()))
	require.NoError(t, err)
	require.False(t, found)
	_, err = db.App.For(key.Workspace).Exec(ctx, "delete from replay")
	require.ErrorContains(t, err, "permission denied")
}

func TestPrune(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	_, err := db.Owner.Pool().Exec(t.Context(), `
		insert into replay select gen_random_uuid(), 'p', 'm', gen_random_uuid(), '', '',
			clock_timestamp() - case when i <= 6000 then interval '48 hours' else interval '12 hours' end
		from generate_series(1, 6100) i`)
	require.NoError(t, err)
	n, err := replay.Pruning().Once(t.Context(), db.Owner.Pool(), clock.Machine().Now())
	require.NoError(t, err)
	require.EqualValues(t, 6000, n)
	require.GreaterOrEqual(t, replay.Retention, 24*time.Hour, "what the API promises")
}

func TestRunPrunesAtOnce(t *testing.T) {
	t.Parallel()
	db, key := newDB(t), newKey()
	_, _, err := create(t.Context(), db, key, "first")
	require.NoError(t, err)
	later := clock.NewManual(clock.Machine().Now().Add(replay.Retention + time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- replay.Pruning().Run(ctx, db.Owner, later, nil) }()
	require.Eventually(t, func() bool {
		_, found, err := replay.Lookup(replay.NewContext(t.Context(), key), db.App.For(key.Workspace))
		return err == nil && !found
	}, 10*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}
