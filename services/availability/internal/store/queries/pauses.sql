-- name: PausesFrom :many
-- When members were deactivated that ends after an instant, in order.
SELECT p.member_id, p.start_time, p.end_time FROM member_pauses p
WHERE p.workspace_id = @workspace_id AND p.member_id = ANY (@member_ids::uuid[])
  AND (p.end_time IS NULL OR p.end_time > @from_time AND p.end_time > p.start_time)
ORDER BY p.member_id, p.start_time;

-- name: Paused :one
SELECT EXISTS (
    SELECT FROM member_pauses p
    WHERE p.workspace_id = @workspace_id AND p.member_id = @member_id AND p.end_time IS NULL
);

-- name: BeginPause :exec
-- One that ended at the very instant goes on.
INSERT INTO member_pauses (workspace_id, member_id, start_time) VALUES (@workspace_id, @member_id, @start_time)
ON CONFLICT (workspace_id, member_id, start_time) DO UPDATE SET end_time = NULL;

-- name: EndPause :exec
UPDATE member_pauses SET end_time = greatest(start_time, @end_time)
WHERE workspace_id = @workspace_id AND member_id = @member_id AND end_time IS NULL;

-- name: LayPauses :exec
-- Begins the pauses of members who were deactivated before that was noted, in all workspaces. Where an event told of something
-- newer than the projection has, it is the event that counts.
INSERT INTO member_pauses (workspace_id, member_id, start_time)
SELECT m.workspace_id, m.member_id, @start_time
FROM members m
WHERE m.state = 3
  AND NOT EXISTS (SELECT FROM member_pauses p WHERE p.workspace_id = m.workspace_id AND p.member_id = m.member_id AND p.end_time IS NULL)
  AND NOT EXISTS (
    SELECT FROM member_zones z
    WHERE z.workspace_id = m.workspace_id AND z.member_id = m.member_id AND z.end_time IS NULL AND z.seen > m.version
  )
ON CONFLICT DO NOTHING;
