-- name: InsertTeam :exec
INSERT INTO teams (workspace_id, team_id, handle, display_name, description, version, create_time, update_time)
VALUES (@workspace_id, @team_id, @handle, @display_name, @description, @version, @create_time, @update_time);

-- name: GetTeam :one
SELECT * FROM teams WHERE workspace_id = @workspace_id AND team_id = @team_id;

-- name: LockTeam :one
SELECT * FROM teams WHERE workspace_id = @workspace_id AND team_id = @team_id AND delete_time IS NULL FOR UPDATE;

-- name: UpdateTeam :exec
UPDATE teams
SET handle = @handle, display_name = @display_name, description = @description, version = @version,
    update_time = @update_time, delete_time = @delete_time
WHERE workspace_id = @workspace_id AND team_id = @team_id;

-- name: TeamsByIDs :many
SELECT * FROM teams WHERE workspace_id = @workspace_id AND team_id = ANY(@ids::uuid[]) AND delete_time IS NULL;

-- name: TeamMembersByIDs :many
SELECT * FROM team_members
WHERE workspace_id = @workspace_id AND team_id = @team_id AND member_id = ANY(@ids::uuid[]);

-- name: PutTeamMembers :exec
INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version)
SELECT @workspace_id, @team_id, unnest(@ids::uuid[]), unnest(@leads::boolean[]), unnest(@removed::boolean[]), @version
ON CONFLICT (workspace_id, team_id, member_id) DO UPDATE
SET lead = excluded.lead, removed = excluded.removed, version = excluded.version;

-- name: ListTeamMembers :many
SELECT * FROM team_members
WHERE workspace_id = @workspace_id AND team_id = @team_id AND member_id > @after_id AND NOT removed
ORDER BY member_id
LIMIT @size::int;
