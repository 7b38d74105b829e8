-- name: HandoffSources :many
-- The handoffs that are there and that their members may read, by the place of the check.
SELECT c.place::int AS place, sqlc.embed(h), t.key AS task_key, t.title AS task_title,
       coalesce(r.display_name, '')::text AS responder_name,
       EXISTS (SELECT FROM team_members tm
               WHERE tm.workspace_id = h.workspace_id AND tm.team_id = h.team_id AND tm.member_id = c.member_id
                 AND NOT tm.removed) AS of_team
FROM (SELECT unnest(@places::int[]) AS place, unnest(@ids::uuid[]) AS id, unnest(@members::uuid[]) AS member_id) c
JOIN handoffs h ON h.workspace_id = @workspace_id AND h.handoff_id = c.id
JOIN tasks t ON t.workspace_id = h.workspace_id AND t.task_id = h.task_id
LEFT JOIN members r ON r.workspace_id = h.workspace_id AND r.member_id = h.responder_id
WHERE space_right(@workspace_id, c.member_id, h.space_id) >= 1;

-- name: TaskSources :many
-- The tasks, likewise.
SELECT c.place::int AS place, sqlc.embed(t)
FROM (SELECT unnest(@places::int[]) AS place, unnest(@ids::uuid[]) AS id, unnest(@members::uuid[]) AS member_id) c
JOIN tasks t ON t.workspace_id = @workspace_id AND t.task_id = c.id
WHERE space_right(@workspace_id, c.member_id, t.space_id) >= 1;
