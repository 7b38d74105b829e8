package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

const (
	maxTries      = 6
	firstBackoff  = 4 * time.Millisecond
	rollbackLimit = 5 * time.Second
)

// InTx runs fn in one transaction (READ COMMITTED) of the workspace ws and commits when fn returns nil.
//
// BEGIN, app.ws and fn's first statement travel in one batch; a fn that runs no statement sends nothing and takes
// no connection. An error of fn, a panic or the end of ctx rolls back. fn is run again, at most five times, after a
// serialization failure, a deadlock, a plan that a migration made stale, or a connection lost before COMMIT was
// sent: it must be safe to run again, so whatever it makes for the outside it makes anew in each run or hands to
// AfterCommit. An error of COMMIT itself that leaves the outcome unknown is not retried; it is fault Unavailable.
func (db *DB) InTx(ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, tx *Tx) error) error {
	for try := 1; ; try++ {
		tx := &Tx{pool: db.pool, ws: ws}
		err := tx.run(ctx, fn)
		if err == nil || tx.committed {
			if tx.committed || tx.conn == nil {
				tx.runHooks()
			}
			return err
		}
		if try == maxTries || ctx.Err() != nil || !tx.worthAnother(err) {
			return tx.final(ctx, err)
		}
		if clock.Sleep(ctx, backoff(try)) != nil {
			return tx.final(ctx, err)
		}
	}
}

// backoff doubles from firstBackoff, with jitter so that those who collided do not meet again.
func backoff(try int) time.Duration {
	base := firstBackoff << (try - 1)
	return base/2 + rand.N(base) //nolint:gosec // jitter, not a secret
}

// Tx is a transaction under way. Like a connection it is for one goroutine at a time, and it ends with InTx's fn.
type Tx struct {
	pool      *pgxpool.Pool
	ws        uuid.UUID
	locks     time.Duration // how long a statement may wait for a lock; 0: for ever
	conn      *pgxpool.Conn // nil until the first statement
	sent      bool          // COMMIT was sent
	committed bool          // and the server has confirmed it
	cause     error         // the first error of the database
	ahead     lead          // what travels with the next statement
	hooks     []func()
}

// Ahead has a statement whose result nobody needs travel before the transaction's next one, or its commit, in the same
// round trip. Where it fails, that one fails with its error and is not run.
func (tx *Tx) Ahead(sql string, args ...any) {
	tx.ahead = append(tx.ahead, statement{sql: sql, args: args})
}

// AfterCommit runs hook after the commit, in the order of the calls, on the goroutine of InTx and before InTx
// returns. A try that is rolled back forgets its hooks.
func (tx *Tx) AfterCommit(hook func()) {
	tx.hooks = append(tx.hooks, hook)
}

// LockTimeout bounds how long each statement may wait for a lock; one that waits longer fails, and the transaction with
// it: IsLockTimeout knows that error. It takes no round trip. Call it before the first statement: later it does nothing.
func (tx *Tx) LockTimeout(limit time.Duration) { tx.locks = limit }

// Exec implements DBTX.
func (tx *Tx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	opening, err := tx.open(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	if opening == nil {
		tag, err := tx.conn.Exec(ctx, sql, args...)
		return tag, tx.note(err)
	}
	tag, err := opening.exec(ctx, tx.conn.Conn(), sql, args)
	return tag, tx.note(err)
}

// Query implements DBTX.
func (tx *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	opening, err := tx.open(ctx)
	if err != nil {
		return failedRows{err: err}, err
	}
	if opening != nil {
		return opening.query(ctx, tx.conn.Conn(), tx.note, sql, args)
	}
	inner, err := tx.conn.Query(ctx, sql, args...)
	return &rows{Rows: inner, report: tx.note}, tx.note(err)
}

// QueryRow implements DBTX.
func (tx *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	opening, err := tx.open(ctx)
	if err != nil {
		return failedRows{err: err}
	}
	if opening != nil {
		return opening.queryRow(ctx, tx.conn.Conn(), tx.note, sql, args)
	}
	return &row{Row: tx.conn.QueryRow(ctx, sql, args...), report: tx.note}
}

// SendBatch implements DBTX.
func (tx *Tx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	opening, err := tx.open(ctx)
	if err != nil {
		return failedBatch{err: err}
	}
	return opening.sendBatch(ctx, tx.conn.Conn(), tx.note, b)
}

// CommitWith sends the batch and COMMIT together, as the transaction's last step: a transaction that is all in one
// batch is one round trip. InTx then commits no more and runs the hooks; statements after it fail.
//
// A statement that fails keeps COMMIT from happening. What the batch's callbacks think of the results does not: the
// transaction is committed by then. Their first error is returned all the same, and InTx returns it with the hooks
// run. So CommitWith is for statements that fail where they must not succeed.
func (tx *Tx) CommitWith(ctx context.Context, b *pgx.Batch) error {
	opening, err := tx.open(ctx)
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var (
		refused error // by a callback
		queued  = make([]*pgx.QueuedQuery, 0, len(b.QueuedQueries)+1)
		tag     pgconn.CommandTag
	)
	for _, q := range b.QueuedQueries {
		read := q.Fn
		if read == nil {
			read = func(results pgx.BatchResults) error { _, err := results.Exec(); return err }
		}
		queued = append(queued, &pgx.QueuedQuery{SQL: q.SQL, Arguments: q.Arguments, Fn: func(results pgx.BatchResults) error {
			if err := read(results); err != nil && refused == nil {
				refused = err
			}
			return nil // the results hold the database's own errors; a callback must not keep COMMIT's from being read
		}})
	}
	queued = append(queued, &pgx.QueuedQuery{SQL: "commit", Fn: func(results pgx.BatchResults) error {
		var err error
		tag, err = results.Exec()
		return err
	}})
	tx.sent = true
	err = tx.note(opening.send(ctx, tx.conn.Conn(), queued).Close())
	tx.committed = err == nil && tag.String() == "COMMIT"
	switch {
	case err != nil:
		return err
	case !tx.committed:
		return errors.Join(errRolledBack, tx.cause)
	}
	return refused
}

// open takes a connection at the first statement and returns what must go before it, nil for nothing. Where
// the transaction has ended, or never began because its first statement did not parse, it refuses: a statement would
// otherwise run outside of it.
func (tx *Tx) open(ctx context.Context) (lead, error) {
	if tx.conn != nil {
		if tx.sent {
			return nil, errOver
		}
		if pg := tx.conn.Conn().PgConn(); pg.TxStatus() == 'I' && !pg.IsBusy() {
			return nil, errors.Join(errRolledBack, tx.cause)
		}
		return tx.takeAhead(), nil
	}
	conn, err := tx.pool.Acquire(ctx)
	if err != nil {
		return nil, tx.note(err)
	}
	tx.conn = conn
	return append(lead{{sql: "begin"}, opening(tx.ws, tx.locks)}, tx.takeAhead()...), nil
}

func (tx *Tx) takeAhead() lead {
	ahead := tx.ahead
	tx.ahead = nil
	return ahead
}

// note keeps the first error of the database, which decides about another try however fn dresses it.
func (tx *Tx) note(err error) error {
	if err != nil && tx.cause == nil && !errors.Is(err, pgx.ErrNoRows) {
		tx.cause = err
	}
	return err
}

func (tx *Tx) run(ctx context.Context, fn func(context.Context, *Tx) error) error {
	defer tx.end(ctx)
	if err := fn(ctx, tx); err != nil {
		return err
	}
	switch {
	case len(tx.ahead) > 0 && !tx.sent:
		return tx.CommitWith(ctx, &pgx.Batch{})
	case tx.conn == nil:
		return tx.cause
	case tx.committed:
		return nil
	case tx.sent:
		return errors.Join(errRolledBack, tx.cause)
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return tx.commit(ctx)
}

func (tx *Tx) runHooks() {
	for _, hook := range tx.hooks {
		hook()
	}
}

var (
	// errRolledBack: fn went on although a statement had failed, so there is no transaction to commit.
	errRolledBack = errors.New("postgres: a statement failed and its error was dropped; nothing was committed")
	// errOver: fn went on after CommitWith.
	errOver = errors.New("postgres: a statement after the transaction's end")
)

func (tx *Tx) commit(ctx context.Context) error {
	if tx.conn.Conn().PgConn().TxStatus() != 'T' {
		return errors.Join(errRolledBack, tx.cause)
	}
	tx.sent = true
	tag, err := tx.conn.Exec(ctx, "commit")
	if err != nil {
		return tx.note(err)
	}
	if tag.String() != "COMMIT" {
		return errors.Join(errRolledBack, tx.cause)
	}
	tx.committed = true
	return nil
}

// end rolls back what was not committed and gives the connection back. It does so also when ctx is over, and when
// fn panics. A connection that cannot be cleaned is closed by the pool.
func (tx *Tx) end(ctx context.Context) {
	if tx.conn == nil {
		return
	}
	pg := tx.conn.Conn().PgConn()
	if !tx.committed && !pg.IsClosed() && !pg.IsBusy() && pg.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
		_, _ = tx.conn.Exec(ctx, "rollback")
		cancel()
	}
	tx.conn.Release()
}

// worthAnother tells whether the same transaction may well succeed when run again.
func (tx *Tx) worthAnother(err error) bool {
	for _, e := range []error{err, tx.cause} {
		if mustRepeat(e) || (!tx.sent && connectionLost(e)) {
			return true
		}
	}
	return false
}

// final is err as the caller of InTx gets it.
func (tx *Tx) final(ctx context.Context, err error) error {
	var known *fault.Error
	if errors.As(err, &known) && known.Kind != fault.Internal {
		return err
	}
	if tx.sent && tx.cause != nil && connectionLost(tx.cause) {
		return fault.New(fault.Unavailable, fault.ReasonUnavailable,
			"the database did not confirm the write; it may or may not have happened").Wrap(err)
	}
	if ctx.Err() == nil && mustRepeat(err) {
		return fault.New(fault.Unavailable, fault.ReasonUnavailable, "too many writers at once; try again").Wrap(err)
	}
	return unavailable(ctx, err)
}
