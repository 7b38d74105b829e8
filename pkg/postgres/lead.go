package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// statement is one statement of a lead.
type statement struct {
	sql  string
	args []any
}

// lead is the statements that go before the caller's own in one batch, and whose results nobody reads.
type lead []statement

// sender is a pool or a connection.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// report sees every error before the caller does and may wrap it.
type report func(error) error

// setWorkspace sets app.ws until the end of the transaction. The nil workspace is the empty string, which the
// policies read as no workspace.
func setWorkspace(ws uuid.UUID) statement {
	return statement{sql: "select set_config('app.ws', $1, true)", args: []any{setting(ws)}}
}

// opening is the same for a transaction that writes, whose statements keep one plan for any arguments. They find rows by
// their keys, many at once; made for each call anew, as the planner is inclined to for arrays, plans took two fifths of their
// time. A limit bounds the waiting for locks, in milliseconds.
func opening(ws uuid.UUID, locks time.Duration) statement {
	if locks == 0 {
		return statement{
			sql:  "select set_config('app.ws', $1, true), set_config('plan_cache_mode', 'force_generic_plan', true)",
			args: []any{setting(ws)},
		}
	}
	return statement{
		sql: "select set_config('app.ws', $1, true), set_config('plan_cache_mode', 'force_generic_plan', true)," +
			" set_config('lock_timeout', $2, true)",
		args: []any{setting(ws), strconv.FormatInt(locks.Milliseconds(), 10)},
	}
}

func setting(ws uuid.UUID) string {
	if ws == uuid.Nil {
		return ""
	}
	return ws.String()
}

// send sends the lead and what is queued, and reads the lead's results. Where the lead failed, the results that
// remain answer with its error.
func (l lead) send(ctx context.Context, to sender, queued []*pgx.QueuedQuery) pgx.BatchResults {
	b := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, len(l)+len(queued))}
	for _, s := range l {
		b.Queue(s.sql, s.args...)
	}
	b.QueuedQueries = append(b.QueuedQueries, queued...)
	results := to.SendBatch(ctx, b)
	for range l {
		if _, err := results.Exec(); err != nil {
			break
		}
	}
	return results
}

func (l lead) sendOne(ctx context.Context, to sender, sql string, args []any) pgx.BatchResults {
	return l.send(ctx, to, []*pgx.QueuedQuery{{SQL: sql, Arguments: args}})
}

func (l lead) exec(ctx context.Context, to sender, sql string, args []any) (pgconn.CommandTag, error) {
	results := l.sendOne(ctx, to, sql, args)
	tag, err := results.Exec()
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	return tag, err
}

func (l lead) query(ctx context.Context, to sender, rep report, sql string, args []any) (pgx.Rows, error) {
	results := l.sendOne(ctx, to, sql, args)
	inner, err := results.Query()
	r := &rows{Rows: inner, results: results, report: rep}
	if err != nil {
		r.Close()
		return r, r.err
	}
	return r, nil
}

func (l lead) queryRow(ctx context.Context, to sender, rep report, sql string, args []any) pgx.Row {
	results := l.sendOne(ctx, to, sql, args)
	return &row{Row: results.QueryRow(), results: results, report: rep}
}

func (l lead) sendBatch(ctx context.Context, to sender, rep report, b *pgx.Batch) pgx.BatchResults {
	return &batchResults{BatchResults: l.send(ctx, to, b.QueuedQueries), report: rep}
}

// rows are the rows of a batch's last statement: when they end, the batch ends, so that the connection is free for
// the next statement just as after a plain query.
type rows struct {
	pgx.Rows
	results pgx.BatchResults // nil when the rows are not a batch's
	report  report
	ended   bool
	err     error
}

func (r *rows) Next() bool {
	if r.ended {
		return false
	}
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *rows) Close() {
	if r.ended {
		return
	}
	r.ended = true
	r.Rows.Close()
	err := r.Rows.Err()
	if r.results != nil {
		if closeErr := r.results.Close(); err == nil {
			err = closeErr
		}
	}
	r.err = r.report(err)
}

func (r *rows) Err() error {
	if r.ended {
		return r.err
	}
	return r.Rows.Err()
}

// row is one row of a batch's last statement.
type row struct {
	pgx.Row
	results pgx.BatchResults // nil when the row is not a batch's
	report  report
}

func (r *row) Scan(dest ...any) error {
	err := r.Row.Scan(dest...)
	if r.results != nil {
		if closeErr := r.results.Close(); err == nil {
			err = closeErr
		}
	}
	return r.report(err)
}

// batchResults reports the errors of a caller's batch.
type batchResults struct {
	pgx.BatchResults
	report report
}

func (b *batchResults) Exec() (pgconn.CommandTag, error) {
	tag, err := b.BatchResults.Exec()
	return tag, b.report(err)
}

func (b *batchResults) Query() (pgx.Rows, error) {
	inner, err := b.BatchResults.Query()
	r := &rows{Rows: inner, report: b.report}
	if err != nil {
		r.Close()
		return r, r.err
	}
	return r, nil
}

func (b *batchResults) QueryRow() pgx.Row {
	return &row{Row: b.BatchResults.QueryRow(), report: b.report}
}

func (b *batchResults) Close() error {
	return b.report(b.BatchResults.Close())
}
