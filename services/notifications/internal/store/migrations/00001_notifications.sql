-- +goose Up
-- The items of people's inboxes: one for each recipient, source, reason and occasion. message is the name of the message that
-- carries the source, if one does. lease_until is that of the end of a snooze.
CREATE TABLE notifications (
    workspace_id    uuid        NOT NULL,
    notification_id uuid        NOT NULL,
    recipient_id    uuid        NOT NULL,
    source          text        NOT NULL,
    context         text        NOT NULL,
    message         text        NOT NULL DEFAULT '',
    space_id        uuid        NOT NULL,
    reason          text        NOT NULL CHECK (reason IN ('ASKED', 'OFFERED', 'ASSIGNED', 'MENTIONED', 'REMINDED', 'OVERDUE',
                                                           'ANSWERED', 'DECLINED', 'ACCEPTED', 'RETURNED', 'UNANSWERED')),
    occasion        text        NOT NULL DEFAULT '',
    urgency         smallint    NOT NULL CHECK (urgency BETWEEN 1 AND 4),
    title           text        NOT NULL,
    excerpt         text        NOT NULL,
    summary         text        NOT NULL,
    urgent_reason   text        NOT NULL DEFAULT '',
    actor_id        uuid,
    due_time        timestamptz,
    state           text        NOT NULL CHECK (state IN ('UNREAD', 'READ', 'DONE')),
    snooze_time     timestamptz,
    waiting         boolean     NOT NULL,
    settled_reason  text        NOT NULL DEFAULT '',
    time_zone       text        NOT NULL DEFAULT '',
    version         bigint      NOT NULL,
    create_time     timestamptz NOT NULL,
    update_time     timestamptz NOT NULL,
    lease_until     timestamptz,
    PRIMARY KEY (workspace_id, notification_id),
    UNIQUE (workspace_id, recipient_id, source, reason, occasion)
) WITH (fillfactor = 80);

CREATE INDEX notifications_inbox ON notifications (workspace_id, recipient_id, create_time, notification_id);
CREATE INDEX notifications_open ON notifications (workspace_id, recipient_id, create_time, notification_id) WHERE state <> 'DONE';
CREATE INDEX notifications_unread ON notifications (workspace_id, recipient_id, reason) INCLUDE (space_id) WHERE state = 'UNREAD';
CREATE INDEX notifications_waiting ON notifications (workspace_id, recipient_id, create_time, notification_id) WHERE waiting;
CREATE INDEX notifications_snoozed ON notifications (workspace_id, recipient_id) WHERE snooze_time IS NOT NULL;
CREATE INDEX notifications_source ON notifications (workspace_id, source);
CREATE INDEX notifications_message ON notifications (workspace_id, message) WHERE message <> '';
-- What wakes next, over all workspaces.
CREATE INDEX notifications_wake ON notifications (snooze_time) WHERE snooze_time IS NOT NULL;

-- What was decided for each channel and what became of it. decide_at is when it is to be decided (again); retries and leases
-- run in machine time, in lease_until.
CREATE TABLE deliveries (
    workspace_id         uuid        NOT NULL,
    notification_id      uuid        NOT NULL,
    channel              text        NOT NULL CHECK (channel <> ''),
    recipient_id         uuid        NOT NULL,
    decision             text        NOT NULL CHECK (decision IN ('NOW', 'DEFERRED', 'DIGEST', 'SUPPRESSED')),
    explanation          text        NOT NULL,
    state                text        NOT NULL CHECK (state IN ('PENDING', 'SENT', 'CANCELLED', 'FAILED')),
    deliver_time         timestamptz,
    decide_time          timestamptz NOT NULL,
    decide_at            timestamptz,
    send_time            timestamptz,
    working_time_version bigint      NOT NULL,
    attempts             integer     NOT NULL DEFAULT 0,
    last_error           text        NOT NULL DEFAULT '',
    woken                boolean     NOT NULL DEFAULT false,
    digest_id            uuid,
    lease_until          timestamptz,
    PRIMARY KEY (workspace_id, notification_id, channel)
) WITH (fillfactor = 80);

CREATE INDEX deliveries_held ON deliveries (workspace_id, recipient_id) WHERE state = 'PENDING';
-- What is to be sent, and what is to be decided next, over all workspaces.
CREATE INDEX deliveries_due ON deliveries (deliver_time)
    WHERE state = 'PENDING' AND decide_at IS NULL AND decision IN ('NOW', 'DEFERRED');
CREATE INDEX deliveries_undecided ON deliveries (decide_at) WHERE state = 'PENDING' AND decide_at IS NOT NULL;

-- The sentences of every decision, in their order.
CREATE TABLE decisions (
    workspace_id    uuid        NOT NULL,
    notification_id uuid        NOT NULL,
    number          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    channel         text        NOT NULL,
    decide_time     timestamptz NOT NULL,
    sentence        text        NOT NULL,
    PRIMARY KEY (workspace_id, notification_id, number)
);

-- Every attempt to send a notification or a digest, with the decision that allowed it: what an auditor judges by. outcome is
-- BEGUN until it is known.
CREATE TABLE attempts (
    workspace_id         uuid        NOT NULL,
    attempt_id           uuid        NOT NULL,
    notification_id      uuid,
    digest_id            uuid,
    recipient_id         uuid        NOT NULL,
    channel              text        NOT NULL,
    urgency              smallint    NOT NULL,
    decide_time          timestamptz NOT NULL,
    begin_time           timestamptz NOT NULL,
    working              boolean     NOT NULL,
    working_time_version bigint      NOT NULL,
    outcome              text        NOT NULL CHECK (outcome IN ('BEGUN', 'SENT', 'RETRY', 'FAILED', 'SKIPPED')),
    error                text        NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, attempt_id)
);

-- When a thread or task last signalled to a member in-app.
CREATE TABLE signals (
    workspace_id uuid        NOT NULL,
    recipient_id uuid        NOT NULL,
    context      text        NOT NULL,
    signal_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, recipient_id, context)
) WITH (fillfactor = 80);

-- The newest event that was seen of each ask and handoff, and how it stands with each whom it waits for, or waited for.
CREATE TABLE sources (
    workspace_id uuid   NOT NULL,
    source       text   NOT NULL,
    version      bigint NOT NULL,
    PRIMARY KEY (workspace_id, source)
) WITH (fillfactor = 80);

CREATE TABLE waits (
    workspace_id   uuid        NOT NULL,
    source         text        NOT NULL,
    member_id      uuid        NOT NULL,
    waiting        boolean     NOT NULL,
    settled_reason text        NOT NULL,
    due_time       timestamptz,
    remind_time    timestamptz,
    reminded       boolean     NOT NULL DEFAULT false,
    lease_until    timestamptz,
    PRIMARY KEY (workspace_id, source, member_id)
) WITH (fillfactor = 80);
CREATE INDEX waits_remind ON waits (remind_time) WHERE waiting AND NOT reminded;

-- The digests, and for each member when the next is to be planned.
CREATE TABLE digests (
    workspace_id  uuid        NOT NULL,
    digest_id     uuid        NOT NULL,
    recipient_id  uuid        NOT NULL,
    local_date    text        NOT NULL,
    day_start     timestamptz NOT NULL,
    deliver_time  timestamptz NOT NULL,
    send_time     timestamptz,
    state         text        NOT NULL CHECK (state IN ('PENDING', 'SENT', 'EMPTY', 'FAILED')),
    notifications uuid[]      NOT NULL DEFAULT '{}',
    omitted_count integer     NOT NULL DEFAULT 0,
    text          text        NOT NULL DEFAULT '',
    attempts      integer     NOT NULL DEFAULT 0,
    last_error    text        NOT NULL DEFAULT '',
    version       bigint      NOT NULL,
    create_time   timestamptz NOT NULL,
    update_time   timestamptz NOT NULL,
    lease_until   timestamptz,
    PRIMARY KEY (workspace_id, digest_id),
    UNIQUE (workspace_id, recipient_id, local_date)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX digests_pending ON digests (workspace_id, recipient_id) WHERE state = 'PENDING';
CREATE INDEX digests_due ON digests (deliver_time) WHERE state = 'PENDING';

CREATE TABLE digest_plans (
    workspace_id uuid        NOT NULL,
    recipient_id uuid        NOT NULL,
    plan_at      timestamptz,
    lease_until  timestamptz,
    PRIMARY KEY (workspace_id, recipient_id)
) WITH (fillfactor = 80);
CREATE INDEX digest_plans_due ON digest_plans (plan_at) WHERE plan_at IS NOT NULL;

-- How members want to be reached, of those who have said so. channels is an object of arrays: {"NORMAL": ["IN_APP"]}.
CREATE TABLE preferences (
    workspace_id    uuid        NOT NULL,
    member_id       uuid        NOT NULL,
    channels        jsonb       NOT NULL,
    digest_disabled boolean     NOT NULL,
    muted           text[]      NOT NULL,
    collapse        bigint      NOT NULL,
    version         bigint      NOT NULL,
    update_time     timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, member_id)
);

ALTER TABLE notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries    ENABLE ROW LEVEL SECURITY;
ALTER TABLE decisions     ENABLE ROW LEVEL SECURITY;
ALTER TABLE attempts      ENABLE ROW LEVEL SECURITY;
ALTER TABLE signals       ENABLE ROW LEVEL SECURITY;
ALTER TABLE sources       ENABLE ROW LEVEL SECURITY;
ALTER TABLE waits         ENABLE ROW LEVEL SECURITY;
ALTER TABLE digests       ENABLE ROW LEVEL SECURITY;
ALTER TABLE digest_plans  ENABLE ROW LEVEL SECURITY;
ALTER TABLE preferences   ENABLE ROW LEVEL SECURITY;
CREATE POLICY notifications_workspace ON notifications
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY deliveries_workspace ON deliveries
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY decisions_workspace ON decisions
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY attempts_workspace ON attempts
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY signals_workspace ON signals
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY sources_workspace ON sources
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY waits_workspace ON waits
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY digests_workspace ON digests
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY digest_plans_workspace ON digest_plans
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY preferences_workspace ON preferences
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
