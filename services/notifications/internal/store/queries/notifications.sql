-- name: Notifications :many
SELECT n.* FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.notification_id = ANY (@notification_ids::uuid[])
ORDER BY n.notification_id;

-- name: LockNotifications :many
SELECT n.* FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.notification_id = ANY (@notification_ids::uuid[])
ORDER BY n.notification_id
FOR UPDATE;

-- name: Deliveries :many
SELECT * FROM deliveries
WHERE workspace_id = @workspace_id AND notification_id = ANY (@notification_ids::uuid[])
ORDER BY notification_id, channel DESC;

-- name: LockDeliveries :many
SELECT * FROM deliveries
WHERE workspace_id = @workspace_id AND notification_id = ANY (@notification_ids::uuid[])
ORDER BY notification_id, channel DESC
FOR UPDATE;

-- name: LockUnsettled :many
-- The notifications about a source that do not show how it stands with their recipients, with how it does. OFFSET 0 has each
-- looked up by its whole key, also by a plan of when there were few rows.
SELECT sqlc.embed(n), w.waiting AS now_waiting, w.settled_reason AS now_settled, w.due_time AS now_due
FROM notifications n
CROSS JOIN LATERAL (
    SELECT x.waiting, x.settled_reason, x.due_time
    FROM waits x
    WHERE x.workspace_id = n.workspace_id AND x.source = n.source AND x.member_id = n.recipient_id
    OFFSET 0
) w
WHERE n.workspace_id = @workspace_id AND n.source = @source AND n.reason IN ('ASKED', 'OFFERED', 'APPROVING', 'REMINDED', 'OVERDUE')
  AND (n.waiting <> w.waiting OR n.due_time IS DISTINCT FROM w.due_time)
ORDER BY n.notification_id
FOR UPDATE OF n;

-- name: LockOfMessage :many
SELECT n.* FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.message = @message::text AND n.message <> ''
ORDER BY n.notification_id
FOR UPDATE;

-- name: InsertNotifications :many
-- Adds notifications, but for those whose occasion has been told to their recipient before.
INSERT INTO notifications (workspace_id, notification_id, recipient_id, source, context, message, space_id, reason, occasion,
                           urgency, title, excerpt, summary, urgent_reason, actor_id, due_time, state, waiting, settled_reason,
                           time_zone, version, create_time, update_time, subject_id, acts_for_id)
SELECT @workspace_id, n.notification_id, n.recipient_id, n.source, n.context, n.message, n.space_id, n.reason, n.occasion,
       n.urgency, n.title, n.excerpt, n.summary, n.urgent_reason,
       nullif(n.actor_id, '00000000-0000-0000-0000-000000000000'), nullif(n.due_time, '0001-01-01 00:00:00+00'), 'UNREAD',
       n.waiting, n.settled_reason, n.time_zone, n.version, n.create_time, n.update_time, n.subject_id, n.acts_for_id
FROM (SELECT unnest(@notification_ids::uuid[]) AS notification_id, unnest(@recipient_ids::uuid[]) AS recipient_id,
             unnest(@sources::text[]) AS source, unnest(@contexts::text[]) AS context, unnest(@messages::text[]) AS message,
             unnest(@space_ids::uuid[]) AS space_id, unnest(@reasons::text[]) AS reason,
             unnest(@occasions::text[]) AS occasion, unnest(@urgencies::smallint[]) AS urgency,
             unnest(@titles::text[]) AS title, unnest(@excerpts::text[]) AS excerpt, unnest(@summaries::text[]) AS summary,
             unnest(@urgent_reasons::text[]) AS urgent_reason, unnest(@actor_ids::uuid[]) AS actor_id,
             unnest(@due_times::timestamptz[]) AS due_time, unnest(@waitings::boolean[]) AS waiting,
             unnest(@settled_reasons::text[]) AS settled_reason, unnest(@time_zones::text[]) AS time_zone,
             unnest(@versions::bigint[]) AS version, unnest(@create_times::timestamptz[]) AS create_time,
             unnest(@update_times::timestamptz[]) AS update_time, unnest(@subject_ids::uuid[]) AS subject_id, unnest(@acts_for_ids::uuid[]) AS acts_for_id) n
ORDER BY n.recipient_id
ON CONFLICT DO NOTHING
RETURNING notification_id;

-- name: UpdateNotifications :exec
UPDATE notifications t
SET title = n.title, excerpt = n.excerpt, due_time = nullif(n.due_time, '0001-01-01 00:00:00+00'), state = n.state,
    snooze_time = nullif(n.snooze_time, '0001-01-01 00:00:00+00'), waiting = n.waiting, settled_reason = n.settled_reason,
    time_zone = n.time_zone, version = n.version, update_time = n.update_time, lease_until = NULL
FROM (SELECT unnest(@notification_ids::uuid[]) AS notification_id, unnest(@titles::text[]) AS title,
             unnest(@excerpts::text[]) AS excerpt, unnest(@due_times::timestamptz[]) AS due_time,
             unnest(@states::text[]) AS state, unnest(@snooze_times::timestamptz[]) AS snooze_time,
             unnest(@waitings::boolean[]) AS waiting, unnest(@settled_reasons::text[]) AS settled_reason,
             unnest(@time_zones::text[]) AS time_zone, unnest(@versions::bigint[]) AS version,
             unnest(@update_times::timestamptz[]) AS update_time) n
WHERE t.workspace_id = @workspace_id AND t.notification_id = n.notification_id;

-- name: PutDeliveries :exec
-- Keeps what deliveries have become. A lease ends with the state that it was for.
INSERT INTO deliveries (workspace_id, notification_id, channel, recipient_id, decision, explanation, state, deliver_time,
                        decide_time, decide_at, send_time, working_time_version, attempts, last_error, woken, digest_id, urgency)
SELECT @workspace_id, n.notification_id, n.channel, n.recipient_id, n.decision, n.explanation, n.state,
       nullif(n.deliver_time, '0001-01-01 00:00:00+00'), n.decide_time, nullif(n.decide_at, '0001-01-01 00:00:00+00'),
       nullif(n.send_time, '0001-01-01 00:00:00+00'), n.working_time_version, n.attempts, n.last_error, n.woken,
       nullif(n.digest_id, '00000000-0000-0000-0000-000000000000'), n.urgency
FROM (SELECT unnest(@notification_ids::uuid[]) AS notification_id, unnest(@channels::text[]) AS channel,
             unnest(@recipient_ids::uuid[]) AS recipient_id, unnest(@decisions::text[]) AS decision,
             unnest(@explanations::text[]) AS explanation, unnest(@states::text[]) AS state,
             unnest(@deliver_times::timestamptz[]) AS deliver_time, unnest(@decide_times::timestamptz[]) AS decide_time,
             unnest(@decide_ats::timestamptz[]) AS decide_at, unnest(@send_times::timestamptz[]) AS send_time,
             unnest(@working_time_versions::bigint[]) AS working_time_version, unnest(@attempts::integer[]) AS attempts,
             unnest(@last_errors::text[]) AS last_error, unnest(@wokens::boolean[]) AS woken,
             unnest(@digest_ids::uuid[]) AS digest_id, unnest(@urgencies::smallint[]) AS urgency) n
ON CONFLICT (workspace_id, notification_id, channel) DO UPDATE
SET decision = excluded.decision, explanation = excluded.explanation, state = excluded.state,
    deliver_time = excluded.deliver_time, decide_time = excluded.decide_time, decide_at = excluded.decide_at,
    send_time = excluded.send_time, working_time_version = excluded.working_time_version, attempts = excluded.attempts,
    last_error = excluded.last_error, woken = excluded.woken, digest_id = excluded.digest_id,
    lease_until = CASE WHEN excluded.state = deliveries.state THEN deliveries.lease_until END;

-- name: InsertDecisions :exec
INSERT INTO decisions (workspace_id, notification_id, channel, decide_time, sentence)
SELECT @workspace_id, n.notification_id, n.channel, n.decide_time, n.sentence
FROM (SELECT unnest(@notification_ids::uuid[]) AS notification_id, unnest(@channels::text[]) AS channel,
             unnest(@decide_times::timestamptz[]) AS decide_time, unnest(@sentences::text[]) AS sentence,
             unnest(@places::integer[]) AS place) n
ORDER BY n.place;

-- name: FirstNotifications :many
-- The notifications by which members were first told of a source that waits for them.
SELECT DISTINCT ON (n.recipient_id) n.* FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.source = @source AND n.reason IN ('ASKED', 'OFFERED', 'APPROVING')
  AND n.recipient_id = ANY (@member_ids::uuid[])
ORDER BY n.recipient_id, n.create_time DESC;
