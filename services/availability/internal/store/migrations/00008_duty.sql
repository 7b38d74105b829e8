-- +goose Up
-- The teams whose coverage is looked at ahead: those with core hours or a rotation. version puts a team's gaps in order. wakes
-- counts how often it was said that the coverage may be another: who looks clears only what they saw. due_time is when it is
-- to be looked at next, NULL where there is nothing to look at.
CREATE TABLE coverage_watches (
    workspace_id uuid   NOT NULL,
    team_id      uuid   NOT NULL,
    version      bigint NOT NULL DEFAULT 0,
    wakes        bigint NOT NULL DEFAULT 0,
    due_time     timestamptz,
    due_lease    timestamptz,
    PRIMARY KEY (workspace_id, team_id)
) WITH (fillfactor = 80);
CREATE INDEX coverage_watches_due ON coverage_watches (due_time) WHERE due_time IS NOT NULL;

-- The gaps that were told of and are still there, in the rotation or, where that is the nil UUID, the core hours. One without
-- an end goes on for longer than was looked.
CREATE TABLE coverage_gaps (
    workspace_id uuid        NOT NULL,
    team_id      uuid        NOT NULL,
    rotation_id  uuid        NOT NULL,
    start_time   timestamptz NOT NULL,
    end_time     timestamptz,
    PRIMARY KEY (workspace_id, team_id, rotation_id, start_time)
);

-- What the version before this one writes meanwhile (a team's first core hours, a member who leaves) is noted when the next
-- replica of this one starts.
INSERT INTO coverage_watches (workspace_id, team_id, due_time)
SELECT workspace_id, team_id, 'epoch'::timestamptz FROM core_hours WHERE windows <> '[]'
UNION
SELECT workspace_id, team_id, 'epoch'::timestamptz FROM rotations WHERE delete_time IS NULL;

-- The times in which members were DEACTIVATED, from when this service heard of it. Of those who had left before it is when this
-- was made.
CREATE TABLE member_departures (
    workspace_id uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    departure_id uuid        NOT NULL,
    start_time   timestamptz NOT NULL,
    end_time     timestamptz,
    PRIMARY KEY (workspace_id, member_id, departure_id),
    CHECK (end_time >= start_time)
);
CREATE UNIQUE INDEX member_departures_last ON member_departures (workspace_id, member_id) WHERE end_time IS NULL;
INSERT INTO member_departures (workspace_id, member_id, departure_id, start_time)
SELECT workspace_id, member_id, gen_random_uuid(), now() FROM members WHERE state = 3;

ALTER TABLE coverage_watches ENABLE ROW LEVEL SECURITY;
ALTER TABLE coverage_gaps ENABLE ROW LEVEL SECURITY;
ALTER TABLE member_departures ENABLE ROW LEVEL SECURITY;
CREATE POLICY coverage_watches_workspace ON coverage_watches
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY coverage_gaps_workspace ON coverage_gaps
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY member_departures_workspace ON member_departures
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
