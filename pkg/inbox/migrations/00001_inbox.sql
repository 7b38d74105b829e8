-- +goose Up
-- Which events a consumer has taken effect of. stored_at is machine time. The workspace is that of the transaction;
-- an effect that belongs to none (a projection of all workspaces) stands under the nil workspace.
CREATE TABLE inbox (
    workspace_id uuid        NOT NULL DEFAULT coalesce(nullif(current_setting('app.ws', true), '')::uuid,
                                                       '00000000-0000-0000-0000-000000000000'::uuid),
    consumer     text        NOT NULL,
    event_id     uuid        NOT NULL,
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, consumer, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX inbox_stored_at ON inbox USING brin (stored_at) WITH (pages_per_range = 16, autosummarize = on);

ALTER TABLE inbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY inbox_workspace ON inbox USING (
    workspace_id = (SELECT coalesce(nullif(current_setting('app.ws', true), '')::uuid,
                                    '00000000-0000-0000-0000-000000000000'::uuid)));

-- +goose StatementBegin
DO $$ BEGIN
    EXECUTE format('REVOKE UPDATE, DELETE ON inbox FROM %I', current_schema() || '_app');
END $$;
-- +goose StatementEnd
