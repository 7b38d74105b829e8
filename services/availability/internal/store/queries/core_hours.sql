-- name: CoreHours :one
SELECT sqlc.embed(c) FROM core_hours c WHERE c.workspace_id = @workspace_id AND c.team_id = @team_id;

-- name: SaveCoreHours :exec
INSERT INTO core_hours (workspace_id, team_id, time_zone, windows, need, revision, update_time)
VALUES (@workspace_id, @team_id, @time_zone, @windows, @need, @revision, @update_time)
ON CONFLICT (workspace_id, team_id) DO UPDATE
SET time_zone = excluded.time_zone, windows = excluded.windows, need = excluded.need, revision = excluded.revision,
    update_time = excluded.update_time;
