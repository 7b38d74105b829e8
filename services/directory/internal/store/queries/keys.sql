-- All of this is the owner's.

-- name: ListKeys :many
SELECT * FROM signing_keys ORDER BY signs_from, key_id;

-- name: InsertKey :exec
INSERT INTO signing_keys (key_id, seed, signs_from, create_time) VALUES (@key_id, @seed, @signs_from, @create_time);

-- name: DeleteKeys :exec
DELETE FROM signing_keys WHERE key_id = ANY(@ids::text[]);

-- name: MakeRotation :exec
INSERT INTO key_rotation (due_time) VALUES (@due_time) ON CONFLICT DO NOTHING;

-- name: LockRotation :one
SELECT * FROM key_rotation FOR UPDATE;

-- name: ClaimRotation :execrows
UPDATE key_rotation SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
WHERE due_time <= @now::timestamptz AND (lease_until IS NULL OR lease_until <= clock_timestamp());

-- name: PlanRotation :exec
UPDATE key_rotation SET due_time = @due_time, lease_until = NULL;

-- name: GetRotation :one
SELECT * FROM key_rotation;
