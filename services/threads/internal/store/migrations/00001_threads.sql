-- +goose Up
-- Threads. A post updates last_sequence and version alone, in place: no index holds either, and fillfactor leaves room.
CREATE TABLE threads (
    workspace_id      uuid        NOT NULL,
    thread_id         uuid        NOT NULL,
    space_id          uuid        NOT NULL,
    title             text        NOT NULL,
    type              text        NOT NULL CHECK (type IN ('DISCUSSION', 'QUESTION', 'ANNOUNCEMENT', 'REVIEW')),
    state             text        NOT NULL CHECK (state IN ('OPEN', 'RESOLVED', 'ARCHIVED')),
    creator_id        uuid        NOT NULL,
    outcome           text        NOT NULL DEFAULT '',
    resolver_id       uuid,
    resolve_time      timestamptz,
    reopen_on_message boolean     NOT NULL,
    last_sequence     bigint      NOT NULL DEFAULT 0,
    revision          bigint      NOT NULL,
    version           bigint      NOT NULL,
    create_time       timestamptz NOT NULL,
    update_time       timestamptz NOT NULL,
    imported          boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (workspace_id, thread_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX threads_create_time ON threads (workspace_id, space_id, create_time, thread_id);

-- When something was last said in a thread. Apart from the thread's row, so that a post touches no index of it: our own
-- events move it.
CREATE TABLE thread_activity (
    workspace_id  uuid        NOT NULL,
    thread_id     uuid        NOT NULL,
    space_id      uuid        NOT NULL,
    activity_time timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, thread_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX thread_activity_time ON thread_activity (workspace_id, space_id, activity_time, thread_id);

-- Messages. No foreign key: who inserts one holds the lock on its thread's row, and threads are never deleted.
CREATE TABLE messages (
    workspace_id       uuid        NOT NULL,
    thread_id          uuid        NOT NULL,
    sequence           bigint      NOT NULL CHECK (sequence > 0),
    message_id         uuid        NOT NULL,
    author_id          uuid        NOT NULL,
    body               text        NOT NULL,
    reply_to           bigint      NOT NULL DEFAULT 0,
    mentioned_members  uuid[]      NOT NULL DEFAULT '{}',
    mentioned_teams    uuid[]      NOT NULL DEFAULT '{}',
    reacted            boolean     NOT NULL DEFAULT false,
    revision           bigint      NOT NULL DEFAULT 1,
    version            bigint      NOT NULL,
    create_time        timestamptz NOT NULL,
    update_time        timestamptz NOT NULL,
    delete_time        timestamptz,
    imported           boolean     NOT NULL DEFAULT false,
    utc_offset_seconds integer,
    external_id        text        NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, thread_id, sequence)
);

-- The bodies that an edit replaced. A deletion deletes them.
CREATE TABLE message_revisions (
    workspace_id uuid        NOT NULL,
    thread_id    uuid        NOT NULL,
    sequence     bigint      NOT NULL,
    revision     bigint      NOT NULL,
    body         text        NOT NULL,
    create_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, thread_id, sequence, revision)
);

-- Reactions; version is the thread's when it was added, and orders them.
CREATE TABLE message_reactions (
    workspace_id uuid   NOT NULL,
    thread_id    uuid   NOT NULL,
    sequence     bigint NOT NULL,
    emoji        text   NOT NULL,
    member_id    uuid   NOT NULL,
    version      bigint NOT NULL,
    PRIMARY KEY (workspace_id, thread_id, sequence, emoji, member_id)
);

-- The reactions to one message as a member sees them: emoji, count, the first ten members, whether the member is one.
-- +goose StatementBegin
CREATE FUNCTION reactions_of(ws uuid, thread uuid, seq bigint, viewer uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(jsonb_build_object('emoji', r.emoji, 'count', r.count, 'members', r.members, 'mine', r.mine)
                         ORDER BY r.first)
        FROM (SELECT x.emoji, count(*) AS count, (array_agg(x.member_id ORDER BY x.version))[1:10] AS members,
                     bool_or(x.member_id = viewer) AS mine, min(x.version) AS first
              FROM message_reactions x
              WHERE x.workspace_id = ws AND x.thread_id = thread AND x.sequence = seq
              GROUP BY x.emoji) r);
END;
$$;
-- +goose StatementEnd

ALTER TABLE threads ENABLE ROW LEVEL SECURITY;
ALTER TABLE thread_activity ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_reactions ENABLE ROW LEVEL SECURITY;
CREATE POLICY threads_workspace ON threads
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY thread_activity_workspace ON thread_activity
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY messages_workspace ON messages
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY message_revisions_workspace ON message_revisions
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY message_reactions_workspace ON message_reactions
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
