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
  AND (t.state = 'APPROVED' OR NOT @approved::boolean)
ORDER BY t.time_off_id DESC
LIMIT @max_rows;

-- name: ListTimeOffRequests :many
-- What waits for an approval in a workspace.
SELECT sqlc.embed(t) FROM time_offs t
WHERE t.workspace_id = @workspace_id AND t.state = 'REQUESTED' AND t.time_off_id < @before
ORDER BY t.time_off_id DESC
LIMIT @max_rows;

-- name: ListTimeOffRequestsOf :many
-- The same of those whose manager is one of some, without a reader's own. Members are looked up one by one, as in People.
SELECT sqlc.embed(t) FROM time_offs t
CROSS JOIN LATERAL (
    SELECT x.manager_id FROM members x WHERE x.workspace_id = t.workspace_id AND x.member_id = t.member_id LIMIT 1
) m
WHERE t.workspace_id = @workspace_id AND t.state = 'REQUESTED' AND t.time_off_id < @before AND m.manager_id = ANY (@manager_ids::uuid[])
  AND t.member_id <> m.manager_id AND t.member_id <> @reader_id::uuid
ORDER BY t.time_off_id DESC
LIMIT @max_rows;

-- name: Requests :many
-- What a member asked for that waits for an approval.
SELECT sqlc.embed(t) FROM time_offs t
WHERE t.workspace_id = @workspace_id AND t.member_id = @member_id AND t.state = 'REQUESTED'
ORDER BY t.time_off_id;

-- name: Requesters :many
-- The members who asked for what waits for a manager.
SELECT DISTINCT t.member_id FROM time_offs t
WHERE t.workspace_id = @workspace_id AND t.state = 'REQUESTED' AND t.manager_id = @manager_id
ORDER BY t.member_id;

-- name: Manager :one
-- Whom a member reports to, at which version of the member.
SELECT m.manager_id, m.version FROM members m WHERE m.workspace_id = @workspace_id AND m.member_id = @member_id;

-- name: InsertTimeOff :exec
INSERT INTO time_offs (workspace_id, member_id, time_off_id, kind, note, first_date, last_date, start_time, end_time, state,
                       revision, create_time, update_time, lower_time, upper_time, requested, manager_id)
VALUES (@workspace_id, @member_id, @time_off_id, @kind, @note, @first_date, @last_date, @start_time, @end_time, @state,
        @revision, @create_time, @update_time, @lower_time, @upper_time, @requested, @manager_id);

-- name: SaveTimeOff :exec
UPDATE time_offs
SET state = @state, revision = @revision, update_time = @update_time, cancel_time = @cancel_time, upper_time = @upper_time,
    decided_by_id = @decided_by_id, decide_time = @decide_time, decline_reason = @decline_reason, manager_id = @manager_id
WHERE workspace_id = @workspace_id AND member_id = @member_id AND time_off_id = @time_off_id;

-- name: TimeOffPolicy :one
SELECT sqlc.embed(p) FROM time_off_policies p WHERE p.workspace_id = @workspace_id;

-- name: SaveTimeOffPolicy :exec
INSERT INTO time_off_policies (workspace_id, approval_kinds, revision, update_time)
VALUES (@workspace_id, @approval_kinds, @revision, @update_time)
ON CONFLICT (workspace_id) DO UPDATE SET
    approval_kinds = excluded.approval_kinds, revision = excluded.revision, update_time = excluded.update_time;
