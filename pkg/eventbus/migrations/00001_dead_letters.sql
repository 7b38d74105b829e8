-- +goose Up
-- Events that a consumer of this service gave up on, with all that is needed to try them again.
CREATE TABLE dead_letters (
    -- The zero UUID where the message does not say which workspace it is of.
    workspace_id    uuid        NOT NULL,
    id              uuid        NOT NULL,
    consumer        text        NOT NULL,
    stream_sequence bigint      NOT NULL,
    -- As the message says, which for a malformed one may be anything.
    event_id        text        NOT NULL,
    event_type      text        NOT NULL,
    subject         text        NOT NULL,
    headers         jsonb       NOT NULL,
    payload         bytea       NOT NULL,
    reason          text        NOT NULL,
    detail          text        NOT NULL,
    deliveries      bigint      NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

-- One row for a message however often writing it is tried.
CREATE UNIQUE INDEX dead_letters_message ON dead_letters (consumer, stream_sequence, event_id);
CREATE INDEX dead_letters_id ON dead_letters (id);

ALTER TABLE dead_letters ENABLE ROW LEVEL SECURITY;
CREATE POLICY dead_letters_workspace ON dead_letters
    USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));

-- +goose Down
DROP TABLE dead_letters;
