package due_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
)

const patience = 20 * time.Second

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var reminders = postgres.Set{Name: "reminders", FS: fstest.MapFS{"00001_tables.sql": {Data: []byte(`-- +goose Up
CREATE TABLE reminder (id int PRIMARY KEY, due_at timestamptz NOT NULL, leased_until timestamptz, done_at timestamptz);
CREATE INDEX reminder_due ON reminder (due_at) WHERE done_at IS NULL;
CREATE TABLE rung (id int, at timestamptz);
`)}}}

// bell is a service with reminders.
type bell struct {
	*pgtest.DB
	clock *clock.Manual
}

func newBell(t *testing.T) *bell {
	t.Helper()
	return &bell{DB: pgtest.New(t, "bell", reminders), clock: clock.NewManual(noon)}
}

// set makes reminders ids from..to due at the time.
func (b *bell) set(t *testing.T, from, to int, at time.Time) {
	t.Helper()
	_, err := b.Owner.Pool().Exec(t.Context(), "insert into reminder select generate_series($1::int, $2::int), $3", from, to, at)
	require.NoError(t, err)
}

func (b *bell) claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]int, error) {
	rows, _ := b.Owner.Pool().Query(ctx, `
		UPDATE reminder SET leased_until = clock_timestamp() + $2
		WHERE id IN (
			SELECT id FROM reminder
			WHERE done_at IS NULL AND due_at <= $1 AND (leased_until IS NULL OR leased_until < clock_timestamp())
			ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
		RETURNING id`, now, lease, limit)
	return pgx.CollectRows(rows, pgx.RowTo[int])
}

// ring decides again: it rings only what is still due.
func (b *bell) ring(ctx context.Context, id int) error {
	return b.Owner.InTx(ctx, uuid.Nil, func(ctx context.Context, tx *postgres.Tx) error {
		now := b.clock.Now()
		tag, err := tx.Exec(ctx, "update reminder set done_at = $2 where id = $1 and done_at is null and due_at <= $2", id, now)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, "insert into rung values ($1, $2)", id, now)
		return err
	})
}

func (b *bell) next(ctx context.Context) (time.Time, bool, error) {
	var at *time.Time
	err := b.Owner.Pool().QueryRow(ctx, "select min(due_at) from reminder where done_at is null").Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, false, err
	}
	return *at, true, nil
}

func (b *bell) worker(change func(*due.Worker[int])) *due.Worker[int] {
	w := &due.Worker[int]{Name: "reminders", Clock: b.clock, Claim: b.claim, Do: b.ring, Next: b.next, Poll: time.Hour}
	if change != nil {
		change(w)
	}
	return w
}

// Who waits for what is due waits for nothing that became due later, so others' work never keeps them.
func TestSettledDoesNotWaitForWhatComesMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 100, noon)
	var last atomic.Int64
	last.Store(100)
	w := b.worker(func(w *due.Worker[int]) {
		w.Do = func(ctx context.Context, id int) error {
			b.clock.Advance(time.Millisecond)
			_, err := b.Owner.Pool().Exec(ctx, "insert into reminder values ($1, $2)", last.Add(1), b.clock.Now())
			return errors.Join(err, b.ring(ctx, id))
		}
	})
	run(t, w)
	settled(t, w)
	require.Subset(t, b.rung(t), []int{1, 50, 100})
}

// run runs the worker until the test ends or stop is called.
func run(t *testing.T, w *due.Worker[int]) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { require.NoError(t, w.Run(ctx)) })
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(stop)
	return stop
}

func settled(t *testing.T, w *due.Worker[int]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, w.Settled(ctx))
}

func (b *bell) rung(t *testing.T) []int {
	t.Helper()
	rows, _ := b.Owner.Pool().Query(t.Context(), "select id from rung order by at, id")
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(t, err)
	return ids
}

func TestThingsAreDoneAtTheirTimeUnderAClockMovedByHand(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 1, noon)
	b.set(t, 2, 3, noon.Add(time.Hour))
	b.set(t, 4, 4, noon.Add(2*time.Hour))
	w := b.worker(nil)
	run(t, w)
	settled(t, w)
	require.Equal(t, []int{1}, b.rung(t))
	b.clock.Advance(time.Hour - time.Nanosecond)
	settled(t, w)
	require.Equal(t, []int{1}, b.rung(t))
	b.clock.Advance(time.Nanosecond)
	// Without a call to Settled, which wakes: the clock's move alone does it.
	require.Eventually(t, func() bool { return len(b.rung(t)) == 3 }, patience, 5*time.Millisecond)
	b.clock.Advance(24 * time.Hour)
	settled(t, w)
	require.Equal(t, []int{1, 2, 3, 4}, b.rung(t))
}

func TestManyReplicasDoEachThingOnce(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 500, noon)
	var ran atomic.Int32
	counted := func(w *due.Worker[int]) {
		w.Batch, w.Parallel = 16, 3
		w.Do = func(ctx context.Context, id int) error { ran.Add(1); return b.ring(ctx, id) }
	}
	workers := []*due.Worker[int]{b.worker(counted), b.worker(counted), b.worker(counted)}
	for _, w := range workers {
		run(t, w)
	}
	for _, w := range workers {
		settled(t, w)
	}
	require.Eventually(t, func() bool { return len(b.rung(t)) == 500 }, patience, 5*time.Millisecond)
	require.EqualValues(t, 500, ran.Load(), "no row was held by two")
}

// TestAClaimOfADeadWorkerComesBack: it claimed and was killed.
func TestAClaimOfADeadWorkerComesBack(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 3, noon)
	ids, err := b.claim(t.Context(), noon, 300*time.Millisecond, 10)
	require.NoError(t, err)
	require.Len(t, ids, 3)
	w := b.worker(func(w *due.Worker[int]) { w.Poll = 20 * time.Millisecond })
	run(t, w)
	settled(t, w)
	require.Empty(t, b.rung(t), "they are held")
	require.Eventually(t, func() bool { return len(b.rung(t)) == 3 }, patience, 5*time.Millisecond)
}

func TestAFailureOrPanicComesAgainAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 4, noon)
	var tries [5]atomic.Int32
	w := b.worker(func(w *due.Worker[int]) {
		w.Poll, w.Lease = 20*time.Millisecond, 2*time.Second // longer than a try takes on a machine that is busy
		w.Do = func(ctx context.Context, id int) error {
			if n := tries[id].Add(1); n == 1 && id == 2 {
				return errors.New("not today")
			} else if n == 1 && id == 3 {
				panic("a bug")
			}
			return b.ring(ctx, id)
		}
	})
	run(t, w)
	require.Eventually(t, func() bool { return len(b.rung(t)) == 4 }, patience, 5*time.Millisecond)
	require.EqualValues(t, 2, tries[2].Load())
	require.EqualValues(t, 2, tries[3].Load())
	require.Eventually(t, func() bool {
		m, err := w.Measure(t.Context())
		return err == nil && m == due.Measure{Name: w.Name, Done: 4, Failed: 2}
	}, patience, 5*time.Millisecond, "it counts what became of them")
}

func TestItSaysHowLateItIs(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	w := b.worker(nil)
	m, err := w.Measure(t.Context())
	require.NoError(t, err)
	require.Zero(t, m.Late)
	b.set(t, 1, 1, noon.Add(-3*time.Minute))
	b.set(t, 2, 2, noon.Add(time.Hour))
	m, err = w.Measure(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3*time.Minute, m.Late)
}

// TestItIsDecidedAgain: between claim and execution the reminder is put off.
func TestItIsDecidedAgain(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 1, noon)
	w := b.worker(func(w *due.Worker[int]) {
		w.Do = func(ctx context.Context, id int) error {
			_, err := b.Owner.Pool().Exec(ctx, "update reminder set due_at = $1, leased_until = null", noon.Add(time.Hour))
			return errors.Join(err, b.ring(ctx, id))
		}
	})
	run(t, w)
	settled(t, w)
	require.Empty(t, b.rung(t))
}

func TestItSleepsUntilTheNextDueTime(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	now := clock.System().Now()
	b.clock = clock.NewManual(now.Add(time.Hour)) // decides only that what was claimed is due
	b.set(t, 1, 1, now.Add(300*time.Millisecond))
	w := b.worker(func(w *due.Worker[int]) { w.Clock = clock.System() })
	run(t, w)
	require.Eventually(t, func() bool { return len(b.rung(t)) == 1 }, patience, time.Millisecond, "the poll is an hour")
	b.set(t, 2, 2, now)
	w.Wake()
	require.Eventually(t, func() bool { return len(b.rung(t)) == 2 }, patience, time.Millisecond)
}

func TestTroubleIsRiddenOut(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 1, noon)
	var looks atomic.Int32
	w := b.worker(func(w *due.Worker[int]) {
		w.Poll = 5 * time.Millisecond
		w.Claim = func(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]int, error) {
			if looks.Add(1) < 4 {
				return nil, fmt.Errorf("no database")
			}
			return b.claim(ctx, now, lease, limit)
		}
	})
	run(t, w)
	settled(t, w)
	require.Equal(t, []int{1}, b.rung(t))
}

// TestStopLetsWhatIsUnderWayFinish, and starts nothing more.
func TestStopLetsWhatIsUnderWayFinish(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 5, noon)
	started, release := make(chan int, 5), make(chan struct{})
	w := b.worker(func(w *due.Worker[int]) {
		w.Parallel = 1
		w.Do = func(ctx context.Context, id int) error {
			started <- id
			<-release
			return b.ring(ctx, id)
		}
	})
	stop := run(t, w)
	first := <-started
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Fatal("stopped while one was under way")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	<-stopped
	require.Contains(t, b.rung(t), first)
	require.Less(t, len(b.rung(t)), 5)
}

func TestWorkEndsBeforeItsLease(t *testing.T) {
	t.Parallel()
	b := newBell(t)
	b.set(t, 1, 1, noon)
	ended := make(chan error, 1)
	w := b.worker(func(w *due.Worker[int]) {
		w.Lease = 100 * time.Millisecond
		w.Do = func(ctx context.Context, _ int) error {
			<-ctx.Done()
			select {
			case ended <- context.Cause(ctx):
			default:
			}
			return ctx.Err()
		}
	})
	run(t, w)
	require.ErrorIs(t, <-ended, context.DeadlineExceeded)
}
