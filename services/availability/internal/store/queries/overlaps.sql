-- name: OverlapChoice :one
SELECT sqlc.embed(c) FROM overlap_choices c
WHERE c.workspace_id = @workspace_id AND c.choice_id = @choice_id AND c.delete_time IS NULL;

-- name: LockOverlapChoice :one
SELECT sqlc.embed(c) FROM overlap_choices c
WHERE c.workspace_id = @workspace_id AND c.choice_id = @choice_id AND c.delete_time IS NULL
FOR UPDATE;

-- name: OverlapBurdens :many
SELECT b.member_id, b.minutes FROM overlap_burdens b
WHERE b.workspace_id = @workspace_id AND b.choice_id = @choice_id
ORDER BY b.place;

-- name: ListOverlapChoices :many
SELECT sqlc.embed(c) FROM overlap_choices c
WHERE c.workspace_id = @workspace_id AND c.choice_id < @before AND c.delete_time IS NULL
ORDER BY c.choice_id DESC
LIMIT @max_rows;

-- name: BorneSince :many
-- The minutes that members have borne in choices since an instant, of those who have any.
SELECT b.member_id, sum(b.minutes)::bigint AS minutes FROM overlap_burdens b
WHERE b.workspace_id = @workspace_id AND b.member_id = ANY (@member_ids::uuid[]) AND b.create_time > @since AND b.minutes > 0
GROUP BY b.member_id;

-- name: InsertOverlapChoice :exec
INSERT INTO overlap_choices (workspace_id, choice_id, start_time, end_time, outside_minutes, chooser_id, create_time)
VALUES (@workspace_id, @choice_id, @start_time, @end_time, @outside_minutes, @chooser_id, @create_time);

-- name: InsertOverlapBurdens :exec
INSERT INTO overlap_burdens (workspace_id, choice_id, place, member_id, minutes, create_time)
SELECT @workspace_id, @choice_id, n.place, n.member_id, n.minutes, @create_time
FROM (SELECT unnest(@member_ids::uuid[]) AS member_id, unnest(@minutes::int[]) AS minutes, generate_subscripts(@member_ids::uuid[], 1) AS place) n;

-- name: EndOverlapChoice :exec
UPDATE overlap_choices SET delete_time = @delete_time WHERE workspace_id = @workspace_id AND choice_id = @choice_id;

-- name: DeleteOverlapBurdens :exec
DELETE FROM overlap_burdens WHERE workspace_id = @workspace_id AND choice_id = @choice_id;
