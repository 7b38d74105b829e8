-- +goose Up
-- The files of time zones (RFC 8536) in versions of the time-zone database: of the one that working time was last reckoned
-- with, the greatest, and of those before it that zone_updates still ask for. They are the same in every workspace.
CREATE TABLE zone_rules (
    version   text COLLATE "C" NOT NULL,
    time_zone text             NOT NULL,
    file      bytea            NOT NULL,
    PRIMARY KEY (version, time_zone)
);
ALTER TABLE zone_rules ENABLE ROW LEVEL SECURITY; -- without a policy: for the schema's owner alone

-- The members whose working time may be another by a version than by the one before it, and who are not told yet.
CREATE TABLE zone_updates (
    workspace_id uuid             NOT NULL,
    member_id    uuid             NOT NULL,
    version      text COLLATE "C" NOT NULL,
    due_time     timestamptz      NOT NULL,
    lease_time   timestamptz      NOT NULL DEFAULT 'epoch',
    PRIMARY KEY (workspace_id, member_id)
);
CREATE INDEX zone_updates_due ON zone_updates (due_time);

-- The core hours that teams have had, each in force from start_time until the next revision; the last is that of core_hours.
-- Before the first of them a team had none, but where it had been changed before these were kept.
CREATE TABLE core_hours_versions (
    workspace_id uuid        NOT NULL,
    team_id      uuid        NOT NULL,
    revision     bigint      NOT NULL,
    time_zone    text        NOT NULL,
    windows      jsonb       NOT NULL,
    need         integer     NOT NULL,
    start_time   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, team_id, revision)
);
INSERT INTO core_hours_versions (workspace_id, team_id, revision, time_zone, windows, need, start_time)
SELECT workspace_id, team_id, revision, time_zone, windows, need, CASE WHEN revision > 1 THEN '0001-01-01Z' ELSE update_time END
FROM core_hours;

ALTER TABLE zone_updates ENABLE ROW LEVEL SECURITY;
ALTER TABLE core_hours_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY zone_updates_workspace ON zone_updates
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY core_hours_versions_workspace ON core_hours_versions
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
