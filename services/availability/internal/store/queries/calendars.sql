-- name: BusyBetween :many
-- The busy times of members between two instants. None is longer than 28 days: since is as long before the first.
SELECT b.member_id, b.busy_id, b.start_time, b.end_time FROM imported_busy_times b
WHERE b.workspace_id = @workspace_id AND b.member_id = ANY (@member_ids::uuid[])
  AND b.start_time > @since AND b.start_time < @until_time AND b.end_time > @from_time;

-- name: Calendar :one
SELECT sqlc.embed(c) FROM imported_calendars c
WHERE c.workspace_id = @workspace_id AND c.member_id = @member_id AND c.calendar_id = @calendar_id
  AND (c.delete_time IS NULL OR @deleted::boolean);

-- name: ListCalendars :many
SELECT sqlc.embed(c) FROM imported_calendars c
WHERE c.workspace_id = @workspace_id AND c.member_id = @member_id AND c.calendar_id < @before AND c.delete_time IS NULL
ORDER BY c.calendar_id DESC
LIMIT @max_rows;

-- name: CountCalendars :one
SELECT count(*) FROM imported_calendars c
WHERE c.workspace_id = @workspace_id AND c.member_id = @member_id AND c.delete_time IS NULL;

-- name: InsertCalendar :exec
INSERT INTO imported_calendars (workspace_id, member_id, calendar_id, display_name, source_url, keep_titles, time_zone,
                                etag, modified, refused_events, refused_count, horizon_time, failures, last_error,
                                fetch_time, asked_time, due_time, revision, create_time, update_time)
VALUES (@workspace_id, @member_id, @calendar_id, @display_name, @source_url, @keep_titles, @time_zone,
        @etag, @modified, @refused_events, @refused_count, @horizon_time, @failures, @last_error,
        @fetch_time, @asked_time, @due_time, @revision, @create_time, @update_time);

-- name: SaveCalendar :exec
-- A new due time takes the row out of the hands of whoever has it.
UPDATE imported_calendars
SET display_name = @display_name, source_url = @source_url, etag = @etag, modified = @modified,
    refused_events = @refused_events, refused_count = @refused_count, horizon_time = @horizon_time, failures = @failures,
    last_error = @last_error, fetch_time = @fetch_time, asked_time = @asked_time, due_time = @due_time,
    revision = @revision, update_time = @update_time, delete_time = @delete_time, lease_time = 'epoch'
WHERE workspace_id = @workspace_id AND member_id = @member_id AND calendar_id = @calendar_id;

-- name: Source :one
SELECT s.source FROM imported_sources s
WHERE s.workspace_id = @workspace_id AND s.member_id = @member_id AND s.calendar_id = @calendar_id;

-- name: SaveSource :exec
INSERT INTO imported_sources (workspace_id, member_id, calendar_id, source)
VALUES (@workspace_id, @member_id, @calendar_id, @source)
ON CONFLICT (workspace_id, member_id, calendar_id) DO UPDATE SET source = excluded.source;

-- name: DeleteSource :exec
DELETE FROM imported_sources WHERE workspace_id = @workspace_id AND member_id = @member_id AND calendar_id = @calendar_id;

-- name: BusyFrom :many
-- The busy times of a calendar that end after an instant, those that start after 28 days before it.
SELECT b.busy_id, b.start_time, b.end_time, b.title FROM imported_busy_times b
WHERE b.workspace_id = @workspace_id AND b.member_id = @member_id AND b.calendar_id = @calendar_id
  AND b.start_time > @since AND b.end_time > @from_time
ORDER BY b.start_time, b.busy_id;

-- name: ListBusy :many
SELECT b.busy_id, b.start_time, b.end_time, b.title FROM imported_busy_times b
WHERE b.workspace_id = @workspace_id AND b.member_id = @member_id AND b.calendar_id = @calendar_id
  AND b.start_time > @since AND b.end_time > @from_time
  AND (b.start_time, b.busy_id) > (@after_time::timestamptz, @after_id::uuid)
ORDER BY b.start_time, b.busy_id
LIMIT @max_rows;

-- name: InsertBusy :exec
INSERT INTO imported_busy_times (workspace_id, member_id, calendar_id, busy_id, start_time, end_time, title)
SELECT @workspace_id, @member_id, @calendar_id, unnest(@ids::uuid[]), unnest(@starts::timestamptz[]), unnest(@ends::timestamptz[]), unnest(@titles::text[]);

-- name: DropBusy :exec
DELETE FROM imported_busy_times
WHERE workspace_id = @workspace_id AND member_id = @member_id AND calendar_id = @calendar_id
  AND start_time >= @from_time AND busy_id = ANY (@ids::uuid[]);

-- name: CutBusy :exec
-- Ends what is under way.
UPDATE imported_busy_times SET end_time = @end_time
WHERE workspace_id = @workspace_id AND member_id = @member_id AND calendar_id = @calendar_id
  AND start_time > @since AND busy_id = ANY (@ids::uuid[]);

-- name: ForgetTitles :exec
UPDATE imported_busy_times SET title = ''
WHERE workspace_id = @workspace_id AND member_id = @member_id AND calendar_id = @calendar_id AND title <> '';

-- name: ClaimCalendars :many
-- Takes calendars of any workspace that are due and that nobody has in hand, never more than 64: told so, the planner looks
-- them up one by one.
WITH claimed AS MATERIALIZED (
    SELECT few.workspace_id, few.member_id, few.calendar_id FROM (
        SELECT c.workspace_id, c.member_id, c.calendar_id
        FROM imported_calendars c
        WHERE c.due_time <= @now::timestamptz AND c.lease_time < clock_timestamp()
        ORDER BY c.due_time
        LIMIT @max_rows
        FOR UPDATE SKIP LOCKED
    ) few
    LIMIT 64
)
UPDATE imported_calendars r
SET lease_time = clock_timestamp() + make_interval(secs => @lease_seconds::double precision)
FROM claimed
WHERE r.workspace_id = claimed.workspace_id AND r.member_id = claimed.member_id AND r.calendar_id = claimed.calendar_id
RETURNING r.workspace_id, r.member_id, r.calendar_id;

-- name: NextCalendarDue :one
SELECT c.due_time::timestamptz FROM imported_calendars c WHERE c.due_time IS NOT NULL ORDER BY c.due_time LIMIT 1;

-- name: WakeCalendars :exec
-- Has the calendars of a member read anew at once, those without a zone of their own or all of them: what floating times stand
-- for is another. One that is fetched is fetched no sooner than a minute after that was last asked for.
UPDATE imported_calendars
SET due_time = least(due_time, greatest(@now::timestamptz, asked_time + interval '1 minute')),
    asked_time = CASE WHEN source_url = '' THEN asked_time ELSE least(due_time, greatest(@now::timestamptz, asked_time + interval '1 minute')) END,
    revision = revision + 1, update_time = @now::timestamptz, lease_time = 'epoch'
WHERE workspace_id = @workspace_id AND member_id = @member_id AND delete_time IS NULL AND (time_zone = '' OR @every::boolean);
