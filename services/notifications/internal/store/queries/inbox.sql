-- name: NotificationFor :one
-- A notification of a member, if they may still read what it is about.
SELECT n.*
FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.notification_id = @notification_id AND n.recipient_id = @recipient_id
  AND readable(n.workspace_id, n.recipient_id, n.space_id, n.subject_id, @acts_for_ids::uuid[]);

-- name: LockNotificationsFor :many
-- The same for several, under the locks that put the events of notifications in order.
SELECT n.*
FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.notification_id = ANY (@notification_ids::uuid[]) AND n.recipient_id = @recipient_id
  AND readable(n.workspace_id, n.recipient_id, n.space_id, n.subject_id, @acts_for_ids::uuid[])
ORDER BY n.notification_id
FOR UPDATE;

-- name: CountUnread :many
SELECT n.reason, count(*) AS number
FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.recipient_id = @recipient_id AND n.state = 'UNREAD' AND n.snooze_time IS NULL
  AND (n.space_id IN (SELECT r.space_id FROM readable_spaces(@workspace_id, @recipient_id) AS r(space_id))
       OR n.space_id = '00000000-0000-0000-0000-000000000000'
          AND readable(n.workspace_id, n.recipient_id, n.space_id, n.subject_id, @acts_for_ids::uuid[]))
GROUP BY n.reason
ORDER BY n.reason;

-- name: CountWaiting :one
-- A swap whose time has begun waits for nobody.
SELECT count(DISTINCT n.source) AS number
FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.recipient_id = @recipient_id AND n.waiting
  AND (n.due_time IS NULL OR n.due_time > @now::timestamptz OR n.source NOT LIKE '%/swaps/%')
  AND (n.space_id IN (SELECT r.space_id FROM readable_spaces(@workspace_id, @recipient_id) AS r(space_id))
       OR n.space_id = '00000000-0000-0000-0000-000000000000'
          AND readable(n.workspace_id, n.recipient_id, n.space_id, n.subject_id, @acts_for_ids::uuid[]));

-- name: CountSnoozed :one
SELECT count(*) AS number
FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.recipient_id = @recipient_id AND n.snooze_time IS NOT NULL
  AND (n.space_id IN (SELECT r.space_id FROM readable_spaces(@workspace_id, @recipient_id) AS r(space_id))
       OR n.space_id = '00000000-0000-0000-0000-000000000000'
          AND readable(n.workspace_id, n.recipient_id, n.space_id, n.subject_id, @acts_for_ids::uuid[]));

-- name: ActedFor :many
-- In whose place a member was ever notified.
SELECT DISTINCT n.acts_for_id FROM notifications n
WHERE n.workspace_id = @workspace_id AND n.recipient_id = @recipient_id AND n.acts_for_id <> '00000000-0000-0000-0000-000000000000';

-- name: Sentences :many
-- What was decided for a notification, the oldest first.
SELECT sentence FROM decisions
WHERE workspace_id = @workspace_id AND notification_id = @notification_id
ORDER BY number;

-- name: SpaceReadable :one
SELECT (space_right(@workspace_id, @member_id, @space_id) >= 1)::boolean AS readable;
