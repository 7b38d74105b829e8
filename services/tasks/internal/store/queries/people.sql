-- name: Person :one
SELECT m.display_name, m.state = 2 AS active FROM members m
WHERE m.workspace_id = @workspace_id AND m.member_id = @member_id;

-- name: InTeam :one
SELECT EXISTS (
    SELECT FROM team_members tm
    JOIN teams t ON t.workspace_id = tm.workspace_id AND t.team_id = tm.team_id AND NOT t.deleted
    WHERE tm.workspace_id = @workspace_id AND tm.team_id = @team_id AND tm.member_id = @member_id AND NOT tm.removed) AS found;

-- name: TeamExists :one
SELECT EXISTS (SELECT FROM teams WHERE workspace_id = @workspace_id AND team_id = @team_id AND NOT deleted) AS found;

-- name: Receivers :many
-- Those of a team who may take a baton in a space, all but its giver: active, and with the right to write.
SELECT m.member_id, m.display_name
FROM teams t
JOIN team_members tm ON tm.workspace_id = t.workspace_id AND tm.team_id = t.team_id AND NOT tm.removed
JOIN members m ON m.workspace_id = tm.workspace_id AND m.member_id = tm.member_id AND m.state = 2
WHERE t.workspace_id = @workspace_id AND t.team_id = @team_id AND NOT t.deleted AND m.member_id <> @giver_id
  AND space_right(m.workspace_id, m.member_id, @space_id) >= 2
ORDER BY m.display_name, m.member_id;

-- name: Receiver :many
-- The same for one member: none or one.
SELECT m.member_id, m.display_name
FROM members m
WHERE m.workspace_id = @workspace_id AND m.member_id = @member_id AND m.state = 2
  AND space_right(m.workspace_id, m.member_id, @space_id) >= 2;
