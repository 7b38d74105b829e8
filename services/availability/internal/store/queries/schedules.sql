-- name: SchedulesFrom :many
-- The hours of members that are or will be in force at or after an instant, in order.
SELECT sqlc.embed(s) FROM working_schedules s
WHERE s.workspace_id = @workspace_id AND s.member_id = ANY (@member_ids::uuid[])
  AND (s.end_time IS NULL OR s.end_time > @from_time AND s.end_time > s.start_time)
ORDER BY s.member_id, s.start_time;

-- name: Schedule :one
SELECT sqlc.embed(s) FROM working_schedules s
WHERE s.workspace_id = @workspace_id AND s.member_id = @member_id AND s.schedule_id = @schedule_id;

-- name: ListSchedules :many
SELECT sqlc.embed(s) FROM working_schedules s
WHERE s.workspace_id = @workspace_id AND s.member_id = @member_id AND s.schedule_id < @before
ORDER BY s.schedule_id DESC
LIMIT @max_rows;

-- name: CutSchedules :exec
-- Ends a member's hours where the next take over; those that would start later never begin.
UPDATE working_schedules SET end_time = greatest(start_time, @start_time)
WHERE workspace_id = @workspace_id AND member_id = @member_id AND (end_time IS NULL OR end_time > @start_time);

-- name: InsertSchedule :exec
INSERT INTO working_schedules (workspace_id, member_id, schedule_id, time_zone, windows, effective_date, start_time, create_time,
                               holiday_region)
VALUES (@workspace_id, @member_id, @schedule_id, @time_zone, @windows, @effective_date, @start_time, @create_time, @holiday_region);

-- name: DefaultsFrom :many
-- The default hours that may be in force somewhere at or after an instant, in the order they were made. What was made
-- before a version that had taken over everywhere by then no longer counts. The coalesce is in the subquery, for under
-- row-level security an index takes no condition with one.
SELECT sqlc.embed(d) FROM default_schedules d
WHERE d.workspace_id = @workspace_id AND d.version >= (SELECT coalesce((
    SELECT x.version FROM default_schedules x
    WHERE x.workspace_id = @workspace_id AND x.create_time <= @from_time AND x.effective_date < @from_date
    ORDER BY x.version DESC LIMIT 1), 0))
ORDER BY d.version;

-- name: DefaultSchedule :one
SELECT sqlc.embed(d) FROM default_schedules d WHERE d.workspace_id = @workspace_id AND d.schedule_id = @schedule_id;

-- name: ListDefaultSchedules :many
SELECT sqlc.embed(d) FROM default_schedules d
WHERE d.workspace_id = @workspace_id AND d.schedule_id < @before
ORDER BY d.schedule_id DESC
LIMIT @max_rows;

-- name: LockWorkspace :one
INSERT INTO workspace_times (workspace_id) VALUES (@workspace_id)
ON CONFLICT (workspace_id) DO UPDATE SET version = workspace_times.version
RETURNING version;

-- name: SaveWorkspaceTime :exec
UPDATE workspace_times SET version = @version WHERE workspace_id = @workspace_id;

-- name: InsertDefaultSchedule :exec
INSERT INTO default_schedules (workspace_id, schedule_id, windows, effective_date, version, create_time, holiday_region)
VALUES (@workspace_id, @schedule_id, @windows, @effective_date, @version, @create_time, @holiday_region);

-- name: CountInheriting :one
-- How many ACTIVE members have no hours of their own at an instant. Their hours are looked up one by one, as in People.
SELECT count(*) FROM members m
LEFT JOIN LATERAL (
    SELECT true AS held FROM working_schedules s
    WHERE s.workspace_id = m.workspace_id AND s.member_id = m.member_id AND s.start_time <= @at_time
      AND (s.end_time IS NULL OR s.end_time > s.start_time)
    LIMIT 1
) own ON true
WHERE m.workspace_id = @workspace_id AND m.state = 2 AND own.held IS NULL;
