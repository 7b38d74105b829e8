-- +goose Up
-- The calendars that members import. etag and modified are what the source's server said of what was last read.
-- refused_events is an array of {"line": 7, "uid": "", "property": "DTSTART", "rule": "must ..."}. due_time is when it is
-- fetched or read anew next; none for one that was deleted, which keeps nothing but its row. lease_time is machine time.
CREATE TABLE imported_calendars (
    workspace_id  uuid        NOT NULL,
    member_id     uuid        NOT NULL,
    calendar_id   uuid        NOT NULL,
    display_name  text        NOT NULL,
    source_url    text        NOT NULL,
    keep_titles   boolean     NOT NULL,
    time_zone     text        NOT NULL,
    etag          text        NOT NULL DEFAULT '',
    modified      text        NOT NULL DEFAULT '',
    refused_events jsonb      NOT NULL DEFAULT '[]',
    refused_count integer     NOT NULL DEFAULT 0,
    horizon_time  timestamptz,
    failures      integer     NOT NULL DEFAULT 0,
    last_error    text        NOT NULL DEFAULT '',
    fetch_time    timestamptz,
    asked_time    timestamptz,
    due_time      timestamptz,
    lease_time    timestamptz NOT NULL DEFAULT 'epoch',
    revision      bigint      NOT NULL,
    create_time   timestamptz NOT NULL,
    update_time   timestamptz NOT NULL,
    delete_time   timestamptz,
    PRIMARY KEY (workspace_id, member_id, calendar_id),
    CHECK ((due_time IS NULL) = (delete_time IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX imported_calendars_due ON imported_calendars (due_time) WHERE due_time IS NOT NULL;

-- Of each calendar what decides when it is busy, in iCalendar, to read it anew. It stands apart, as only that needs it.
CREATE TABLE imported_sources (
    workspace_id uuid  NOT NULL,
    member_id    uuid  NOT NULL,
    calendar_id  uuid  NOT NULL,
    source       bytea NOT NULL,
    PRIMARY KEY (workspace_id, member_id, calendar_id)
);

-- When calendars say that their members are busy. What has passed never changes. None is longer than 28 days, so whatever
-- reaches into a range starts at most that long before it.
CREATE TABLE imported_busy_times (
    workspace_id uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    calendar_id  uuid        NOT NULL,
    start_time   timestamptz NOT NULL,
    busy_id      uuid        NOT NULL,
    end_time     timestamptz NOT NULL,
    title        text        NOT NULL,
    PRIMARY KEY (workspace_id, member_id, calendar_id, start_time, busy_id),
    CHECK (end_time > start_time AND end_time <= start_time + interval '672 hours')
);
CREATE INDEX imported_busy_times_start ON imported_busy_times (workspace_id, member_id, start_time);

-- Feeds of a member's or a team's working time. secret_hash is of what its URL carries, which is kept nowhere. One that was
-- deleted keeps its row, without a secret.
CREATE TABLE calendar_feeds (
    workspace_id uuid        NOT NULL,
    feed_id      uuid        NOT NULL,
    member_id    uuid,
    team_id      uuid,
    display_name text        NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('EVENTS', 'FREE_BUSY')),
    creator_id   uuid        NOT NULL,
    secret_hash  bytea,
    create_time  timestamptz NOT NULL,
    delete_time  timestamptz,
    PRIMARY KEY (workspace_id, feed_id),
    CHECK (num_nonnulls(member_id, team_id) = 1),
    CHECK ((secret_hash IS NULL) = (delete_time IS NOT NULL))
);
CREATE INDEX calendar_feeds_member ON calendar_feeds (workspace_id, member_id, feed_id) WHERE delete_time IS NULL;
CREATE INDEX calendar_feeds_team ON calendar_feeds (workspace_id, team_id, feed_id) WHERE delete_time IS NULL;
CREATE UNIQUE INDEX calendar_feeds_secret ON calendar_feeds (secret_hash);

ALTER TABLE imported_calendars ENABLE ROW LEVEL SECURITY;
ALTER TABLE imported_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE imported_busy_times ENABLE ROW LEVEL SECURITY;
ALTER TABLE calendar_feeds ENABLE ROW LEVEL SECURITY;
CREATE POLICY calendar_feeds_workspace ON calendar_feeds
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY imported_calendars_workspace ON imported_calendars
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY imported_sources_workspace ON imported_sources
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY imported_busy_times_workspace ON imported_busy_times
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
