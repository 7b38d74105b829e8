-- name: PutInvitation :exec
INSERT INTO invitations (workspace_id, member_id, code_hash, expire_time)
VALUES (@workspace_id, @member_id, @code_hash, @expire_time)
ON CONFLICT (workspace_id, member_id) DO UPDATE
SET code_hash = excluded.code_hash, expire_time = excluded.expire_time;

-- name: InvitationByCode :one
-- For the owner's role: a code names no workspace.
SELECT * FROM invitations WHERE code_hash = @code_hash;

-- name: GetInvitation :one
SELECT * FROM invitations WHERE workspace_id = @workspace_id AND member_id = @member_id;

-- name: DeleteInvitation :exec
DELETE FROM invitations WHERE workspace_id = @workspace_id AND member_id = @member_id;
