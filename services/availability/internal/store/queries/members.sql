-- name: People :many
-- Members with the version of their working time. They are looked up one by one (LATERAL and LIMIT): where most workspaces
-- are small, the planner would join all members of a large one.
SELECT m.member_id, m.display_name, m.time_zone, m.manager_id, (m.state = 2)::boolean AS active,
       (m.role = 1)::boolean AS guest,
       coalesce(t.version, 0)::bigint AS version, coalesce(w.time_zone, '')::text AS workspace_zone
FROM (SELECT unnest(@member_ids::uuid[]) AS member_id) n
CROSS JOIN LATERAL (
    SELECT x.workspace_id, x.member_id, x.display_name, x.time_zone, x.manager_id, x.state, x.role
    FROM members x
    WHERE x.workspace_id = @workspace_id AND x.member_id = n.member_id
    LIMIT 1
) m
LEFT JOIN LATERAL (
    SELECT x.version FROM member_times x WHERE x.workspace_id = m.workspace_id AND x.member_id = m.member_id LIMIT 1
) t ON true
LEFT JOIN workspaces w ON w.workspace_id = @workspace_id;

-- name: MemberThere :one
SELECT EXISTS (SELECT FROM members m WHERE m.workspace_id = @workspace_id AND m.member_id = @member_id);

-- name: TeamThere :one
SELECT EXISTS (SELECT FROM teams t WHERE t.workspace_id = @workspace_id AND t.team_id = @team_id AND NOT t.deleted);

-- name: TeamMembers :many
-- The ACTIVE members of a team. They are looked up one by one, as in People.
SELECT tm.member_id
FROM team_members tm
CROSS JOIN LATERAL (
    SELECT x.state FROM members x WHERE x.workspace_id = tm.workspace_id AND x.member_id = tm.member_id LIMIT 1
) m
WHERE tm.workspace_id = @workspace_id AND tm.team_id = @team_id AND NOT tm.removed AND m.state = 2
ORDER BY tm.member_id
LIMIT @most;

-- name: Response :one
SELECT w.low_seconds, w.normal_seconds, w.high_seconds, w.urgent_seconds FROM workspaces w WHERE w.workspace_id = @workspace_id;

-- name: LockMember :one
-- Locks the row of a member's working time, laid where it is missing. No row: no such member.
INSERT INTO member_times (workspace_id, member_id)
SELECT m.workspace_id, m.member_id FROM members m WHERE m.workspace_id = @workspace_id AND m.member_id = @member_id
ON CONFLICT (workspace_id, member_id) DO UPDATE SET version = member_times.version
RETURNING version;

-- name: LockTime :one
-- The same, whether the member is known or not.
INSERT INTO member_times (workspace_id, member_id) VALUES (@workspace_id, @member_id)
ON CONFLICT (workspace_id, member_id) DO UPDATE SET version = member_times.version
RETURNING version;

-- name: SaveMemberTime :exec
UPDATE member_times SET version = @version WHERE workspace_id = @workspace_id AND member_id = @member_id;

-- name: CountAhead :one
-- How many schedules, layers, times off and delegations of a member are not over; a delegation on a time off is when that is.
-- A focus block is as many as its weeks have windows, for each is laid by itself.
SELECT ((SELECT count(*) FROM working_schedules s
         WHERE s.workspace_id = @workspace_id AND s.member_id = @member_id
           AND (s.end_time IS NULL OR s.end_time > @now::timestamptz AND s.end_time > s.start_time))
      + (SELECT coalesce(sum(CASE WHEN l.kind = 'FOCUS_BLOCK' THEN greatest(jsonb_array_length(l.windows), 1) ELSE 1 END), 0) FROM layers l
         WHERE l.workspace_id = @workspace_id AND l.member_id = @member_id AND l.upper_time > @now::timestamptz)
      + (SELECT count(*) FROM time_offs t
         WHERE t.workspace_id = @workspace_id AND t.member_id = @member_id AND t.upper_time > @now::timestamptz)
      + (SELECT count(*) FROM delegations d
         WHERE d.workspace_id = @workspace_id AND d.member_id = @member_id AND d.delete_time IS NULL
           AND (d.end_time IS NULL OR d.end_time > @now::timestamptz)
           AND (d.time_off_id IS NULL OR EXISTS (
               SELECT FROM time_offs o
               WHERE o.workspace_id = d.workspace_id AND o.member_id = d.member_id AND o.time_off_id = d.time_off_id
                 AND o.upper_time > @now::timestamptz))))::bigint AS ahead;

-- name: ZonesFrom :many
-- The zones of members' profiles that hold at or after an instant, in order.
SELECT z.member_id, z.time_zone, z.start_time, z.end_time, z.seen
FROM member_zones z
WHERE z.workspace_id = @workspace_id AND z.member_id = ANY (@member_ids::uuid[])
  AND (z.end_time IS NULL OR z.end_time > @from_time AND z.end_time > z.start_time)
ORDER BY z.member_id, z.start_time;

-- name: OpenZone :one
SELECT z.time_zone, z.start_time, z.seen FROM member_zones z
WHERE z.workspace_id = @workspace_id AND z.member_id = @member_id AND z.end_time IS NULL;

-- name: SeeZone :exec
UPDATE member_zones SET seen = @seen WHERE workspace_id = @workspace_id AND member_id = @member_id AND end_time IS NULL;

-- name: EndZone :exec
UPDATE member_zones SET end_time = greatest(start_time, @end_time)
WHERE workspace_id = @workspace_id AND member_id = @member_id AND end_time IS NULL;

-- name: InsertZone :exec
INSERT INTO member_zones (workspace_id, member_id, zone_id, time_zone, start_time, seen)
VALUES (@workspace_id, @member_id, @zone_id, @time_zone, @start_time, @seen);

-- name: LayZones :exec
-- Lays the first zone of members of whom none was noted, in all workspaces: they were there before this service was.
INSERT INTO member_zones (workspace_id, member_id, zone_id, time_zone, start_time, seen)
SELECT m.workspace_id, m.member_id, gen_random_uuid(), m.time_zone, @since, m.version
FROM members m
WHERE m.time_zone <> ''
  AND NOT EXISTS (SELECT FROM member_zones z WHERE z.workspace_id = m.workspace_id AND z.member_id = m.member_id)
ON CONFLICT (workspace_id, member_id) WHERE end_time IS NULL DO NOTHING;

-- name: DeparturesFrom :many
-- The times in which members were DEACTIVATED that are not over before an instant, in order.
SELECT d.member_id, d.start_time, d.end_time FROM member_departures d
WHERE d.workspace_id = @workspace_id AND d.member_id = ANY (@member_ids::uuid[])
  AND (d.end_time IS NULL OR d.end_time > @from_time AND d.end_time > d.start_time)
ORDER BY d.member_id, d.start_time;

-- name: Presence :one
-- Whether it is noted that a member has left, and what the projection has of them, with a version of 0 for none.
SELECT EXISTS (
           SELECT FROM member_departures d
           WHERE d.workspace_id = @workspace_id AND d.member_id = @member_id AND d.end_time IS NULL) AS departed,
       coalesce((SELECT m.version FROM members m WHERE m.workspace_id = @workspace_id AND m.member_id = @member_id), 0)::bigint AS version,
       coalesce((SELECT m.state <> 3 FROM members m WHERE m.workspace_id = @workspace_id AND m.member_id = @member_id), true)::boolean AS here;

-- name: Overlooked :many
-- Members of whom it is not noted whether they have left as the projection has it, in all workspaces.
SELECT m.workspace_id, m.member_id, (m.state <> 3)::boolean AS here, m.version
FROM members m
LEFT JOIN member_departures d ON d.workspace_id = m.workspace_id AND d.member_id = m.member_id AND d.end_time IS NULL
WHERE (m.state = 3) <> (d.departure_id IS NOT NULL)
ORDER BY m.workspace_id, m.member_id;

-- name: InsertDeparture :exec
INSERT INTO member_departures (workspace_id, member_id, departure_id, start_time)
VALUES (@workspace_id, @member_id, @departure_id, @start_time);

-- name: EndDeparture :exec
UPDATE member_departures SET end_time = greatest(start_time, @end_time)
WHERE workspace_id = @workspace_id AND member_id = @member_id AND end_time IS NULL;
