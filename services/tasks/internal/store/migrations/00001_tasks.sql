-- +goose Up
-- Projects. A new task updates last_number alone, in place: no index holds it, and fillfactor leaves room. The row's lock is
-- what numbers tasks without a gap, and what keeps a workflow as it is while a task goes to another state.
CREATE TABLE projects (
    workspace_id uuid        NOT NULL,
    project_id   uuid        NOT NULL,
    space_id     uuid        NOT NULL,
    key          text        NOT NULL,
    display_name text        NOT NULL,
    description  text        NOT NULL,
    workflow     jsonb       NOT NULL,
    last_number  bigint      NOT NULL DEFAULT 0,
    version      bigint      NOT NULL,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, project_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX projects_key ON projects (workspace_id, key);
CREATE INDEX projects_space ON projects (workspace_id, space_id, key);

-- Tasks. space_id is the project's, which never changes. due_order is what a list by due_time goes by: due_time, else the
-- end of due_date in UTC, else a day that never comes. priority is 1 LOW, 2 MEDIUM, 3 HIGH, 4 CRITICAL. change_time is the
-- instant of the newest event.
CREATE TABLE tasks (
    workspace_id    uuid        NOT NULL,
    task_id         uuid        NOT NULL,
    project_id      uuid        NOT NULL,
    space_id        uuid        NOT NULL,
    number          bigint      NOT NULL CHECK (number > 0),
    key             text        NOT NULL,
    title           text        NOT NULL,
    description     text        NOT NULL,
    state           text        NOT NULL,
    category        text        NOT NULL CHECK (category IN ('BACKLOG', 'READY', 'ACTIVE', 'IN_REVIEW', 'DONE', 'CANCELLED')),
    holder_id       uuid,
    team_id         uuid        CHECK (team_id IS NULL OR holder_id IS NULL),
    reporter_id     uuid        NOT NULL,
    start_date      date,
    due_date        date        CHECK (due_date IS NULL OR due_time IS NULL),
    due_time        timestamptz,
    due_order       timestamptz NOT NULL,
    priority        smallint    NOT NULL,
    labels          text[]      NOT NULL,
    last_handoff_id uuid,
    last_leg        bigint      NOT NULL,
    last_change     bigint      NOT NULL,
    revision        bigint      NOT NULL,
    version         bigint      NOT NULL,
    create_time     timestamptz NOT NULL,
    update_time     timestamptz NOT NULL,
    complete_time   timestamptz,
    change_time     timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, task_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX tasks_number ON tasks (workspace_id, project_id, number);
-- A list walks one of these from its cursor on: a person's, a team's, or those of each readable project.
CREATE INDEX tasks_create_time ON tasks (workspace_id, project_id, create_time, task_id);
CREATE INDEX tasks_update_time ON tasks (workspace_id, project_id, update_time, task_id);
CREATE INDEX tasks_priority ON tasks (workspace_id, project_id, priority, task_id);
CREATE INDEX tasks_due ON tasks (workspace_id, project_id, due_order, task_id);
CREATE INDEX tasks_holder ON tasks (workspace_id, holder_id, create_time, task_id) WHERE holder_id IS NOT NULL;
CREATE INDEX tasks_team ON tasks (workspace_id, team_id, create_time, task_id) WHERE team_id IS NOT NULL;
CREATE INDEX tasks_reporter ON tasks (workspace_id, reporter_id, create_time, task_id);

-- A task's history, numbered per task.
CREATE TABLE task_changes (
    workspace_id uuid        NOT NULL,
    task_id      uuid        NOT NULL,
    number       bigint      NOT NULL CHECK (number > 0),
    actor_id     uuid,
    field        text        NOT NULL,
    was          text        NOT NULL,
    became       text        NOT NULL,
    create_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, task_id, number)
);

-- The legs of a task's relay, numbered per task. At most one goes on.
CREATE TABLE legs (
    workspace_id uuid        NOT NULL,
    task_id      uuid        NOT NULL,
    number       bigint      NOT NULL CHECK (number > 0),
    holder_id    uuid        NOT NULL,
    handoff_id   uuid,
    start_time   timestamptz NOT NULL,
    end_time     timestamptz CHECK (end_time >= start_time),
    end_reason   text        NOT NULL CHECK ((end_time IS NULL) = (end_reason = '')),
    PRIMARY KEY (workspace_id, task_id, number)
);
CREATE UNIQUE INDEX legs_open ON legs (workspace_id, task_id) WHERE end_time IS NULL;

-- Offers. An OFFERED one whose expire_time has passed is EXPIRED for whoever reads it. The columns from route_since on are
-- the work: since when the routing must look at it, how often that was said, how often availability could not be asked,
-- and the leases, in machine time, of the two workers.
CREATE TABLE handoffs (
    workspace_id uuid        NOT NULL,
    handoff_id   uuid        NOT NULL,
    task_id      uuid        NOT NULL,
    space_id     uuid        NOT NULL,
    giver_id     uuid        NOT NULL,
    leg_number   bigint      NOT NULL,
    route        text        NOT NULL CHECK (route IN ('MEMBER', 'TEAM', 'AUTO')),
    recipient_id uuid,
    team_id      uuid,
    done         text        NOT NULL,
    next_steps   text        NOT NULL,
    blockers     text        NOT NULL,
    links        text[]      NOT NULL,
    questions    text[]      NOT NULL,
    response     text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('OFFERED', 'ACCEPTED', 'DECLINED', 'WITHDRAWN', 'EXPIRED')),
    start_time   timestamptz NOT NULL,
    expire_time  timestamptz,
    remind_time  timestamptz,
    responder_id uuid,
    reason       text        NOT NULL,
    previous_id  uuid,
    next_id      uuid,
    returned     boolean     NOT NULL,
    decliners    uuid[]      NOT NULL,
    tried        uuid[]      NOT NULL,
    version      bigint      NOT NULL,
    create_time  timestamptz NOT NULL,
    end_time     timestamptz CHECK ((end_time IS NULL) = (state = 'OFFERED')),
    route_since  timestamptz,
    route_marks  bigint      NOT NULL DEFAULT 0,
    route_tries  integer     NOT NULL DEFAULT 0,
    route_lease  timestamptz,
    expire_lease timestamptz,
    PRIMARY KEY (workspace_id, handoff_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX handoffs_open ON handoffs (workspace_id, task_id) WHERE state = 'OFFERED';
CREATE INDEX handoffs_task ON handoffs (workspace_id, task_id, create_time, handoff_id);
CREATE INDEX handoffs_space ON handoffs (workspace_id, space_id, create_time, handoff_id);
CREATE INDEX handoffs_giver ON handoffs (workspace_id, giver_id, create_time, handoff_id);
CREATE INDEX handoffs_recipient ON handoffs (workspace_id, recipient_id, create_time, handoff_id) WHERE recipient_id IS NOT NULL;
CREATE INDEX handoffs_team ON handoffs (workspace_id, team_id, create_time, handoff_id) WHERE team_id IS NOT NULL;
-- The workers of all workspaces.
CREATE INDEX handoffs_routing ON handoffs (route_since) WHERE route_since IS NOT NULL;
CREATE INDEX handoffs_expiry ON handoffs (expire_time) WHERE state = 'OFFERED' AND expire_time IS NOT NULL;

ALTER TABLE projects     ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks        ENABLE ROW LEVEL SECURITY;
ALTER TABLE task_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE legs         ENABLE ROW LEVEL SECURITY;
ALTER TABLE handoffs     ENABLE ROW LEVEL SECURITY;
CREATE POLICY projects_workspace ON projects
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY tasks_workspace ON tasks
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY task_changes_workspace ON task_changes
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY legs_workspace ON legs
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY handoffs_workspace ON handoffs
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
