-- For the owner's role: pages over all workspaces, or one. Every kind goes by its primary key.

-- name: SnapshotWorkspaces :many
SELECT * FROM workspaces
WHERE workspace_id > @after_workspace::uuid
  AND (sqlc.narg('only')::uuid IS NULL OR workspace_id = sqlc.narg('only')::uuid)
ORDER BY workspace_id
LIMIT @size::int;

-- name: SnapshotMembers :many
SELECT * FROM members
WHERE (workspace_id, member_id) > (@after_workspace::uuid, @after_id::uuid)
  AND (sqlc.narg('only')::uuid IS NULL OR workspace_id = sqlc.narg('only')::uuid)
ORDER BY workspace_id, member_id
LIMIT @size::int;

-- name: SnapshotTeams :many
SELECT * FROM teams
WHERE (workspace_id, team_id) > (@after_workspace::uuid, @after_id::uuid)
  AND (sqlc.narg('only')::uuid IS NULL OR workspace_id = sqlc.narg('only')::uuid)
ORDER BY workspace_id, team_id
LIMIT @size::int;

-- name: SnapshotTeamMembers :many
SELECT * FROM team_members
WHERE (workspace_id, team_id, member_id) > (@after_workspace::uuid, @after_id::uuid, @after_second::uuid)
  AND (sqlc.narg('only')::uuid IS NULL OR workspace_id = sqlc.narg('only')::uuid)
ORDER BY workspace_id, team_id, member_id
LIMIT @size::int;

-- name: SnapshotSpaces :many
SELECT * FROM spaces
WHERE (workspace_id, space_id) > (@after_workspace::uuid, @after_id::uuid)
  AND (sqlc.narg('only')::uuid IS NULL OR workspace_id = sqlc.narg('only')::uuid)
ORDER BY workspace_id, space_id
LIMIT @size::int;

-- name: SnapshotSpaceAccess :many
SELECT * FROM space_access
WHERE (workspace_id, space_id, principal_id) > (@after_workspace::uuid, @after_id::uuid, @after_second::uuid)
  AND (sqlc.narg('only')::uuid IS NULL OR workspace_id = sqlc.narg('only')::uuid)
ORDER BY workspace_id, space_id, principal_id
LIMIT @size::int;

-- name: ResolveTeamMembers :many
SELECT * FROM team_members WHERE workspace_id = @workspace_id AND member_id = @member_id;

-- name: ResolveTeams :many
SELECT t.* FROM teams t
WHERE t.workspace_id = @workspace_id AND t.team_id IN (
    SELECT tm.team_id FROM team_members tm WHERE tm.workspace_id = @workspace_id AND tm.member_id = @member_id);

-- name: ResolveSpaceAccess :many
SELECT a.* FROM space_access a
WHERE a.workspace_id = @workspace_id AND a.space_id = @space_id AND (a.principal_id = @member_id OR a.principal_id IN (
    SELECT tm.team_id FROM team_members tm WHERE tm.workspace_id = @workspace_id AND tm.member_id = @member_id));
