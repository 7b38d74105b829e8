-- +goose Up
-- Counts the changes of a member's working time. Whoever changes it locks this row first: it puts the member's events in
-- order.
CREATE TABLE member_times (
    workspace_id uuid   NOT NULL,
    member_id    uuid   NOT NULL,
    version      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, member_id)
) WITH (fillfactor = 80);

-- The same of a workspace's default hours.
CREATE TABLE workspace_times (
    workspace_id uuid   NOT NULL PRIMARY KEY,
    version      bigint NOT NULL DEFAULT 0
);

-- The versions of members' weekly hours. One holds from start_time until end_time; the last has none. One that was cut
-- away before it began ends where it starts. windows is an array of {"days": [1, 2], "start": 540, "end": 1020}: days of
-- the week from 0 for Sunday, and minutes from midnight.
CREATE TABLE working_schedules (
    workspace_id   uuid        NOT NULL,
    member_id      uuid        NOT NULL,
    schedule_id    uuid        NOT NULL,
    time_zone      text        NOT NULL,
    windows        jsonb       NOT NULL,
    effective_date date        NOT NULL,
    start_time     timestamptz NOT NULL,
    end_time       timestamptz,
    create_time    timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, member_id, schedule_id),
    CHECK (end_time >= start_time)
);
CREATE UNIQUE INDEX working_schedules_last ON working_schedules (workspace_id, member_id) WHERE end_time IS NULL;

-- The versions of a workspace's default hours, in the order of version. Where each takes over follows from its date and the
-- member's zone, but never before it was made.
CREATE TABLE default_schedules (
    workspace_id   uuid        NOT NULL,
    schedule_id    uuid        NOT NULL,
    windows        jsonb       NOT NULL,
    effective_date date        NOT NULL,
    version        bigint      NOT NULL,
    create_time    timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, schedule_id)
);
CREATE UNIQUE INDEX default_schedules_version ON default_schedules (workspace_id, version);

-- The zones that members' profiles have had, which inherited hours are read in. seen is the version of the member at which
-- the directory last said it. The first has held since the year 1.
CREATE TABLE member_zones (
    workspace_id uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    zone_id      uuid        NOT NULL,
    time_zone    text        NOT NULL,
    start_time   timestamptz NOT NULL,
    end_time     timestamptz,
    seen         bigint      NOT NULL,
    PRIMARY KEY (workspace_id, member_id, zone_id),
    CHECK (end_time >= start_time)
);
CREATE UNIQUE INDEX member_zones_last ON member_zones (workspace_id, member_id) WHERE end_time IS NULL;

-- Times off: local dates, the last included, or instants. lower_time and upper_time are instants between which all of it
-- that counts surely lies, whatever zone the member is in.
CREATE TABLE time_offs (
    workspace_id uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    time_off_id  uuid        NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('VACATION', 'SICK', 'PARENTAL', 'OTHER')),
    note         text        NOT NULL,
    first_date   date,
    last_date    date,
    start_time   timestamptz,
    end_time     timestamptz,
    state        text        NOT NULL CHECK (state IN ('APPROVED', 'CANCELLED')),
    revision     bigint      NOT NULL,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL,
    cancel_time  timestamptz,
    lower_time   timestamptz NOT NULL,
    upper_time   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, member_id, time_off_id),
    CHECK (num_nonnulls(first_date, last_date) = 2 AND num_nonnulls(start_time, end_time) = 0
           OR num_nonnulls(first_date, last_date) = 0 AND num_nonnulls(start_time, end_time) = 2)
);
CREATE INDEX time_offs_upper ON time_offs (workspace_id, member_id, upper_time);

ALTER TABLE member_times ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspace_times ENABLE ROW LEVEL SECURITY;
ALTER TABLE working_schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE default_schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE member_zones ENABLE ROW LEVEL SECURITY;
ALTER TABLE time_offs ENABLE ROW LEVEL SECURITY;
CREATE POLICY member_times_workspace ON member_times
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY workspace_times_workspace ON workspace_times
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY working_schedules_workspace ON working_schedules
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY default_schedules_workspace ON default_schedules
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY member_zones_workspace ON member_zones
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY time_offs_workspace ON time_offs
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
