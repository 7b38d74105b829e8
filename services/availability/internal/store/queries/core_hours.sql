-- name: CoreHours :one
SELECT sqlc.embed(c) FROM core_hours c WHERE c.workspace_id = @workspace_id AND c.team_id = @team_id;

-- name: SaveCoreHours :exec
INSERT INTO core_hours (workspace_id, team_id, time_zone, windows, need, revision, update_time)
VALUES (@workspace_id, @team_id, @time_zone, @windows, @need, @revision, @update_time)
ON CONFLICT (workspace_id, team_id) DO UPDATE
SET time_zone = excluded.time_zone, windows = excluded.windows, need = excluded.need, revision = excluded.revision,
    update_time = excluded.update_time;

-- name: AddCoreHours :exec
INSERT INTO core_hours_versions (workspace_id, team_id, revision, time_zone, windows, need, start_time)
VALUES (@workspace_id, @team_id, @revision, @time_zone, @windows, @need, @start_time);

-- name: CoreHoursBetween :many
-- The core hours of a team that are in force between two instants, in order. The coalesce is in the subquery, as in DefaultsFrom.
SELECT sqlc.embed(v) FROM core_hours_versions v
WHERE v.workspace_id = @workspace_id AND v.team_id = @team_id AND v.start_time < @until_time
  AND v.revision >= (SELECT coalesce((
    SELECT x.revision FROM core_hours_versions x
    WHERE x.workspace_id = @workspace_id AND x.team_id = @team_id AND x.start_time <= @from_time
    ORDER BY x.revision DESC LIMIT 1), 0))
ORDER BY v.revision;
