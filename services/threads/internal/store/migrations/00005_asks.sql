-- +goose Up
-- How far a message interrupts: 1 LOW, 2 NORMAL, 3 HIGH, 4 URGENT. ask_count tells readers whether there are asks to look
-- for: nearly always there are none.
ALTER TABLE messages
    ADD COLUMN urgency       smallint NOT NULL DEFAULT 2,
    ADD COLUMN urgent_reason text     NOT NULL DEFAULT '',
    ADD COLUMN ask_count     smallint NOT NULL DEFAULT 0;

-- What messages ask. The lock on its row puts the events of an ask in order. A thread stays in its space, so space_id is
-- kept here too. response_window is written as pkg/window does.
CREATE TABLE asks (
    workspace_id    uuid        NOT NULL,
    ask_id          uuid        NOT NULL,
    thread_id       uuid        NOT NULL,
    sequence        bigint      NOT NULL,
    space_id        uuid        NOT NULL,
    asker_id        uuid        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('REPLY', 'REVIEW', 'APPROVE', 'ACKNOWLEDGE')),
    member_ids      uuid[]      NOT NULL,
    team_id         uuid,
    everyone        boolean     NOT NULL,
    response_window text        NOT NULL,
    urgency         smallint    NOT NULL,
    state           text        NOT NULL CHECK (state IN ('OPEN', 'SETTLED', 'WITHDRAWN')),
    withdraw_reason text        NOT NULL DEFAULT '',
    version         bigint      NOT NULL,
    create_time     timestamptz NOT NULL,
    update_time     timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, ask_id)
) WITH (fillfactor = 80);

CREATE INDEX asks_message ON asks (workspace_id, thread_id, sequence);
CREATE INDEX asks_thread ON asks (workspace_id, thread_id, create_time, ask_id);
CREATE INDEX asks_space ON asks (workspace_id, space_id, create_time, ask_id);
CREATE INDEX asks_open ON asks (workspace_id, space_id, create_time, ask_id) WHERE state = 'OPEN';
CREATE INDEX asks_asker ON asks (workspace_id, asker_id, create_time, ask_id);

-- Those asked, one row a person; create_time is the ask's, place their order. OVERDUE is not a state kept here: it follows
-- from due_time. due_pending says that the due time is to be computed, again or for the first time; due_round counts how
-- often that was asked for, so that an answer that was overtaken is seen to be. due_reason: 0 none, 1 NO_WORKING_TIME,
-- 2 MEMBER_NOT_FOUND. lease_time is machine time: until then a worker has the row in hand.
CREATE TABLE ask_recipients (
    workspace_id       uuid        NOT NULL,
    ask_id             uuid        NOT NULL,
    member_id          uuid        NOT NULL,
    create_time        timestamptz NOT NULL,
    place              smallint    NOT NULL,
    state              text        NOT NULL CHECK (state IN ('OPEN', 'ANSWERED', 'DECLINED', 'REASSIGNED', 'WITHDRAWN')),
    of_team            boolean     NOT NULL,
    start_time         timestamptz NOT NULL,
    due_pending        boolean     NOT NULL,
    due_round          bigint      NOT NULL,
    due_time           timestamptz,
    remind_time        timestamptz,
    due_reason         smallint    NOT NULL,
    overdue_told       boolean     NOT NULL,
    lease_time         timestamptz NOT NULL DEFAULT 'epoch',
    answer_sequence    bigint      NOT NULL,
    comment            text        NOT NULL,
    answered_by_id     uuid,
    reassigned_to_id   uuid,
    reassigned_from_id uuid,
    update_time        timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, ask_id, member_id)
) WITH (fillfactor = 80);

CREATE INDEX ask_recipients_open ON ask_recipients (workspace_id, member_id, create_time, ask_id) WHERE state = 'OPEN';
CREATE INDEX ask_recipients_pending ON ask_recipients (lease_time) WHERE due_pending;
CREATE INDEX ask_recipients_due ON ask_recipients (due_time)
    WHERE state = 'OPEN' AND NOT overdue_told AND NOT due_pending;

ALTER TABLE asks ENABLE ROW LEVEL SECURITY;
ALTER TABLE ask_recipients ENABLE ROW LEVEL SECURITY;
CREATE POLICY asks_workspace ON asks
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY ask_recipients_workspace ON ask_recipients
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
