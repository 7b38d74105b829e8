-- name: MoveActivity :exec
-- Moves the activity of threads forward, never back. The rows are locked in the order of their threads.
WITH held AS (
    SELECT a.thread_id, n.activity_time
    FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@activity_times::timestamptz[]) AS activity_time) n
    JOIN thread_activity a ON a.thread_id = n.thread_id
    WHERE a.workspace_id = @workspace_id AND a.activity_time < n.activity_time
    ORDER BY a.thread_id
    FOR UPDATE OF a
)
UPDATE thread_activity t SET activity_time = held.activity_time
FROM held
WHERE t.workspace_id = @workspace_id AND t.thread_id = held.thread_id;
