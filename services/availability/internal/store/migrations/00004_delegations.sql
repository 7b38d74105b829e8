-- +goose Up
-- Who acts for a member: from start_time until end_time, or while a time off of the member counts. kinds are words of
-- ASKS, APPROVALS, HANDOFFS and DUTY. A deleted one counts until delete_time.
CREATE TABLE delegations (
    workspace_id  uuid        NOT NULL,
    member_id     uuid        NOT NULL,
    delegation_id uuid        NOT NULL,
    delegate_id   uuid        NOT NULL,
    kinds         text[]      NOT NULL CHECK (cardinality(kinds) > 0),
    time_off_id   uuid,
    start_time    timestamptz,
    end_time      timestamptz,
    create_time   timestamptz NOT NULL,
    delete_time   timestamptz,
    PRIMARY KEY (workspace_id, member_id, delegation_id),
    CHECK (delegate_id <> member_id),
    CHECK ((time_off_id IS NULL) = (start_time IS NOT NULL)),
    CHECK (end_time > start_time)
);

ALTER TABLE delegations ENABLE ROW LEVEL SECURITY;
CREATE POLICY delegations_workspace ON delegations
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
