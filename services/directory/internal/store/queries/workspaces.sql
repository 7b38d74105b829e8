-- name: InsertWorkspace :exec
INSERT INTO workspaces (workspace_id, display_name, time_zone, urgent_role, low_seconds, normal_seconds, high_seconds,
    urgent_seconds, version, create_time, update_time)
VALUES (@workspace_id, @display_name, @time_zone, @urgent_role, @low_seconds, @normal_seconds, @high_seconds,
    @urgent_seconds, @version, @create_time, @update_time);

-- name: GetWorkspace :one
SELECT * FROM workspaces WHERE workspace_id = @workspace_id;

-- name: LockWorkspace :one
SELECT * FROM workspaces WHERE workspace_id = @workspace_id FOR UPDATE;

-- name: UpdateWorkspace :exec
UPDATE workspaces
SET display_name = @display_name, time_zone = @time_zone, urgent_role = @urgent_role, low_seconds = @low_seconds,
    normal_seconds = @normal_seconds, high_seconds = @high_seconds, urgent_seconds = @urgent_seconds,
    version = @version, update_time = @update_time
WHERE workspace_id = @workspace_id;

-- name: ListWorkspaces :many
-- For the owner's role: over all workspaces.
SELECT * FROM workspaces
WHERE (create_time, workspace_id) > (@after_time::timestamptz, @after_id::uuid)
ORDER BY create_time, workspace_id
LIMIT @size::int;
