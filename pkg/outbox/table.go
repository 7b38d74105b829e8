package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"

	"github.com/meridianhq/meridian/pkg/postgres"
)

// row is an outbox row as the relay reads it.
type row struct {
	id int64
	Message
	// header are the headers as they are published; nil where they are not ours.
	header nats.Header
}

// table is the relay's SQL, as the owner of the schema.
type table struct {
	db     *postgres.DB
	holder uuid.UUID
	lease  time.Duration
	alone  bool
}

// acquire takes the lease or prolongs it, and tells whether it is ours. Times are the database's clock alone, so
// the replicas' own clocks do not matter.
func (t table) acquire(ctx context.Context) (bool, error) {
	tag, err := t.db.Pool().Exec(ctx, `
		INSERT INTO outbox_lease AS l (holder, expires_at) VALUES ($1, clock_timestamp() + $2)
		ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
		WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp() OR $3`, t.holder, t.lease, t.alone)
	if err != nil {
		return false, fmt.Errorf("outbox: take the lease: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// release lets another replica take over at once.
func (t table) release(ctx context.Context) error {
	_, err := t.db.Pool().Exec(ctx, `DELETE FROM outbox_lease WHERE holder = $1`, t.holder)
	if err != nil {
		return fmt.Errorf("outbox: release the lease: %w", err)
	}
	return nil
}

const (
	// settings of one read: the plan must stay the index's however empty the table was when it was made, and
	// nothing here is worth a sync of the disk (a lost delete or renewal only repeats).
	settings = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
		set_config('plan_cache_mode', 'force_generic_plan', true), set_config('synchronous_commit', 'off', true)`
	renewLease = `UPDATE outbox_lease SET expires_at = clock_timestamp() + $2 WHERE holder = $1`
	deleteRows = `DELETE FROM outbox WHERE id = ANY ($1)`
	// As many as $3, and as few as one where they are large: those before which $4 bytes stand end it.
	readRows = `
		SELECT id, workspace_id, event_id, aggregate, version, subject, headers, payload
		FROM (
			SELECT o.*, sum(octet_length(o.payload)) OVER (ORDER BY o.id ROWS UNBOUNDED PRECEDING) - octet_length(o.payload) AS before
			FROM unnest($1::bigint[], $2::bigint[]) AS gap (above, below)
			CROSS JOIN LATERAL (
				SELECT * FROM outbox WHERE id > gap.above AND id < gap.below ORDER BY id LIMIT $3
			) AS o
			ORDER BY o.id LIMIT $3
		) AS o
		WHERE before < $4`
	countRows = `
		SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(o.stored_at)), 0)::float8
		FROM unnest($1::bigint[], $2::bigint[]) AS gap (above, below)
		CROSS JOIN LATERAL (
			SELECT stored_at FROM outbox WHERE id > gap.above AND id < gap.below ORDER BY id LIMIT 1000000
		) AS o`
)

// read prolongs the lease where asked, deletes rows and reads the oldest that are not in skip: one round trip, one
// transaction. ours is false when the lease has gone to another.
func (t table) read(ctx context.Context, renew bool, gone []int64, skip *idSet) (rows []row, ours bool, err error) {
	b := &pgx.Batch{}
	ours = true
	b.Queue(settings)
	if renew {
		b.Queue(renewLease, t.holder, t.lease).Exec(func(tag pgconn.CommandTag) error {
			ours = tag.RowsAffected() == 1
			return nil
		})
	}
	if len(gone) > 0 {
		b.Queue(deleteRows, gone)
	}
	above, below := skip.gaps()
	b.Queue(readRows, above, below, batchRows, batchBytes).Query(func(found pgx.Rows) error {
		rows, err = pgx.CollectRows(found, scanRow)
		return err
	})
	if err := t.db.Pool().SendBatch(ctx, b).Close(); err != nil {
		return nil, ours, fmt.Errorf("outbox: read: %w", err)
	}
	return rows, ours, nil
}

func scanRow(found pgx.CollectableRow) (row, error) {
	var (
		r       row
		headers []byte
	)
	err := found.Scan(&r.id, &r.Workspace, &r.ID, &r.Aggregate, &r.Version, &r.Subject, &headers, &r.Payload)
	if err != nil {
		return r, err
	}
	r.header = readHeader(headers) // where there is none the publisher refuses it, and it goes to outbox_failed
	return r, nil
}

// fail moves a row to outbox_failed.
func (t table) fail(ctx context.Context, id int64, reason string) error {
	_, err := t.db.Pool().Exec(ctx, `
		WITH gone AS (DELETE FROM outbox WHERE id = $1 RETURNING *)
		INSERT INTO outbox_failed
			(id, workspace_id, event_id, aggregate, version, subject, headers, payload, stored_at, reason)
		SELECT id, workspace_id, event_id, aggregate, version, subject, headers, payload, stored_at, $2 FROM gone`,
		id, reason)
	if err != nil {
		return fmt.Errorf("outbox: set a row aside: %w", err)
	}
	return nil
}

// count is how many rows there are beside those in skip, and the age of the oldest in seconds.
func (t table) count(ctx context.Context, skip *idSet) (rows int64, oldest float64, err error) {
	above, below := skip.gaps()
	b := &pgx.Batch{}
	b.Queue(settings)
	b.Queue(countRows, above, below).QueryRow(func(found pgx.Row) error { return found.Scan(&rows, &oldest) })
	if err := t.db.Pool().SendBatch(ctx, b).Close(); err != nil {
		return 0, 0, fmt.Errorf("outbox: count: %w", err)
	}
	return rows, oldest, nil
}

// empty tells whether no row is left at all.
func (t table) empty(ctx context.Context) (bool, error) {
	var empty bool
	err := t.db.Pool().QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM outbox)`).Scan(&empty)
	return empty, err
}
