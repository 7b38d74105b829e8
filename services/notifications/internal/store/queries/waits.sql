-- name: AdvanceSource :execrows
-- Notes the newest event of a source, and locks it. No row: a newer one was seen.
INSERT INTO sources (workspace_id, source, version) VALUES (@workspace_id, @source, @version)
ON CONFLICT (workspace_id, source) DO UPDATE SET version = excluded.version WHERE sources.version < excluded.version;

-- name: LockMessages :many
-- Locks messages, in the order of their names, and says which were deleted.
INSERT INTO sources (workspace_id, source, version)
SELECT @workspace_id, n.source, 0 FROM (SELECT unnest(@messages::text[]) AS source) n ORDER BY n.source
ON CONFLICT (workspace_id, source) DO UPDATE SET erased = sources.erased
RETURNING source, erased;

-- name: EraseMessage :exec
INSERT INTO sources (workspace_id, source, version, erased) VALUES (@workspace_id, @message, 0, true)
ON CONFLICT (workspace_id, source) DO UPDATE SET erased = true;

-- name: PutWaits :exec
-- Keeps how a source stands with members, but for those of whom a newer event has told.
INSERT INTO waits (workspace_id, source, version, member_id, waiting, settled_reason, due_time, remind_time)
SELECT @workspace_id, @source, @version, n.member_id, n.waiting, n.settled_reason, nullif(n.due_time, '0001-01-01 00:00:00+00'),
       nullif(n.remind_time, '0001-01-01 00:00:00+00')
FROM (SELECT unnest(@member_ids::uuid[]) AS member_id, unnest(@waitings::boolean[]) AS waiting,
             unnest(@settled_reasons::text[]) AS settled_reason, unnest(@due_times::timestamptz[]) AS due_time,
             unnest(@remind_times::timestamptz[]) AS remind_time) n
ON CONFLICT (workspace_id, source, member_id) DO UPDATE
SET version = excluded.version, waiting = excluded.waiting, settled_reason = excluded.settled_reason,
    due_time = excluded.due_time, remind_time = excluded.remind_time,
    reminded = waits.reminded AND (waits.waiting OR NOT excluded.waiting)
WHERE waits.version < excluded.version;

-- name: EndWaits :exec
-- Ends what waits for others than the members.
UPDATE waits SET waiting = false, settled_reason = @settled_reason, version = @version
WHERE workspace_id = @workspace_id AND source = @source AND waiting AND NOT member_id = ANY (@others::uuid[]);

-- name: Waits :many
SELECT * FROM waits
WHERE workspace_id = @workspace_id AND source = @source AND member_id = ANY (@member_ids::uuid[]);

-- name: LockReminders :many
-- Of what waits for the members, what is still to be reminded of. One by one (LATERAL and LIMIT), or else the planner may
-- read all that anybody is still to be reminded of.
SELECT w.*
FROM (SELECT DISTINCT unnest(@member_ids::uuid[]) AS member_id ORDER BY member_id) n
CROSS JOIN LATERAL (
    SELECT * FROM waits x
    WHERE x.workspace_id = @workspace_id AND x.source = @source AND x.member_id = n.member_id AND x.waiting AND NOT x.reminded
    LIMIT 1
    FOR UPDATE
) w
ORDER BY n.member_id;

-- name: SetReminded :exec
UPDATE waits SET reminded = true, lease_until = NULL
WHERE workspace_id = @workspace_id AND source = @source AND member_id = ANY (@member_ids::uuid[]);
