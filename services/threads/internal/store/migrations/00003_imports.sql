-- +goose Up
-- How many of a thread's messages were imported: they count as read. Imports alone change it, under the thread's lock.
ALTER TABLE threads ADD COLUMN imported_count bigint NOT NULL DEFAULT 0;

-- The imported messages of a thread, to count those up to a sequence. A post does not touch it.
CREATE INDEX messages_imported ON messages (workspace_id, thread_id, sequence) WHERE imported;

-- Where each imported message of a space came from and went to. Ids of elsewhere are kept as they are.
CREATE TABLE imported_messages (
    workspace_id       uuid   NOT NULL,
    space_id           uuid   NOT NULL,
    external_id        text   NOT NULL,
    parent_external_id text   NOT NULL,
    thread_id          uuid   NOT NULL,
    sequence           bigint NOT NULL,
    PRIMARY KEY (workspace_id, space_id, external_id)
);

-- Answers that wait for what they answer.
CREATE INDEX imported_messages_parent ON imported_messages (workspace_id, space_id, parent_external_id)
    WHERE parent_external_id <> '';

-- The threads that hold messages of a conversation: one for nearly all, and a row for it however many messages.
CREATE TABLE imported_conversations (
    workspace_id       uuid NOT NULL,
    space_id           uuid NOT NULL,
    thread_external_id text NOT NULL,
    thread_id          uuid NOT NULL,
    PRIMARY KEY (workspace_id, space_id, thread_external_id, thread_id)
);

ALTER TABLE imported_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE imported_conversations ENABLE ROW LEVEL SECURITY;
CREATE POLICY imported_messages_workspace ON imported_messages
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY imported_conversations_workspace ON imported_conversations
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
