-- All of this is the owner's: what is due, over all workspaces.

-- name: ClaimDeliveries :many
-- All but URGENT, which is claimed by itself.
WITH due AS (
    SELECT d.workspace_id, d.notification_id, d.channel FROM deliveries d
    WHERE d.state = 'PENDING' AND d.decide_at IS NULL AND d.decision IN ('NOW', 'DEFERRED') AND d.deliver_time <= @now::timestamptz
      AND d.urgency <> 4
      AND (d.lease_until IS NULL OR d.lease_until <= clock_timestamp())
    ORDER BY d.deliver_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM due
WHERE d.workspace_id = due.workspace_id AND d.notification_id = due.notification_id AND d.channel = due.channel
RETURNING d.workspace_id, d.recipient_id, d.notification_id, d.channel;

-- name: NextDelivery :one
SELECT deliver_time FROM deliveries
WHERE state = 'PENDING' AND decide_at IS NULL AND decision IN ('NOW', 'DEFERRED') AND deliver_time IS NOT NULL
  AND urgency <> 4
ORDER BY deliver_time
LIMIT 1;

-- name: ClaimUrgent :many
WITH due AS (
    SELECT d.workspace_id, d.notification_id, d.channel FROM deliveries d
    WHERE d.state = 'PENDING' AND d.decide_at IS NULL AND d.decision IN ('NOW', 'DEFERRED') AND d.deliver_time <= @now::timestamptz
      AND d.urgency = 4
      AND (d.lease_until IS NULL OR d.lease_until <= clock_timestamp())
    ORDER BY d.deliver_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM due
WHERE d.workspace_id = due.workspace_id AND d.notification_id = due.notification_id AND d.channel = due.channel
RETURNING d.workspace_id, d.recipient_id, d.notification_id, d.channel;

-- name: NextUrgent :one
SELECT deliver_time FROM deliveries
WHERE state = 'PENDING' AND decide_at IS NULL AND decision IN ('NOW', 'DEFERRED') AND deliver_time IS NOT NULL
  AND urgency = 4
ORDER BY deliver_time
LIMIT 1;

-- name: ClaimUndecided :many
WITH due AS (
    SELECT d.workspace_id, d.notification_id, d.channel FROM deliveries d
    WHERE d.state = 'PENDING' AND d.decide_at IS NOT NULL AND d.decide_at <= @now::timestamptz
      AND (d.lease_until IS NULL OR d.lease_until <= clock_timestamp())
    ORDER BY d.decide_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM due
WHERE d.workspace_id = due.workspace_id AND d.notification_id = due.notification_id AND d.channel = due.channel
RETURNING d.workspace_id, d.recipient_id, d.notification_id, d.channel;

-- name: NextUndecided :one
SELECT decide_at FROM deliveries WHERE state = 'PENDING' AND decide_at IS NOT NULL ORDER BY decide_at LIMIT 1;

-- name: ClaimReminders :many
WITH due AS (
    SELECT w.workspace_id, w.source, w.member_id FROM waits w
    WHERE w.waiting AND NOT w.reminded AND w.remind_time <= @now::timestamptz
      AND (w.lease_until IS NULL OR w.lease_until <= clock_timestamp())
    ORDER BY w.remind_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE waits w SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM due
WHERE w.workspace_id = due.workspace_id AND w.source = due.source AND w.member_id = due.member_id
RETURNING w.workspace_id, w.source, w.member_id;

-- name: NextReminder :one
SELECT remind_time FROM waits WHERE waiting AND NOT reminded AND remind_time IS NOT NULL ORDER BY remind_time LIMIT 1;

-- name: ClaimSnoozes :many
WITH due AS (
    SELECT n.workspace_id, n.notification_id FROM notifications n
    WHERE n.snooze_time IS NOT NULL AND n.snooze_time <= @now::timestamptz
      AND (n.lease_until IS NULL OR n.lease_until <= clock_timestamp())
    ORDER BY n.snooze_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE notifications n SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM due
WHERE n.workspace_id = due.workspace_id AND n.notification_id = due.notification_id
RETURNING n.workspace_id, n.notification_id;

-- name: NextSnooze :one
SELECT snooze_time FROM notifications WHERE snooze_time IS NOT NULL ORDER BY snooze_time LIMIT 1;

-- name: ClaimDigests :many
WITH due AS (
    SELECT d.workspace_id, d.digest_id FROM digests d
    WHERE d.state = 'PENDING' AND d.deliver_time <= @now::timestamptz
      AND (d.lease_until IS NULL OR d.lease_until <= clock_timestamp())
    ORDER BY d.deliver_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE digests d SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM due
WHERE d.workspace_id = due.workspace_id AND d.digest_id = due.digest_id
RETURNING d.workspace_id, d.digest_id;

-- name: NextDigest :one
SELECT deliver_time FROM digests WHERE state = 'PENDING' ORDER BY deliver_time LIMIT 1;

-- name: HoldDigest :exec
UPDATE digests SET lease_until = clock_timestamp() + make_interval(secs => @seconds::float8)
WHERE workspace_id = @workspace_id AND digest_id = @digest_id AND state = 'PENDING';

-- name: HoldReminders :exec
UPDATE waits SET lease_until = clock_timestamp() + make_interval(secs => @seconds::float8)
WHERE workspace_id = @workspace_id AND source = @source AND member_id = ANY (@member_ids::uuid[]);

-- name: HoldDigestPlans :exec
UPDATE digest_plans SET lease_until = clock_timestamp() + make_interval(secs => @seconds::float8)
WHERE workspace_id = @workspace_id AND recipient_id = ANY (@recipient_ids::uuid[]);

-- name: ClaimDigestPlans :many
WITH due AS (
    SELECT p.workspace_id, p.recipient_id FROM digest_plans p
    WHERE p.plan_at IS NOT NULL AND p.plan_at <= @now::timestamptz
      AND (p.lease_until IS NULL OR p.lease_until <= clock_timestamp())
    ORDER BY p.plan_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE digest_plans p SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM due
WHERE p.workspace_id = due.workspace_id AND p.recipient_id = due.recipient_id
RETURNING p.workspace_id, p.recipient_id;

-- name: NextDigestPlan :one
SELECT plan_at FROM digest_plans WHERE plan_at IS NOT NULL ORDER BY plan_at LIMIT 1;
