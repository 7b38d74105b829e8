-- +goose Up
-- How often an event that is still tried has failed by its own fault. The broker counts deliveries, which are more: an
-- event also comes again when a replica stopped or died.
CREATE TABLE event_faults (
    workspace_id    uuid   NOT NULL,
    consumer        text   NOT NULL,
    stream_sequence bigint NOT NULL,
    event_id        text   NOT NULL,
    faults          int    NOT NULL,
    PRIMARY KEY (workspace_id, consumer, stream_sequence, event_id)
);

ALTER TABLE event_faults ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_faults_workspace ON event_faults
    USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));

-- +goose Down
DROP TABLE event_faults;
