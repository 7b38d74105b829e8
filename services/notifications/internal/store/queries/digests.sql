-- name: DigestFor :one
SELECT d.* FROM digests d
WHERE d.workspace_id = @workspace_id AND d.digest_id = @digest_id AND d.recipient_id = @recipient_id;

-- name: ListDigests :many
-- A member's digests before one, the newest first.
SELECT d.* FROM digests d
WHERE d.workspace_id = @workspace_id AND d.recipient_id = @recipient_id AND d.local_date < @before::text
ORDER BY d.local_date DESC
LIMIT @max_rows;

-- name: Digest :one
SELECT d.* FROM digests d WHERE d.workspace_id = @workspace_id AND d.digest_id = @digest_id;

-- name: LockDigest :one
SELECT d.* FROM digests d WHERE d.workspace_id = @workspace_id AND d.digest_id = @digest_id FOR UPDATE;

-- name: LockPendingDigest :one
-- leaving says that it is on its way.
SELECT sqlc.embed(d), (d.fill_time IS NOT NULL AND d.lease_until IS NOT NULL AND d.lease_until > clock_timestamp())::boolean AS leaving
FROM digests d
WHERE d.workspace_id = @workspace_id AND d.recipient_id = @recipient_id AND d.state = 'PENDING'
FOR UPDATE;

-- name: LastDigest :one
-- Up to when a member's newest digest told what had happened.
SELECT coalesce(d.fill_time, d.send_time)::timestamptz AS told_until FROM digests d
WHERE d.workspace_id = @workspace_id AND d.recipient_id = @recipient_id AND d.state = 'SENT'
ORDER BY d.local_date DESC
LIMIT 1;

-- name: DigestOfDate :one
-- Whether a member's digest of a date is over.
SELECT EXISTS (SELECT FROM digests d
               WHERE d.workspace_id = @workspace_id AND d.recipient_id = @recipient_id AND d.local_date = @local_date
                 AND d.state <> 'PENDING') AS taken;

-- name: PutDigest :exec
INSERT INTO digests (workspace_id, digest_id, recipient_id, local_date, day_start, deliver_time, send_time, fill_time, state,
                     notifications, omitted_count, text, attempts, last_error, version, create_time, update_time)
VALUES (@workspace_id, @digest_id, @recipient_id, @local_date, @day_start, @deliver_time, sqlc.narg('send_time'), sqlc.narg('fill_time'), @state,
        @notifications, @omitted_count, @text, @attempts, @last_error, @version, @create_time, @update_time)
ON CONFLICT (workspace_id, digest_id) DO UPDATE
SET local_date = excluded.local_date, day_start = excluded.day_start, deliver_time = excluded.deliver_time,
    send_time = excluded.send_time, fill_time = excluded.fill_time, state = excluded.state, notifications = excluded.notifications,
    omitted_count = excluded.omitted_count, text = excluded.text, attempts = excluded.attempts,
    last_error = excluded.last_error, version = excluded.version, update_time = excluded.update_time, lease_until = NULL;

-- name: DeletePendingDigest :exec
DELETE FROM digests WHERE workspace_id = @workspace_id AND recipient_id = @recipient_id AND state = 'PENDING';

-- name: DigestItems :many
-- What is to come with a member's next digest: what waits first, then the oldest.
SELECT n.notification_id
FROM deliveries d
JOIN notifications n ON n.workspace_id = d.workspace_id AND n.notification_id = d.notification_id
WHERE d.workspace_id = @workspace_id AND d.recipient_id = @recipient_id AND d.state = 'PENDING' AND d.channel = 'EMAIL'
  AND (d.decision = 'DIGEST' OR d.decision = 'DEFERRED' AND d.decide_at IS NOT NULL)
ORDER BY n.waiting DESC, n.create_time, n.notification_id
LIMIT @max_rows;

-- name: PlanDigests :exec
-- Has the next digests of members planned.
INSERT INTO digest_plans (workspace_id, recipient_id, plan_at)
SELECT @workspace_id, n.recipient_id, @plan_at::timestamptz FROM (SELECT unnest(@recipient_ids::uuid[]) AS recipient_id) n
ORDER BY n.recipient_id
ON CONFLICT (workspace_id, recipient_id) DO UPDATE SET plan_at = excluded.plan_at, lease_until = NULL;

-- name: LayDigestPlans :exec
-- Has the digests of members planned for whom that was never done.
INSERT INTO digest_plans (workspace_id, recipient_id, plan_at)
SELECT @workspace_id, n.recipient_id, @plan_at::timestamptz FROM (SELECT unnest(@recipient_ids::uuid[]) AS recipient_id) n
ORDER BY n.recipient_id
ON CONFLICT DO NOTHING;

-- name: PlanAllDigests :exec
UPDATE digest_plans SET plan_at = @plan_at::timestamptz, lease_until = NULL WHERE workspace_id = @workspace_id;

-- name: LockDigestPlan :one
SELECT plan_at FROM digest_plans WHERE workspace_id = @workspace_id AND recipient_id = @recipient_id FOR UPDATE;

-- name: SetDigestPlan :exec
UPDATE digest_plans SET plan_at = sqlc.narg('plan_at'), lease_until = NULL
WHERE workspace_id = @workspace_id AND recipient_id = @recipient_id;
