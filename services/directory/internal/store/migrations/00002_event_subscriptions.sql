-- +goose Up
CREATE TABLE event_subscriptions (
    workspace_id    uuid        NOT NULL,
    subscription_id uuid        NOT NULL,
    creator_id      uuid        NOT NULL,
    display_name    text        NOT NULL,
    -- Subjects after `evt.<workspace>.`.
    filters         text[]      NOT NULL,
    start_time      timestamptz,
    start_sequence  bigint      NOT NULL,
    -- The only subjects that its clients may listen on. The callout puts it into what they may do, so it is kept as it is.
    inbox_prefix    text        NOT NULL,
    version         bigint      NOT NULL,
    create_time     timestamptz NOT NULL,
    -- A deleted one stays, so that its event can be worked off and its name is never another's.
    delete_time     timestamptz,
    PRIMARY KEY (workspace_id, subscription_id)
);
-- The broker knows a subscription by its id alone.
CREATE UNIQUE INDEX event_subscriptions_id ON event_subscriptions (subscription_id);

ALTER TABLE event_subscriptions ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_subscriptions_workspace ON event_subscriptions USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));

-- +goose Down
DROP TABLE event_subscriptions;
