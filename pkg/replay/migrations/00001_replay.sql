-- +goose Up
-- What a request_id was used for. stored_at is machine time: how long a row is kept has nothing to do with the domain.
CREATE TABLE replay (
    workspace_id uuid        NOT NULL,
    principal    text        NOT NULL,
    method       text        NOT NULL,
    request_id   uuid        NOT NULL,
    hash         bytea       NOT NULL,
    resource     text        NOT NULL,
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, principal, method, request_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX replay_stored_at ON replay USING brin (stored_at) WITH (pages_per_range = 16, autosummarize = on);

ALTER TABLE replay ENABLE ROW LEVEL SECURITY;
-- A call that belongs to no workspace (the making of one) is kept under the nil workspace.
CREATE POLICY replay_workspace ON replay USING (
    workspace_id = (SELECT coalesce(nullif(current_setting('app.ws', true), '')::uuid,
                                    '00000000-0000-0000-0000-000000000000'::uuid)));

-- +goose StatementBegin
DO $$ BEGIN
    EXECUTE format('REVOKE UPDATE, DELETE ON replay FROM %I', current_schema() || '_app');
END $$;
-- +goose StatementEnd
