-- +goose Up
-- Events that are committed and not yet safely in the stream. Rows live for seconds; times here are machine time.
-- The primary key is the id alone: the relay reads all workspaces in this one order.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid        NOT NULL,
    event_id     uuid        NOT NULL,
    aggregate    text        NOT NULL,
    version      bigint      NOT NULL,
    subject      text        NOT NULL,
    headers      jsonb       NOT NULL,
    payload      bytea       NOT NULL,
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000
);
ALTER TABLE outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY outbox_workspace ON outbox
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));

-- What could not be published, with why; an operator decides.
CREATE TABLE outbox_failed (
    id           bigint      PRIMARY KEY,
    workspace_id uuid        NOT NULL,
    event_id     uuid        NOT NULL,
    aggregate    text        NOT NULL,
    version      bigint      NOT NULL,
    subject      text        NOT NULL,
    headers      jsonb       NOT NULL,
    payload      bytea       NOT NULL,
    stored_at    timestamptz NOT NULL,
    failed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason       text        NOT NULL
);
ALTER TABLE outbox_failed ENABLE ROW LEVEL SECURITY;

-- Which process relays: one row.
CREATE TABLE outbox_lease (
    one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
    holder     uuid        NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 10);
ALTER TABLE outbox_lease ENABLE ROW LEVEL SECURITY;

-- The app role adds events and does nothing else here.
-- +goose StatementBegin
DO $$ BEGIN
    EXECUTE format('REVOKE ALL ON outbox, outbox_failed, outbox_lease FROM %I', current_schema() || '_app');
    EXECUTE format('GRANT INSERT ON outbox TO %I', current_schema() || '_app');
END $$;
-- +goose StatementEnd
