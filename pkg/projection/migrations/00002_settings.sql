-- +goose Up
-- What the directory knows of workspaces: their settings, as every service that goes by them needs them. The windows are
-- seconds of the recipient's working time; urgent_role is a number as in members.role.
CREATE TABLE workspaces (
    workspace_id   uuid     NOT NULL PRIMARY KEY,
    display_name   text     NOT NULL,
    time_zone      text     NOT NULL,
    urgent_role    smallint NOT NULL,
    low_seconds    bigint   NOT NULL,
    normal_seconds bigint   NOT NULL,
    high_seconds   bigint   NOT NULL,
    urgent_seconds bigint   NOT NULL,
    version        bigint   NOT NULL
);
ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
CREATE POLICY workspaces_workspace ON workspaces
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));

ALTER TABLE members ADD COLUMN email text NOT NULL DEFAULT '';

-- How much the tables keep, as a number that grows with it. A state from when they kept less does not say that they were
-- filled, so the next start pages the snapshot again. A replica of before may go on writing its own: that stays a 1.
ALTER TABLE projection_state ADD COLUMN kept smallint NOT NULL DEFAULT 1;

-- +goose StatementBegin
DO $$ BEGIN
    EXECUTE format('REVOKE DELETE ON workspaces FROM %I', current_schema() || '_app');
END $$;
-- +goose StatementEnd
