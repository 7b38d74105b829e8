-- name: InsertSpace :exec
INSERT INTO spaces (workspace_id, space_id, display_name, description, visibility, version, create_time, update_time)
VALUES (@workspace_id, @space_id, @display_name, @description, @visibility, @version, @create_time, @update_time);

-- name: GetSpace :one
SELECT * FROM spaces WHERE workspace_id = @workspace_id AND space_id = @space_id;

-- name: LockSpace :one
SELECT * FROM spaces WHERE workspace_id = @workspace_id AND space_id = @space_id FOR UPDATE;

-- name: UpdateSpace :exec
UPDATE spaces
SET display_name = @display_name, description = @description, visibility = @visibility, version = @version,
    update_time = @update_time
WHERE workspace_id = @workspace_id AND space_id = @space_id;

-- name: SpaceRight :one
SELECT COALESCE(space_right(@workspace_id, @member_id, @space_id), 0)::smallint;

-- name: SpaceAccessByPrincipals :many
SELECT * FROM space_access
WHERE workspace_id = @workspace_id AND space_id = @space_id AND principal_id = ANY(@ids::uuid[]);

-- name: PutSpaceAccess :exec
INSERT INTO space_access (workspace_id, space_id, principal_id, team, access, version)
SELECT @workspace_id, @space_id, unnest(@ids::uuid[]), unnest(@teams::boolean[]), unnest(@access::smallint[]), @version
ON CONFLICT (workspace_id, space_id, principal_id) DO UPDATE
SET access = excluded.access, version = excluded.version;

-- name: ListSpaceAccess :many
-- Members before teams; rights of deleted teams are void.
SELECT a.* FROM space_access a
WHERE a.workspace_id = @workspace_id AND a.space_id = @space_id AND a.access > 0
  AND (a.team, a.principal_id) > (@after_team::boolean, @after_id::uuid)
  AND (NOT a.team OR EXISTS (
      SELECT FROM teams t
      WHERE t.workspace_id = a.workspace_id AND t.team_id = a.principal_id AND t.delete_time IS NULL))
ORDER BY a.team, a.principal_id
LIMIT @size::int;
