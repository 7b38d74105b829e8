-- name: LockZoneRules :exec
-- One at a time compares versions, until the end of the transaction.
LOCK TABLE zone_rules IN SHARE ROW EXCLUSIVE MODE;

-- name: ZoneVersion :one
-- The greatest version whose rules are kept; empty for none.
SELECT coalesce(max(r.version), '')::text FROM zone_rules r;

-- name: ZoneFiles :many
SELECT r.time_zone, r.file FROM zone_rules r WHERE r.version = @version;

-- name: FilesBefore :many
-- The files of the version before another that are not the same in a later one.
SELECT r.time_zone, r.file FROM zone_rules r
WHERE r.version = (SELECT max(x.version) FROM zone_rules x WHERE x.version < @version)
  AND NOT EXISTS (
    SELECT FROM zone_rules y WHERE y.version = @latest AND y.time_zone = r.time_zone AND y.file = r.file
  );

-- name: SaveZoneFiles :exec
INSERT INTO zone_rules (version, time_zone, file)
SELECT @version, unnest(@time_zones::text[]), unnest(@files::bytea[]);

-- name: ForgetZoneFiles :exec
-- Forgets the versions that nothing compares with any more.
DELETE FROM zone_rules r WHERE r.version < @version AND NOT EXISTS (SELECT FROM zone_updates);

-- name: AddZoneUpdates :exec
-- Notes the ACTIVE members of all workspaces on whose working time one of the zones may have a say from an instant on. Who
-- waits to be told of an earlier version is told of both at once.
INSERT INTO zone_updates (workspace_id, member_id, version, due_time)
SELECT m.workspace_id, m.member_id, @version, @due_time
FROM members m
WHERE m.state = 2 AND (
    m.time_zone = ANY (@time_zones::text[])
    OR m.workspace_id IN (SELECT w.workspace_id FROM workspaces w WHERE w.time_zone = ANY (@time_zones::text[]))
    OR (m.workspace_id, m.member_id) IN (
        SELECT s.workspace_id, s.member_id FROM working_schedules s
        WHERE s.time_zone = ANY (@time_zones::text[]) AND (s.end_time IS NULL OR s.end_time > @now::timestamptz)
        UNION
        SELECT l.workspace_id, l.member_id FROM layers l
        WHERE l.kind = 'TRAVEL' AND l.time_zone = ANY (@time_zones::text[]) AND l.upper_time > @now::timestamptz
        UNION
        SELECT c.workspace_id, c.member_id FROM imported_calendars c WHERE c.delete_time IS NULL
    )
)
ON CONFLICT (workspace_id, member_id) DO NOTHING;

-- name: WakeZoneRotations :exec
-- Has the shifts of rotations that hand over in one of the zones looked at again.
UPDATE rotations r SET due_time = @due_time
WHERE r.due_time > @due_time AND EXISTS (
    SELECT FROM rotation_turns t
    WHERE t.workspace_id = r.workspace_id AND t.rotation_id = r.rotation_id AND t.time_zone = ANY (@time_zones::text[])
);

-- name: ClaimZoneUpdates :many
-- Takes members of any workspace who are to be told of a version that the caller has the rules of, never more than 64: told so,
-- the planner looks them up one by one.
WITH claimed AS MATERIALIZED (
    SELECT few.workspace_id, few.member_id FROM (
        SELECT u.workspace_id, u.member_id FROM zone_updates u
        WHERE u.due_time <= @now::timestamptz AND u.lease_time < clock_timestamp() AND u.version <= @version
        ORDER BY u.due_time
        LIMIT @max_rows
        FOR UPDATE SKIP LOCKED
    ) few
    LIMIT 64
)
UPDATE zone_updates r SET lease_time = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM claimed c
WHERE r.workspace_id = c.workspace_id AND r.member_id = c.member_id
RETURNING r.workspace_id, r.member_id, r.version;

-- name: NextZoneUpdate :one
SELECT u.due_time::timestamptz FROM zone_updates u WHERE u.version <= @version ORDER BY u.due_time LIMIT 1;

-- name: EndZoneUpdate :execrows
DELETE FROM zone_updates WHERE workspace_id = @workspace_id AND member_id = @member_id AND version = @version;
