-- +goose Up
-- Times to meet that were chosen. One that was taken back has a delete_time, and asks nothing of anybody any more.
CREATE TABLE overlap_choices (
    workspace_id    uuid        NOT NULL,
    choice_id       uuid        NOT NULL,
    start_time      timestamptz NOT NULL,
    end_time        timestamptz NOT NULL,
    outside_minutes integer     NOT NULL,
    chooser_id      uuid        NOT NULL,
    create_time     timestamptz NOT NULL,
    delete_time     timestamptz,
    PRIMARY KEY (workspace_id, choice_id),
    CHECK (end_time > start_time)
);

-- What they ask of each member, in the order of place: minutes outside of their working time.
CREATE TABLE overlap_burdens (
    workspace_id uuid        NOT NULL,
    choice_id    uuid        NOT NULL,
    place        smallint    NOT NULL,
    member_id    uuid        NOT NULL,
    minutes      integer     NOT NULL,
    create_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, choice_id, place)
);
CREATE INDEX overlap_burdens_member ON overlap_burdens (workspace_id, member_id, create_time) INCLUDE (minutes) WHERE minutes > 0;

ALTER TABLE overlap_choices ENABLE ROW LEVEL SECURITY;
ALTER TABLE overlap_burdens ENABLE ROW LEVEL SECURITY;
CREATE POLICY overlap_choices_workspace ON overlap_choices
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY overlap_burdens_workspace ON overlap_burdens
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
