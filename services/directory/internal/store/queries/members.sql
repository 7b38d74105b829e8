-- name: InsertMember :exec
INSERT INTO members (workspace_id, member_id, kind, state, role, display_name, email, handle, time_zone, manager_id,
    accepted, version, create_time, update_time)
VALUES (@workspace_id, @member_id, @kind, @state, @role, @display_name, @email, @handle, @time_zone, @manager_id,
    @accepted, @version, @create_time, @update_time);

-- name: GetMember :one
SELECT * FROM members WHERE workspace_id = @workspace_id AND member_id = @member_id;

-- name: LockMember :one
SELECT * FROM members WHERE workspace_id = @workspace_id AND member_id = @member_id FOR UPDATE;

-- name: UpdateMember :exec
UPDATE members
SET state = @state, role = @role, display_name = @display_name, email = @email, handle = @handle,
    time_zone = @time_zone, manager_id = @manager_id, accepted = @accepted, version = @version, update_time = @update_time
WHERE workspace_id = @workspace_id AND member_id = @member_id;

-- name: MembersByEmails :many
SELECT * FROM members WHERE workspace_id = @workspace_id AND email <> '' AND email = ANY(@emails::text[]);

-- name: MembersByIDs :many
SELECT * FROM members WHERE workspace_id = @workspace_id AND member_id = ANY(@ids::uuid[]);

-- name: CountOtherOwners :one
SELECT count(*) FROM members
WHERE workspace_id = @workspace_id AND role = 4 AND state = 2 AND member_id <> @member_id;

-- name: ClaimHandle :execrows
INSERT INTO handles (workspace_id, handle, holder_id)
VALUES (@workspace_id, @handle, @holder_id)
ON CONFLICT DO NOTHING;

-- name: ReleaseHandle :exec
DELETE FROM handles WHERE workspace_id = @workspace_id AND handle = @handle AND holder_id = @holder_id;

-- name: TakenHandles :many
-- A wanted handle and those of it with a number behind: a range of the index, whose text is in byte order.
SELECT handle FROM handles
WHERE workspace_id = @workspace_id
  AND (handle = @base::text OR (handle >= @base::text || '0' AND handle < @base::text || ':'));
