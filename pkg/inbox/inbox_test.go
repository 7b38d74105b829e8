package inbox_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

func newDB(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.New(t, "inboxing", inbox.Set())
}

// handle claims the event and tells whether its effect would be made; a non-nil fail undoes it.
func handle(ctx context.Context, db *pgtest.DB, ws uuid.UUID, key inbox.Key, fail error) (fresh bool, err error) {
	ctx = inbox.NewContext(ctx, key)
	err = db.App.InTx(ctx, ws, func(ctx context.Context, tx *postgres.Tx) error {
		var err error
		if fresh, err = inbox.Claim(ctx, tx); err != nil {
			return err
		}
		return fail
	})
	return fresh, err
}

func TestAnEventIsFreshOnceForEachConsumer(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	for _, ws := range []uuid.UUID{uuid.New(), uuid.Nil} { // also an effect over all workspaces
		event := uuid.New()
		for _, consumer := range []string{"threads_directory", "gateway"} {
			for _, want := range []bool{true, false, false} {
				fresh, err := handle(t.Context(), db, ws, inbox.Key{Consumer: consumer, EventID: event}, nil)
				require.NoError(t, err)
				require.Equal(t, want, fresh)
			}
		}
	}
}

func TestAFailedEffectIsFreshAgain(t *testing.T) {
	t.Parallel()
	db, ws, key := newDB(t), uuid.New(), inbox.Key{Consumer: "c", EventID: uuid.New()}
	failed := errors.New("failed")
	_, err := handle(t.Context(), db, ws, key, failed)
	require.ErrorIs(t, err, failed)
	fresh, err := handle(t.Context(), db, ws, key, nil)
	require.NoError(t, err)
	require.True(t, fresh)
}

func TestDeliveriesAtTheSameTime(t *testing.T) {
	t.Parallel()
	db, ws, key := newDB(t), uuid.New(), inbox.Key{Consumer: "c", EventID: uuid.New()}
	var crew sync.WaitGroup
	var effects atomic.Int32
	for range 12 {
		crew.Go(func() {
			fresh, err := handle(t.Context(), db, ws, key, nil)
			require.NoError(t, err)
			if fresh {
				effects.Add(1)
			}
		})
	}
	crew.Wait()
	require.EqualValues(t, 1, effects.Load())
}

func TestOutsideAHandlerThereIsNothingToClaim(t *testing.T) {
	t.Parallel()
	_, ok := inbox.FromContext(t.Context())
	require.False(t, ok)
	_, err := inbox.Claim(t.Context(), nil)
	require.ErrorContains(t, err, "carries no event")
}

func TestTheAppRoleCannotForget(t *testing.T) {
	t.Parallel()
	db, ws := newDB(t), uuid.New()
	_, err := handle(t.Context(), db, ws, inbox.Key{Consumer: "c", EventID: uuid.New()}, nil)
	require.NoError(t, err)
	_, err = db.App.For(ws).Exec(t.Context(), "delete from inbox")
	require.ErrorContains(t, err, "permission denied")
	var n int
	require.NoError(t, db.App.For(uuid.New()).QueryRow(t.Context(), "select count(*) from inbox").Scan(&n))
	require.Zero(t, n)
}

// TestPruneForgetsWhatTheStreamHasForgotten: what is older by a day than the stream keeps events.
func TestPruneForgetsWhatTheStreamHasForgotten(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	db := newDB(t)
	_, err := db.Owner.Pool().Exec(t.Context(), `
		insert into inbox (consumer, event_id, stored_at)
		select 'c', gen_random_uuid(), clock_timestamp() - case when i <= 5500 then interval '32 days' else interval '30 days' end
		from generate_series(1, 5600) i`)
	require.NoError(t, err)
	for _, c := range []struct {
		age  time.Duration
		gone int64
	}{{0, 0}, {60 * day, 0}, {30 * day, 5500}, {30 * day, 0}, {day, 100}} {
		gone, err := inbox.Prune(t.Context(), db.Owner.Pool(), clock.Machine().Now(), c.age)
		require.NoError(t, err)
		require.Equal(t, c.gone, gone, c.age)
	}
}
