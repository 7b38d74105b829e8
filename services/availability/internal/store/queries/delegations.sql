-- name: DelegationsBetween :many
-- Who acts for members at some time between two instants, in the order that they were made. One on a time off has no
-- times of its own.
SELECT sqlc.embed(d) FROM delegations d
WHERE d.workspace_id = @workspace_id AND d.member_id = ANY (@member_ids::uuid[])
  AND (d.start_time IS NULL OR d.start_time < @until_time)
  AND (d.end_time IS NULL OR d.end_time > @from_time)
  AND (d.delete_time IS NULL OR d.delete_time > @from_time)
ORDER BY d.member_id, d.delegation_id;

-- name: Delegation :one
SELECT sqlc.embed(d) FROM delegations d
WHERE d.workspace_id = @workspace_id AND d.member_id = @member_id AND d.delegation_id = @delegation_id AND d.delete_time IS NULL;

-- name: ListDelegations :many
-- Public are those that stand on no time off that others do not see.
SELECT sqlc.embed(d) FROM delegations d
WHERE d.workspace_id = @workspace_id AND d.member_id = @member_id AND d.delegation_id < @before AND d.delete_time IS NULL
  AND (NOT @public::boolean OR d.time_off_id IS NULL OR EXISTS (
      SELECT FROM time_offs t
      WHERE t.workspace_id = d.workspace_id AND t.member_id = d.member_id AND t.time_off_id = d.time_off_id AND t.state = 'APPROVED'
  ))
ORDER BY d.delegation_id DESC
LIMIT @max_rows;

-- name: LockDelegations :exec
-- Keeps others from making delegations in the workspace until the transaction ends: two at once might close a circle.
SELECT pg_advisory_xact_lock(hashtextextended('delegations ' || (@workspace_id::uuid)::text, 0));

-- name: InsertDelegation :exec
INSERT INTO delegations (workspace_id, member_id, delegation_id, delegate_id, kinds, time_off_id, start_time, end_time, create_time)
VALUES (@workspace_id, @member_id, @delegation_id, @delegate_id, @kinds, @time_off_id, @start_time, @end_time, @create_time);

-- name: EndDelegation :exec
UPDATE delegations SET delete_time = @delete_time
WHERE workspace_id = @workspace_id AND member_id = @member_id AND delegation_id = @delegation_id;

-- name: ActedFor :many
-- For whom some act in a kind at an instant, each once: those whose delegation was made and not ended by then. One on a time
-- off has no times of its own, and may not hold.
SELECT DISTINCT d.member_id FROM delegations d
WHERE d.workspace_id = @workspace_id AND d.delegate_id = ANY (@delegate_ids::uuid[]) AND @kind::text = ANY (d.kinds)
  AND (d.start_time IS NULL OR d.start_time <= @at_time)
  AND (d.end_time IS NULL OR d.end_time > @at_time)
  AND (d.delete_time IS NULL OR d.delete_time > @at_time);
