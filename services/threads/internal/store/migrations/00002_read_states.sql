-- +goose Up
-- How far a member has read a thread, and whether they follow or mute it. unfollowed is set when a member stopped
-- following by hand: a mention does not take it up again. imported_before is how many of the messages up to
-- last_read_sequence were imported; these count as read in any case. A post of the member's own changes the row in
-- passing, and told is false until our own event of the post has published that.
CREATE TABLE read_states (
    workspace_id       uuid    NOT NULL,
    member_id          uuid    NOT NULL,
    thread_id          uuid    NOT NULL,
    last_read_sequence bigint  NOT NULL DEFAULT 0,
    imported_before    bigint  NOT NULL DEFAULT 0,
    followed           boolean NOT NULL DEFAULT false,
    unfollowed         boolean NOT NULL DEFAULT false,
    muted              boolean NOT NULL DEFAULT false,
    told               boolean NOT NULL DEFAULT true,
    version            bigint  NOT NULL DEFAULT 0,
    update_time        timestamptz,
    PRIMARY KEY (workspace_id, member_id, thread_id)
) WITH (fillfactor = 80);

ALTER TABLE read_states ENABLE ROW LEVEL SECURITY;
CREATE POLICY read_states_workspace ON read_states
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
