-- +goose Up
-- Requests for time off. A requested one waits (REQUESTED) and counts from decide_time on when it is approved; before it is
-- decided, and when it is declined, it does not count, whatever else becomes of it.
ALTER TABLE time_offs
    ADD COLUMN requested      boolean NOT NULL DEFAULT false,
    ADD COLUMN decided_by_id  uuid,
    ADD COLUMN decide_time    timestamptz,
    ADD COLUMN decline_reason text NOT NULL DEFAULT '',
    DROP CONSTRAINT time_offs_state_check,
    ADD CONSTRAINT time_offs_state_check CHECK (state IN ('REQUESTED', 'APPROVED', 'DECLINED', 'CANCELLED'));
CREATE INDEX time_offs_requested ON time_offs (workspace_id, time_off_id) WHERE state = 'REQUESTED';

-- How a workspace gives time off: the kinds that need an approval. No row: none does.
CREATE TABLE time_off_policies (
    workspace_id   uuid        NOT NULL PRIMARY KEY,
    approval_kinds text[]      NOT NULL,
    revision       bigint      NOT NULL,
    update_time    timestamptz NOT NULL
);
ALTER TABLE time_off_policies ENABLE ROW LEVEL SECURITY;
CREATE POLICY time_off_policies_workspace ON time_off_policies
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
