-- name: LayersBetween :many
-- The layers of members of which something may count between two instants, in the order they were made.
SELECT sqlc.embed(l) FROM layers l
WHERE l.workspace_id = @workspace_id AND l.member_id = ANY (@member_ids::uuid[])
  AND l.upper_time > @from_time AND l.lower_time < @until_time
ORDER BY l.member_id, l.create_time, l.layer_id;

-- name: Layer :one
SELECT sqlc.embed(l) FROM layers l
WHERE l.workspace_id = @workspace_id AND l.member_id = @member_id AND l.layer_id = @layer_id AND l.kind = @kind;

-- name: ListLayers :many
SELECT sqlc.embed(l) FROM layers l
WHERE l.workspace_id = @workspace_id AND l.member_id = @member_id AND l.kind = @kind AND l.delete_time IS NULL AND l.layer_id < @before
ORDER BY l.layer_id DESC
LIMIT @max_rows;

-- name: LayerOver :one
-- A layer of the kind that has one of the dates, of those that may count after an instant.
SELECT sqlc.embed(l) FROM layers l
WHERE l.workspace_id = @workspace_id AND l.member_id = @member_id AND l.kind = @kind AND l.delete_time IS NULL
  AND l.upper_time > @from_time AND l.first_date <= @last_date AND l.last_date >= @first_date
ORDER BY l.first_date
LIMIT 1;

-- name: InsertLayer :exec
INSERT INTO layers (workspace_id, member_id, layer_id, kind, display_name, time_zone, windows, first_date, last_date, start_time,
                    end_time, create_time, lower_time, upper_time)
VALUES (@workspace_id, @member_id, @layer_id, @kind, @display_name, @time_zone, @windows, @first_date, @last_date, @start_time,
        @end_time, @create_time, @lower_time, @upper_time);

-- name: DeleteLayer :exec
UPDATE layers SET delete_time = @delete_time, upper_time = least(upper_time, @delete_time)
WHERE workspace_id = @workspace_id AND member_id = @member_id AND layer_id = @layer_id;
