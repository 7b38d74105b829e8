-- name: Mentions :many
-- The members and teams of these handles that may read a space: a team may read an OPEN one, or one it was given.
SELECT m.member_id AS id, m.handle, false AS team
FROM members m
WHERE m.workspace_id = @workspace_id AND m.handle <> '' AND m.handle = ANY (@handles::text[])
  AND space_right(m.workspace_id, m.member_id, @space_id) >= 1
UNION ALL
SELECT t.team_id, t.handle, true
FROM teams t
JOIN spaces s ON s.workspace_id = t.workspace_id AND s.space_id = @space_id
LEFT JOIN space_grants g ON g.workspace_id = t.workspace_id AND g.space_id = s.space_id AND g.principal_id = t.team_id
WHERE t.workspace_id = @workspace_id AND NOT t.deleted AND t.handle <> '' AND t.handle = ANY (@handles::text[])
  AND (s.visibility = 1 OR g.access >= 1);
