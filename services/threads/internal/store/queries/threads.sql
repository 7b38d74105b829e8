-- name: ThreadFor :one
-- The thread, and the right that a member has on its space.
SELECT sqlc.embed(t), a.activity_time, space_right(t.workspace_id, @member_id, t.space_id)::smallint AS have
FROM threads t
JOIN thread_activity a ON a.workspace_id = t.workspace_id AND a.thread_id = t.thread_id
WHERE t.workspace_id = @workspace_id AND t.thread_id = @thread_id;

-- name: LockThreadFor :one
-- The same under the lock that puts the thread's events in order.
SELECT sqlc.embed(t), a.activity_time, space_right(t.workspace_id, @member_id, t.space_id)::smallint AS have
FROM threads t
JOIN thread_activity a ON a.workspace_id = t.workspace_id AND a.thread_id = t.thread_id
WHERE t.workspace_id = @workspace_id AND t.thread_id = @thread_id
FOR UPDATE OF t;

-- name: TakeSequence :one
-- Takes the next sequence and version of a thread for a member who has the right, and locks it. No row: no such thread,
-- or not enough right.
UPDATE threads t
SET last_sequence = t.last_sequence + 1, version = t.version + 1
WHERE t.workspace_id = @workspace_id AND t.thread_id = @thread_id
  AND space_right(t.workspace_id, @member_id, t.space_id) >= @need::smallint
RETURNING t.*;

-- name: InsertThread :exec
INSERT INTO threads (workspace_id, thread_id, space_id, title, type, state, creator_id, reopen_on_message,
                     last_sequence, revision, version, create_time, update_time, imported)
VALUES (@workspace_id, @thread_id, @space_id, @title, @type, @state, @creator_id, @reopen_on_message,
        @last_sequence, @revision, @version, @create_time, @update_time, @imported);

-- name: InsertThreadActivity :exec
INSERT INTO thread_activity (workspace_id, thread_id, space_id, activity_time)
VALUES (@workspace_id, @thread_id, @space_id, @activity_time);

-- name: UpdateThread :exec
UPDATE threads
SET title = @title, type = @type, state = @state, outcome = @outcome, resolver_id = @resolver_id,
    resolve_time = @resolve_time, reopen_on_message = @reopen_on_message, last_sequence = @last_sequence,
    revision = @revision, version = @version, update_time = @update_time
WHERE workspace_id = @workspace_id AND thread_id = @thread_id;

-- name: UpdateThreadVersion :exec
UPDATE threads SET version = @version WHERE workspace_id = @workspace_id AND thread_id = @thread_id;

-- name: SpaceRight :one
SELECT space_right(@workspace_id, @member_id, @space_id)::smallint AS have;
