-- name: TimeOffsBetween :many
-- The times off of members of which something may count between two instants.
SELECT sqlc.embed(t) FROM time_offs t
WHERE t.workspace_id = @workspace_id AND t.member_id = ANY (@member_ids::uuid[])
  AND t.upper_time > @from_time AND t.lower_time < @until_time;

-- name: TimeOff :one
SELECT sqlc.embed(t) FROM time_offs t
WHERE t.workspace_id = @workspace_id AND t.member_id = @member_id AND t.time_off_id = @time_off_id;

-- name: ListTimeOffs :many
SELECT sqlc.embed(t) FROM time_offs t
WHERE t.workspace_id = @workspace_id AND t.member_id = @member_id AND t.time_off_id < @before
ORDER BY t.time_off_id DESC
LIMIT @max_rows;

-- name: InsertTimeOff :exec
INSERT INTO time_offs (workspace_id, member_id, time_off_id, kind, note, first_date, last_date, start_time, end_time, state,
                       revision, create_time, update_time, lower_time, upper_time)
VALUES (@workspace_id, @member_id, @time_off_id, @kind, @note, @first_date, @last_date, @start_time, @end_time, @state,
        @revision, @create_time, @update_time, @lower_time, @upper_time);

-- name: SaveTimeOff :exec
UPDATE time_offs
SET state = @state, revision = @revision, update_time = @update_time, cancel_time = @cancel_time, upper_time = @upper_time
WHERE workspace_id = @workspace_id AND member_id = @member_id AND time_off_id = @time_off_id;
