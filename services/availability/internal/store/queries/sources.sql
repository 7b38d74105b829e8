-- name: TimeOffSources :many
-- The times off that are there, by the place of the check, for members who may decide on such: with the manager, and whether they
-- may read this one with why themselves, as their own, as that manager or as an administrator. Rows are looked up one by one, as in
-- People.
SELECT c.place::int AS place, sqlc.embed(t), o.manager_id,
       (c.member_id = c.owner_id OR m.role >= 3 OR o.manager_id = c.member_id)::boolean AS reads
FROM (SELECT unnest(@places::int[]) AS place, unnest(@owners::uuid[]) AS owner_id, unnest(@ids::uuid[]) AS id,
             unnest(@members::uuid[]) AS member_id) c
JOIN time_offs t ON t.workspace_id = @workspace_id AND t.member_id = c.owner_id AND t.time_off_id = c.id
CROSS JOIN LATERAL (
    SELECT x.role, x.state FROM members x WHERE x.workspace_id = @workspace_id AND x.member_id = c.member_id LIMIT 1
) m
CROSS JOIN LATERAL (
    SELECT x.manager_id FROM members x WHERE x.workspace_id = @workspace_id AND x.member_id = c.owner_id LIMIT 1
) o
WHERE m.state = 2 AND (c.member_id = c.owner_id OR m.role >= 2);

-- name: SwapSources :many
-- The swaps that are there, of rotations that are, and that members may read, likewise.
SELECT c.place::int AS place, sqlc.embed(s)
FROM (SELECT unnest(@places::int[]) AS place, unnest(@teams::uuid[]) AS team_id, unnest(@rotations::uuid[]) AS rotation_id,
             unnest(@ids::uuid[]) AS id, unnest(@members::uuid[]) AS member_id) c
JOIN rotations r ON r.workspace_id = @workspace_id AND r.team_id = c.team_id AND r.rotation_id = c.rotation_id AND r.delete_time IS NULL
JOIN rotation_swaps s ON s.workspace_id = @workspace_id AND s.rotation_id = c.rotation_id AND s.swap_id = c.id
CROSS JOIN LATERAL (
    SELECT x.role, x.state FROM members x WHERE x.workspace_id = @workspace_id AND x.member_id = c.member_id LIMIT 1
) m
WHERE m.state = 2 AND m.role >= 2;
