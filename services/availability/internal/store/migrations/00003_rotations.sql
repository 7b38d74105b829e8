-- +goose Up
-- Rotations of teams. version puts a rotation's events in order, revision counts what people changed: its etag. sun says that
-- the turns that hold or will depend on working time. shift_start and shift_members are the last shift that was told of;
-- due_time is when the next boundary of a shift is to be looked for, NULL when there is none to come.
CREATE TABLE rotations (
    workspace_id  uuid        NOT NULL,
    team_id       uuid        NOT NULL,
    rotation_id   uuid        NOT NULL,
    display_name  text        NOT NULL,
    sun           boolean     NOT NULL,
    revision      bigint      NOT NULL,
    version       bigint      NOT NULL,
    create_time   timestamptz NOT NULL,
    update_time   timestamptz NOT NULL,
    delete_time   timestamptz,
    shift_start   timestamptz,
    shift_members uuid[],
    due_time      timestamptz,
    due_lease     timestamptz,
    PRIMARY KEY (workspace_id, team_id, rotation_id)
) WITH (fillfactor = 80);
CREATE INDEX rotations_standing ON rotations (workspace_id, team_id, rotation_id) WHERE delete_time IS NULL;
CREATE INDEX rotations_sun ON rotations (workspace_id) WHERE sun AND due_time IS NOT NULL;
CREATE INDEX rotations_due ON rotations (due_time) WHERE due_time IS NOT NULL;

-- The versions of rotations' turns. One holds from start_time until end_time; the last has none. One that was cut away
-- before it began ends where it starts. hand_over is minutes from midnight.
CREATE TABLE rotation_turns (
    workspace_id uuid        NOT NULL,
    rotation_id  uuid        NOT NULL,
    turns_id     uuid        NOT NULL,
    members      uuid[]      NOT NULL,
    unit         text        NOT NULL CHECK (unit IN ('HOUR', 'DAY', 'WEEK', 'MONTH', 'FOLLOW_THE_SUN')),
    every        integer     NOT NULL,
    time_zone    text        NOT NULL,
    first_date   date        NOT NULL,
    hand_over    integer     NOT NULL,
    start_time   timestamptz NOT NULL,
    end_time     timestamptz,
    PRIMARY KEY (workspace_id, rotation_id, turns_id),
    CHECK (end_time >= start_time)
);
CREATE UNIQUE INDEX rotation_turns_last ON rotation_turns (workspace_id, rotation_id) WHERE end_time IS NULL;
CREATE INDEX rotation_turns_end ON rotation_turns (workspace_id, rotation_id, end_time);

-- Overrides of rotations, each known from create_time until delete_time.
CREATE TABLE rotation_overrides (
    workspace_id uuid        NOT NULL,
    rotation_id  uuid        NOT NULL,
    override_id  uuid        NOT NULL,
    start_time   timestamptz NOT NULL,
    end_time     timestamptz NOT NULL,
    out_member   uuid,
    in_member    uuid,
    swap_id      uuid,
    create_time  timestamptz NOT NULL,
    delete_time  timestamptz,
    PRIMARY KEY (workspace_id, rotation_id, override_id),
    CHECK (end_time > start_time),
    CHECK (num_nonnulls(out_member, in_member) > 0)
);
CREATE INDEX rotation_overrides_standing ON rotation_overrides (workspace_id, rotation_id, override_id) WHERE delete_time IS NULL;
CREATE INDEX rotation_overrides_end ON rotation_overrides (workspace_id, rotation_id, end_time);

-- Offers of time on. One whose time has begun is no longer offered, whatever state says.
CREATE TABLE rotation_swaps (
    workspace_id uuid        NOT NULL,
    rotation_id  uuid        NOT NULL,
    swap_id      uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    to_member    uuid,
    start_time   timestamptz NOT NULL,
    end_time     timestamptz NOT NULL,
    state        text        NOT NULL CHECK (state IN ('OFFERED', 'TAKEN', 'DECLINED', 'WITHDRAWN')),
    taker        uuid,
    override_id  uuid,
    revision     bigint      NOT NULL,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, rotation_id, swap_id),
    CHECK (end_time > start_time),
    CHECK ((state = 'TAKEN') = (taker IS NOT NULL))
);

-- The core hours of teams. windows as in working_schedules; none says that none are set.
CREATE TABLE core_hours (
    workspace_id uuid        NOT NULL,
    team_id      uuid        NOT NULL,
    time_zone    text        NOT NULL,
    windows      jsonb       NOT NULL,
    need         integer     NOT NULL,
    revision     bigint      NOT NULL,
    update_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, team_id)
);

ALTER TABLE rotations ENABLE ROW LEVEL SECURITY;
ALTER TABLE rotation_turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE rotation_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE rotation_swaps ENABLE ROW LEVEL SECURITY;
ALTER TABLE core_hours ENABLE ROW LEVEL SECURITY;
CREATE POLICY rotations_workspace ON rotations
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY rotation_turns_workspace ON rotation_turns
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY rotation_overrides_workspace ON rotation_overrides
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY rotation_swaps_workspace ON rotation_swaps
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY core_hours_workspace ON core_hours
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
