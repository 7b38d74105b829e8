-- name: TaskFor :one
-- The task, its offer that is open at an instant, and the right that a member has on its space.
SELECT sqlc.embed(t), h.handoff_id AS open_id, space_right(t.workspace_id, @member_id, t.space_id)::smallint AS have
FROM tasks t
LEFT JOIN handoffs h ON h.workspace_id = t.workspace_id AND h.task_id = t.task_id AND h.state = 'OFFERED'
    AND (h.expire_time IS NULL OR h.expire_time > @now::timestamptz)
WHERE t.workspace_id = @workspace_id AND t.task_id = @task_id;

-- name: LockTaskFor :one
-- The task under the lock that puts its events in order and guards its legs and offers.
SELECT sqlc.embed(t), space_right(t.workspace_id, @member_id, t.space_id)::smallint AS have
FROM tasks t
WHERE t.workspace_id = @workspace_id AND t.task_id = @task_id
FOR UPDATE OF t;

-- name: LockTaskOfHandoff :one
-- The same for the task of a handoff, which never changes.
SELECT sqlc.embed(t), space_right(t.workspace_id, @member_id, t.space_id)::smallint AS have
FROM tasks t
WHERE t.workspace_id = @workspace_id
  AND t.task_id = (SELECT h.task_id FROM handoffs h WHERE h.workspace_id = @workspace_id AND h.handoff_id = @handoff_id)
FOR UPDATE OF t;

-- name: LockTasksIn :many
-- The tasks of a locked project that are in one of the states. Always in this order, so that two do not wait for each other.
-- The limit stands outside, or else the planner would find the project's first tasks by walking over all of the workspace;
-- what is beyond it is not locked.
WITH locked AS MATERIALIZED (
    SELECT t.*
    FROM tasks t
    WHERE t.workspace_id = @workspace_id AND t.project_id = @project_id AND t.state = ANY (@states::text[])
    ORDER BY t.task_id
    FOR UPDATE OF t
)
SELECT * FROM locked LIMIT @max_rows;

-- name: OpenLegs :many
SELECT * FROM legs l
WHERE l.workspace_id = @workspace_id AND l.task_id = ANY (@tasks::uuid[]) AND l.end_time IS NULL;

-- name: OpenOffers :many
-- The offers that no row says have ended, with what is called of their tasks.
SELECT sqlc.embed(h), t.key AS task_key, t.title AS task_title
FROM handoffs h
JOIN tasks t ON t.workspace_id = h.workspace_id AND t.task_id = h.task_id
WHERE h.workspace_id = @workspace_id AND h.task_id = ANY (@tasks::uuid[]) AND h.state = 'OFFERED';

-- name: InsertTask :exec
INSERT INTO tasks (workspace_id, task_id, project_id, space_id, number, key, title, description, state, category, holder_id,
                   team_id, reporter_id, start_date, due_date, due_time, due_order, priority, labels, last_leg,
                   last_change, revision, version, create_time, update_time, complete_time, change_time)
VALUES (@workspace_id, @task_id, @project_id, @space_id, @number, @key, @title, @description, @state, @category, @holder_id,
        @team_id, @reporter_id, @start_date, @due_date, @due_time, @due_order, @priority, @labels, @last_leg,
        @last_change, @revision, @version, @create_time, @update_time, @complete_time, @change_time);

-- name: UpdateTask :exec
UPDATE tasks
SET title = @title, description = @description, state = @state, category = @category, holder_id = @holder_id,
    team_id = @team_id, start_date = @start_date, due_date = @due_date, due_time = @due_time, due_order = @due_order,
    priority = @priority, labels = @labels, last_handoff_id = @last_handoff_id, last_leg = @last_leg,
    last_change = @last_change, revision = @revision, version = @version, update_time = @update_time,
    complete_time = @complete_time, change_time = @change_time
WHERE workspace_id = @workspace_id AND task_id = @task_id;

-- name: UpdateTaskVersion :exec
-- What a change of an offer alone brings to its task, in place: no index holds any of it.
UPDATE tasks
SET last_handoff_id = @last_handoff_id, last_change = @last_change, version = @version, change_time = @change_time
WHERE workspace_id = @workspace_id AND task_id = @task_id;

-- name: PutLeg :exec
INSERT INTO legs (workspace_id, task_id, number, holder_id, handoff_id, start_time, end_time, end_reason)
VALUES (@workspace_id, @task_id, @number, @holder_id, @handoff_id, @start_time, @end_time, @end_reason)
ON CONFLICT (workspace_id, task_id, number) DO UPDATE SET end_time = excluded.end_time, end_reason = excluded.end_reason;

-- name: InsertChanges :exec
INSERT INTO task_changes (workspace_id, task_id, number, actor_id, field, was, became, create_time)
SELECT @workspace_id, @task_id, c.number, nullif(c.actor, '00000000-0000-0000-0000-000000000000'), c.field, c.was, c.became,
       @create_time
FROM (SELECT unnest(@numbers::bigint[]) AS number, unnest(@actors::uuid[]) AS actor, unnest(@fields::text[]) AS field,
             unnest(@was::text[]) AS was, unnest(@became::text[]) AS became) c;

-- name: ListLegs :many
SELECT * FROM legs l
WHERE l.workspace_id = @workspace_id AND l.task_id = @task_id AND l.number > @after
ORDER BY l.number
LIMIT @max_rows;

-- name: ListChanges :many
-- A task's history before a number, the newest first. The texts of those beyond so many bytes are left out, but the first is
-- always whole.
SELECT m.number, m.actor_id, m.field, (m.before < @max_bytes::bigint)::boolean AS whole,
       (CASE WHEN m.before < @max_bytes::bigint THEN m.was ELSE '' END)::text AS was,
       (CASE WHEN m.before < @max_bytes::bigint THEN m.became ELSE '' END)::text AS became, m.create_time
FROM (SELECT c.*, (sum(octet_length(c.was) + octet_length(c.became)) OVER (ORDER BY c.number DESC ROWS UNBOUNDED PRECEDING)
                  - octet_length(c.was) - octet_length(c.became))::bigint AS before
      FROM (SELECT x.* FROM task_changes x
            WHERE x.workspace_id = @workspace_id AND x.task_id = @task_id AND x.number < @below
            ORDER BY x.number DESC
            LIMIT @max_rows) c) m
ORDER BY m.number DESC;

-- name: ChangesSince :many
-- The newest entries of a task's history since an instant, without what texts said: who reads them wants to know that they
-- changed.
SELECT c.number, c.field, left(c.was, 400)::text AS was, left(c.became, 400)::text AS became, c.create_time
FROM task_changes c
WHERE c.workspace_id = @workspace_id AND c.task_id = @task_id AND c.create_time >= @since
ORDER BY c.number DESC
LIMIT @max_rows;

-- name: StoryOf :one
-- The task with its project's workflow, when its open leg began, what its holder is called, and the note it began with.
SELECT sqlc.embed(t), p.workflow, coalesce(l.start_time, t.create_time)::timestamptz AS since,
       coalesce(m.display_name, '')::text AS holder_name, coalesce(h.done, '')::text AS done,
       coalesce(h.next_steps, '')::text AS next_steps,
       space_right(t.workspace_id, @member_id, t.space_id)::smallint AS have
FROM tasks t
JOIN projects p ON p.workspace_id = t.workspace_id AND p.project_id = t.project_id
LEFT JOIN legs l ON l.workspace_id = t.workspace_id AND l.task_id = t.task_id AND l.end_time IS NULL
LEFT JOIN members m ON m.workspace_id = t.workspace_id AND m.member_id = t.holder_id
LEFT JOIN handoffs h ON h.workspace_id = t.workspace_id AND h.handoff_id = l.handoff_id
WHERE t.workspace_id = @workspace_id AND t.task_id = @task_id;
