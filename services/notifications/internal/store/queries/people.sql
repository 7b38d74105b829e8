-- name: People :many
-- Members with how they want to be reached, where they have said so.
SELECT m.member_id, m.display_name, m.email, (m.state = 2)::boolean AS active, (m.kind = 1)::boolean AS person, m.state,
       p.channels, p.digest_disabled, p.muted, p.collapse, p.version, p.update_time
FROM members m
LEFT JOIN preferences p ON p.workspace_id = m.workspace_id AND p.member_id = m.member_id
WHERE m.workspace_id = @workspace_id AND m.member_id = ANY (@member_ids::uuid[]);

-- name: Readers :many
-- Those of the members who may read a space, and when a thread or task in it last signalled to them.
SELECT r.member_id::uuid AS member_id, s.signal_time
FROM space_readers(@workspace_id, @space_id, @member_ids::uuid[]) AS r(member_id)
LEFT JOIN signals s ON s.workspace_id = @workspace_id AND s.recipient_id = r.member_id AND s.context = @context;

-- name: ReadersWithoutSpace :many
-- The same of what is in no space, also in the place of whom they act for.
SELECT n.member_id::uuid AS member_id, s.signal_time
FROM (SELECT unnest(@member_ids::uuid[]) AS member_id, unnest(@acts_for_ids::uuid[]) AS acts_for_id) n
LEFT JOIN signals s ON s.workspace_id = @workspace_id AND s.recipient_id = n.member_id AND s.context = @context
WHERE readable(@workspace_id, n.member_id, '00000000-0000-0000-0000-000000000000', @subject_id, ARRAY[n.acts_for_id]);

-- name: Admins :many
-- The people who administer a workspace.
SELECT m.member_id FROM members m
WHERE m.workspace_id = @workspace_id AND m.state = 2 AND m.kind = 1 AND m.role >= 3
ORDER BY m.member_id
LIMIT @max_rows;

-- name: Standings :many
-- Whether the recipients of notifications may read what those are about, if they still act for whom they did then, and when that
-- last signalled to them. OFFSET 0 has each signal looked up by its whole key, also by a plan of when there were few.
SELECT n.notification_id, readable(n.workspace_id, n.recipient_id, n.space_id, n.subject_id, ARRAY[n.acts_for_id])::boolean AS may_read,
       coalesce(s.signal_time, '1970-01-01 00:00:00+00')::timestamptz AS signal_time
FROM notifications n
LEFT JOIN LATERAL (
    SELECT x.signal_time FROM signals x
    WHERE x.workspace_id = n.workspace_id AND x.recipient_id = n.recipient_id AND x.context = n.context
    OFFSET 0
) s ON true
WHERE n.workspace_id = @workspace_id AND n.notification_id = ANY (@notification_ids::uuid[]);

-- name: TeamMembers :many
SELECT DISTINCT m.member_id
FROM team_members m
JOIN teams t ON t.workspace_id = m.workspace_id AND t.team_id = m.team_id AND NOT t.deleted
WHERE m.workspace_id = @workspace_id AND m.team_id = ANY (@team_ids::uuid[]) AND NOT m.removed;

-- name: ReadableSpaces :many
SELECT s.space_id, s.display_name FROM spaces s
WHERE s.workspace_id = @workspace_id AND s.space_id = ANY (@space_ids::uuid[])
  AND space_right(s.workspace_id, @member_id, s.space_id) >= 1;

-- name: LockPreferences :one
-- Lays the row where there is none, and locks it: version 0 are the defaults.
INSERT INTO preferences (workspace_id, member_id, channels, digest_disabled, muted, collapse, version, update_time)
VALUES (@workspace_id, @member_id, '{}', false, '{}', @collapse, 0, @update_time)
ON CONFLICT (workspace_id, member_id) DO UPDATE SET version = preferences.version
RETURNING *;

-- name: SavePreferences :exec
UPDATE preferences
SET channels = @channels, digest_disabled = @digest_disabled, muted = @muted, collapse = @collapse, version = @version,
    update_time = @update_time
WHERE workspace_id = @workspace_id AND member_id = @member_id;

-- name: LaySignals :exec
-- Lays the rows that are missing, in the order in which rows are locked.
INSERT INTO signals (workspace_id, recipient_id, context, signal_time)
SELECT @workspace_id, @recipient_id, n.context, '1970-01-01 00:00:00+00'
FROM (SELECT unnest(@contexts::text[]) AS context) n
ORDER BY n.context
ON CONFLICT DO NOTHING;

-- name: LockSignals :many
SELECT context, signal_time FROM signals
WHERE workspace_id = @workspace_id AND recipient_id = @recipient_id AND context = ANY (@contexts::text[])
ORDER BY context
FOR UPDATE;

-- name: SetSignals :exec
UPDATE signals SET signal_time = @signal_time
WHERE workspace_id = @workspace_id AND recipient_id = @recipient_id AND context = ANY (@contexts::text[]);
