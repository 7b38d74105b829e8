-- name: WatchCoverage :exec
-- Has the coverage of a team looked at, from now on ahead as well.
INSERT INTO coverage_watches (workspace_id, team_id, wakes, due_time) VALUES (@workspace_id, @team_id, 1, @due_time)
ON CONFLICT (workspace_id, team_id) DO UPDATE
SET wakes = coverage_watches.wakes + 1, due_time = least(coverage_watches.due_time, excluded.due_time);

-- name: LayWatches :exec
-- Has the coverage looked at of all teams that have core hours or a rotation and no watch, in all workspaces.
INSERT INTO coverage_watches (workspace_id, team_id, due_time)
SELECT n.workspace_id, n.team_id, 'epoch'::timestamptz
FROM (SELECT c.workspace_id, c.team_id FROM core_hours c WHERE c.windows <> '[]'
      UNION
      SELECT r.workspace_id, r.team_id FROM rotations r WHERE r.delete_time IS NULL) n
WHERE NOT EXISTS (SELECT FROM coverage_watches w WHERE w.workspace_id = n.workspace_id AND w.team_id = n.team_id)
ON CONFLICT DO NOTHING;

-- name: WakeCoverage :exec
-- Has the coverage of a member's teams looked at: their working time changed. Rows are locked in one order.
UPDATE coverage_watches w
SET wakes = w.wakes + 1, due_time = least(w.due_time, @due_time)
FROM (
    SELECT x.team_id
    FROM coverage_watches x
    WHERE x.workspace_id = @workspace_id AND x.due_time IS NOT NULL AND x.team_id IN (
        SELECT tm.team_id FROM team_members tm
        WHERE tm.workspace_id = @workspace_id AND tm.member_id = @member_id AND NOT tm.removed)
    ORDER BY x.team_id
    FOR NO KEY UPDATE
) n
WHERE w.workspace_id = @workspace_id AND w.team_id = n.team_id;

-- name: WakeAllCoverage :exec
-- The same of all teams of a workspace: its default hours changed.
UPDATE coverage_watches w
SET wakes = w.wakes + 1, due_time = least(w.due_time, @due_time)
FROM (
    SELECT x.team_id FROM coverage_watches x
    WHERE x.workspace_id = @workspace_id AND x.due_time IS NOT NULL
    ORDER BY x.team_id
    FOR NO KEY UPDATE
) n
WHERE w.workspace_id = @workspace_id AND w.team_id = n.team_id;

-- name: CoverageWatch :one
SELECT w.version, w.wakes, w.due_time FROM coverage_watches w WHERE w.workspace_id = @workspace_id AND w.team_id = @team_id;

-- name: LockCoverageWatch :one
SELECT w.version, w.wakes, w.due_time FROM coverage_watches w
WHERE w.workspace_id = @workspace_id AND w.team_id = @team_id
FOR NO KEY UPDATE;

-- name: SaveCoverageWatch :exec
UPDATE coverage_watches SET version = @version, due_time = @due_time, due_lease = NULL
WHERE workspace_id = @workspace_id AND team_id = @team_id;

-- name: CoverageGaps :many
SELECT g.rotation_id, g.start_time, g.end_time FROM coverage_gaps g
WHERE g.workspace_id = @workspace_id AND g.team_id = @team_id
ORDER BY g.start_time, g.rotation_id;

-- name: DeleteCoverageGaps :exec
DELETE FROM coverage_gaps WHERE workspace_id = @workspace_id AND team_id = @team_id;

-- name: InsertCoverageGaps :exec
-- An end of the nil time, the year 1, is none.
INSERT INTO coverage_gaps (workspace_id, team_id, rotation_id, start_time, end_time)
SELECT @workspace_id, @team_id, n.rotation_id, n.start_time, nullif(n.end_time, '0001-01-01 00:00:00+00'::timestamptz)
FROM (SELECT unnest(@rotation_ids::uuid[]) AS rotation_id, unnest(@start_times::timestamptz[]) AS start_time,
             unnest(@end_times::timestamptz[]) AS end_time) n;

-- name: ClaimCoverage :many
-- Over all workspaces, as the schema's owner. The rows are found by the array, for a join would read the table.
WITH due AS MATERIALIZED (
    SELECT x.workspace_id, x.team_id
    FROM coverage_watches x
    WHERE x.due_time <= @now::timestamptz AND (x.due_lease IS NULL OR x.due_lease <= clock_timestamp())
    ORDER BY x.due_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE coverage_watches w
SET due_lease = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM (SELECT unnest(ARRAY(SELECT d.workspace_id FROM due d)) AS workspace_id,
             unnest(ARRAY(SELECT d.team_id FROM due d)) AS team_id) n
WHERE w.workspace_id = n.workspace_id AND w.team_id = n.team_id
RETURNING w.workspace_id, w.team_id;

-- name: NextCoverage :one
SELECT due_time::timestamptz AS due FROM coverage_watches WHERE due_time IS NOT NULL ORDER BY due_time LIMIT 1;
