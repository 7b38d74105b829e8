// Package bare is the limits that Meridian is held against: the same rows written, read and relayed with nothing around
// them. No authentication, no access, no idempotency, no row-level security, no validation, no names.
package bare

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// The sizes of a message's body and of its event, in bytes.
const (
	BodySize  = 500
	EventSize = 600
)

// Workspace is where all of the limits' rows are.
const Workspace = "00000000-0000-7000-8000-000000000001"

// Thread is the name of a thread of the limits, from 1.
func Thread(n int) string { return fmt.Sprintf("workspaces/%s/threads/%d", Workspace, n) }

const schema = `
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
CREATE TABLE bench.threads (workspace uuid, id int, last_sequence bigint NOT NULL, PRIMARY KEY (workspace, id)) WITH (fillfactor = 60);
CREATE TABLE bench.messages (workspace uuid, thread int, sequence bigint, author uuid NOT NULL, body text NOT NULL,
	create_time timestamptz NOT NULL, PRIMARY KEY (workspace, thread, sequence));
CREATE TABLE bench.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, aggregate text NOT NULL, payload bytea NOT NULL) WITH (
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE bench.outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE TABLE bench.unread (LIKE bench.outbox INCLUDING ALL);
CREATE TABLE bench.ready (LIKE bench.outbox INCLUDING ALL);
CREATE TABLE bench.inbox (consumer text, event_id uuid, PRIMARY KEY (consumer, event_id));
CREATE TABLE bench.effects (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO bench.threads SELECT '{workspace}', i, 0 FROM generate_series(1, {threads}) i;
ANALYZE bench.threads;`

// Prepare makes the limits' tables anew, with this many threads.
func Prepare(ctx context.Context, db *pgxpool.Pool, threads int) error {
	_, err := db.Exec(ctx, strings.NewReplacer("{workspace}", Workspace, "{threads}", fmt.Sprint(threads)).Replace(schema))
	if err != nil {
		return fmt.Errorf("make the limits' tables: %w", err)
	}
	return nil
}

// statement does all of a post at once; its event goes to the outbox. pgbench has it with its values written out, and puts
// events where no relay reads them.
const statement = `
WITH thread AS (
	UPDATE bench.threads SET last_sequence = last_sequence + 1 WHERE workspace = $1::uuid AND id = $2::int RETURNING last_sequence
), message AS (
	INSERT INTO bench.messages SELECT $1::uuid, $2::int, last_sequence, $3::uuid, $4::text, now() FROM thread
), event AS (
	INSERT INTO bench.outbox (aggregate, payload) VALUES (($2::int)::text, $5::bytea)
)
SELECT last_sequence FROM thread`

// eventBytes stands for an event.
func eventBytes() []byte { return make([]byte, EventSize) }
