-- name: ProjectFor :one
-- The project, and the right that a member has on its space.
SELECT sqlc.embed(p), space_right(p.workspace_id, @member_id, p.space_id)::smallint AS have
FROM projects p
WHERE p.workspace_id = @workspace_id AND p.project_id = @project_id;

-- name: LockProjectFor :one
-- The same, for a change that leaves the workflow as it is.
SELECT sqlc.embed(p), space_right(p.workspace_id, @member_id, p.space_id)::smallint AS have
FROM projects p
WHERE p.workspace_id = @workspace_id AND p.project_id = @project_id
FOR NO KEY UPDATE OF p;

-- name: LockProjectToRearrange :one
-- The same, for a change of the workflow: it waits for all who hold the workflow, and they for it.
SELECT sqlc.embed(p), space_right(p.workspace_id, @member_id, p.space_id)::smallint AS have
FROM projects p
WHERE p.workspace_id = @workspace_id AND p.project_id = @project_id
FOR UPDATE OF p;

-- name: HoldWorkflow :one
-- The workflow of a task's project, kept as it is to the transaction's end. It hinders neither new tasks nor each other.
SELECT p.workflow
FROM projects p
WHERE p.workspace_id = @workspace_id
  AND p.project_id = (SELECT t.project_id FROM tasks t WHERE t.workspace_id = @workspace_id AND t.task_id = @task_id)
FOR KEY SHARE OF p;

-- name: TakeNumber :one
-- Takes the next number of a project for a member who has the right, and locks it. No row: no such project, or not enough
-- right.
UPDATE projects p
SET last_number = p.last_number + 1
WHERE p.workspace_id = @workspace_id AND p.project_id = @project_id
  AND space_right(p.workspace_id, @member_id, p.space_id) >= @need::smallint
RETURNING p.*;

-- name: KeyTaken :one
SELECT EXISTS (SELECT FROM projects WHERE workspace_id = @workspace_id AND key = @key) AS taken;

-- name: InsertProject :exec
INSERT INTO projects (workspace_id, project_id, space_id, key, display_name, description, workflow, version, create_time,
                      update_time)
VALUES (@workspace_id, @project_id, @space_id, @key, @display_name, @description, @workflow, @version, @create_time,
        @update_time);

-- name: UpdateProject :exec
UPDATE projects
SET display_name = @display_name, description = @description, workflow = @workflow, version = @version,
    update_time = @update_time
WHERE workspace_id = @workspace_id AND project_id = @project_id;

-- name: ListProjects :many
-- The projects of the spaces that a member may read, by key. An empty key and a NULL space narrow nothing.
SELECT sqlc.embed(p)
FROM projects p
WHERE p.workspace_id = @workspace_id AND p.key > @after AND (@key::text = '' OR p.key = @key::text)
  AND (sqlc.narg(space_id)::uuid IS NULL OR p.space_id = sqlc.narg(space_id)::uuid)
  AND p.space_id IN (SELECT r FROM readable_spaces(@workspace_id, @member_id) AS r)
ORDER BY p.key
LIMIT @max_rows;

-- name: SpaceRight :one
SELECT space_right(@workspace_id, @member_id, @space_id)::smallint AS have;
