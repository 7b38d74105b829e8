-- name: Rotation :one
-- A rotation, deleted or not.
SELECT sqlc.embed(r) FROM rotations r
WHERE r.workspace_id = @workspace_id AND r.team_id = @team_id AND r.rotation_id = @rotation_id;

-- name: LockRotation :one
SELECT sqlc.embed(r) FROM rotations r
WHERE r.workspace_id = @workspace_id AND r.team_id = @team_id AND r.rotation_id = @rotation_id
FOR UPDATE;

-- name: ListRotations :many
SELECT sqlc.embed(r) FROM rotations r
WHERE r.workspace_id = @workspace_id AND r.team_id = @team_id AND r.rotation_id < @before AND r.delete_time IS NULL
ORDER BY r.rotation_id DESC
LIMIT @max_rows;

-- name: RotationsAt :many
-- The rotations of a team that stood at an instant, in the order they were made.
SELECT sqlc.embed(r) FROM rotations r
WHERE r.workspace_id = @workspace_id AND r.team_id = @team_id AND (r.delete_time IS NULL OR r.delete_time > @at_time)
ORDER BY r.rotation_id
LIMIT @max_rows;

-- name: LockTeam :one
-- Locks a team's row of the projection: who makes something that a team may have only so many of comes one by one.
SELECT t.team_id FROM teams t
WHERE t.workspace_id = @workspace_id AND t.team_id = @team_id AND NOT t.deleted
FOR NO KEY UPDATE;

-- name: IsLead :one
SELECT EXISTS (
    SELECT FROM team_members tm
    WHERE tm.workspace_id = @workspace_id AND tm.team_id = @team_id AND tm.member_id = @member_id AND tm.lead AND NOT tm.removed);

-- name: CountRotations :one
SELECT count(*) FROM rotations r
WHERE r.workspace_id = @workspace_id AND r.team_id = @team_id AND r.delete_time IS NULL;

-- name: InsertRotation :exec
INSERT INTO rotations (workspace_id, team_id, rotation_id, display_name, sun, revision, version, create_time, update_time, due_time)
VALUES (@workspace_id, @team_id, @rotation_id, @display_name, @sun, @revision, @version, @create_time, @update_time, @due_time);

-- name: SaveRotation :exec
UPDATE rotations
SET display_name = @display_name, sun = @sun, revision = @revision, version = @version, update_time = @update_time,
    delete_time = @delete_time, shift_start = @shift_start, shift_members = @shift_members, due_time = @due_time, due_lease = NULL
WHERE workspace_id = @workspace_id AND team_id = @team_id AND rotation_id = @rotation_id;

-- name: TurnsBetween :many
-- The versions of rotations' turns that hold between two instants, in order.
SELECT sqlc.embed(t) FROM rotation_turns t
WHERE t.workspace_id = @workspace_id AND t.rotation_id = ANY (@rotation_ids::uuid[])
  AND (t.end_time IS NULL OR t.end_time > @from_time AND t.end_time > t.start_time) AND t.start_time < @until_time
ORDER BY t.rotation_id, t.start_time;

-- name: CutTurns :exec
-- Ends the turns of a rotation where the next take over; those that would start later never begin.
UPDATE rotation_turns SET end_time = greatest(start_time, @start_time)
WHERE workspace_id = @workspace_id AND rotation_id = @rotation_id AND (end_time IS NULL OR end_time > @start_time);

-- name: InsertTurns :exec
INSERT INTO rotation_turns (workspace_id, rotation_id, turns_id, members, unit, every, time_zone, first_date, hand_over, start_time)
VALUES (@workspace_id, @rotation_id, @turns_id, @members, @unit, @every, @time_zone, @first_date, @hand_over, @start_time);

-- name: OverridesBetween :many
-- The overrides of rotations of which something may count between two instants, in the order they were made.
SELECT sqlc.embed(o) FROM rotation_overrides o
WHERE o.workspace_id = @workspace_id AND o.rotation_id = ANY (@rotation_ids::uuid[])
  AND o.end_time > @from_time AND o.start_time < @until_time
ORDER BY o.rotation_id, o.create_time, o.override_id;

-- name: Override :one
SELECT sqlc.embed(o) FROM rotation_overrides o
WHERE o.workspace_id = @workspace_id AND o.rotation_id = @rotation_id AND o.override_id = @override_id;

-- name: ListOverrides :many
SELECT sqlc.embed(o) FROM rotation_overrides o
WHERE o.workspace_id = @workspace_id AND o.rotation_id = @rotation_id AND o.override_id < @before AND o.delete_time IS NULL
ORDER BY o.override_id DESC
LIMIT @max_rows;

-- name: InsertOverride :exec
INSERT INTO rotation_overrides (workspace_id, rotation_id, override_id, start_time, end_time, out_member, in_member, swap_id, create_time)
VALUES (@workspace_id, @rotation_id, @override_id, @start_time, @end_time, @out_member, @in_member, @swap_id, @create_time);

-- name: EndOverride :exec
UPDATE rotation_overrides SET delete_time = @delete_time
WHERE workspace_id = @workspace_id AND rotation_id = @rotation_id AND override_id = @override_id;

-- name: Swap :one
SELECT sqlc.embed(s) FROM rotation_swaps s
WHERE s.workspace_id = @workspace_id AND s.rotation_id = @rotation_id AND s.swap_id = @swap_id;

-- name: ListSwaps :many
SELECT sqlc.embed(s) FROM rotation_swaps s
WHERE s.workspace_id = @workspace_id AND s.rotation_id = @rotation_id AND s.swap_id < @before
ORDER BY s.swap_id DESC
LIMIT @max_rows;

-- name: InsertSwap :exec
INSERT INTO rotation_swaps (workspace_id, rotation_id, swap_id, member_id, to_member, start_time, end_time, state, revision, create_time, update_time)
VALUES (@workspace_id, @rotation_id, @swap_id, @member_id, @to_member, @start_time, @end_time, @state, @revision, @create_time, @update_time);

-- name: SaveSwap :exec
UPDATE rotation_swaps
SET state = @state, taker = @taker, override_id = @override_id, revision = @revision, update_time = @update_time
WHERE workspace_id = @workspace_id AND rotation_id = @rotation_id AND swap_id = @swap_id;

-- name: WakeSun :exec
-- Has the shifts of the rotations that follow the sun looked at again: somebody's working time changed.
UPDATE rotations SET due_time = @due_time
WHERE workspace_id = @workspace_id AND sun AND due_time > @due_time;

-- name: ClaimShifts :many
-- Over all workspaces, as the schema's owner. The rows are found by the array, for a join would read the table.
WITH due AS MATERIALIZED (
    SELECT x.workspace_id, x.team_id, x.rotation_id
    FROM rotations x
    WHERE x.due_time <= @now::timestamptz AND (x.due_lease IS NULL OR x.due_lease <= clock_timestamp())
    ORDER BY x.due_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE rotations r
SET due_lease = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM (SELECT unnest(ARRAY(SELECT d.workspace_id FROM due d)) AS workspace_id,
             unnest(ARRAY(SELECT d.team_id FROM due d)) AS team_id,
             unnest(ARRAY(SELECT d.rotation_id FROM due d)) AS rotation_id) n
WHERE r.workspace_id = n.workspace_id AND r.team_id = n.team_id AND r.rotation_id = n.rotation_id
RETURNING r.workspace_id, r.team_id, r.rotation_id;

-- name: NextShift :one
SELECT due_time::timestamptz AS due FROM rotations WHERE due_time IS NOT NULL ORDER BY due_time LIMIT 1;

-- name: RotationsOfMember :many
-- The rotations that a member takes turns in, or is put on by an override, from an instant on.
SELECT r.team_id, r.rotation_id FROM rotations r
WHERE r.workspace_id = @workspace_id AND r.delete_time IS NULL
  AND (EXISTS (SELECT FROM rotation_turns t
               WHERE t.workspace_id = r.workspace_id AND t.rotation_id = r.rotation_id AND @member_id::uuid = ANY (t.members)
                 AND (t.end_time IS NULL OR t.end_time > @at_time AND t.end_time > t.start_time))
       OR EXISTS (SELECT FROM rotation_overrides o
                  WHERE o.workspace_id = r.workspace_id AND o.rotation_id = r.rotation_id AND o.in_member = @member_id::uuid
                    AND o.end_time > @at_time AND o.delete_time IS NULL))
ORDER BY r.team_id, r.rotation_id;

-- name: RotationsOfTeam :many
SELECT r.team_id, r.rotation_id FROM rotations r
WHERE r.workspace_id = @workspace_id AND r.team_id = @team_id AND r.delete_time IS NULL
ORDER BY r.rotation_id;
