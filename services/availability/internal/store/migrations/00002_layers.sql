-- +goose Up
-- The region whose public holidays are not worked while the hours hold; empty for none.
ALTER TABLE working_schedules ADD COLUMN holiday_region text NOT NULL DEFAULT '';
ALTER TABLE default_schedules ADD COLUMN holiday_region text NOT NULL DEFAULT '';

-- The layers over members' hours. A TRAVEL has a zone and dates, a DATE_OVERRIDE one date (first and last) and its windows, a
-- FOCUS_BLOCK a name and either times or weekly windows with dates, of which the last may be missing. windows is as in
-- working_schedules; those of a date name no days. lower_time and upper_time are instants between which all of it that counts
-- surely lies, whatever zone the member is in. A deleted layer stays, for it counts until then.
CREATE TABLE layers (
    workspace_id uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    layer_id     uuid        NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('TRAVEL', 'DATE_OVERRIDE', 'FOCUS_BLOCK')),
    display_name text        NOT NULL,
    time_zone    text        NOT NULL,
    windows      jsonb       NOT NULL,
    first_date   date,
    last_date    date,
    start_time   timestamptz,
    end_time     timestamptz,
    create_time  timestamptz NOT NULL,
    delete_time  timestamptz,
    lower_time   timestamptz NOT NULL,
    upper_time   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, member_id, layer_id),
    CHECK (CASE WHEN kind = 'FOCUS_BLOCK' THEN num_nonnulls(first_date, start_time) = 1 ELSE num_nonnulls(first_date, last_date) = 2 END),
    CHECK (num_nonnulls(start_time, end_time) IN (0, 2))
);
CREATE INDEX layers_upper ON layers (workspace_id, member_id, upper_time);
CREATE INDEX layers_listed ON layers (workspace_id, member_id, kind, layer_id) WHERE delete_time IS NULL;

ALTER TABLE layers ENABLE ROW LEVEL SECURITY;
CREATE POLICY layers_workspace ON layers
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
