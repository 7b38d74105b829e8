-- name: InsertToken :exec
INSERT INTO api_tokens (workspace_id, token_id, member_id, creator_id, display_name, scopes, token_hash, expire_time,
    version, create_time)
VALUES (@workspace_id, @token_id, @member_id, @creator_id, @display_name, @scopes, @token_hash, @expire_time,
    @version, @create_time);

-- name: GetToken :one
SELECT * FROM api_tokens WHERE workspace_id = @workspace_id AND member_id = @member_id AND token_id = @token_id;

-- name: LockToken :one
SELECT * FROM api_tokens
WHERE workspace_id = @workspace_id AND member_id = @member_id AND token_id = @token_id FOR UPDATE;

-- name: ListTokens :many
SELECT * FROM api_tokens
WHERE workspace_id = @workspace_id AND member_id = @member_id AND token_id < @before_id
ORDER BY token_id DESC
LIMIT @size::int;

-- name: LockLiveTokens :many
SELECT * FROM api_tokens
WHERE workspace_id = @workspace_id AND member_id = @member_id AND revoke_time IS NULL AND expire_time > @now
ORDER BY token_id
FOR UPDATE;

-- name: RevokeToken :exec
UPDATE api_tokens SET revoke_time = @revoke_time, version = @version
WHERE workspace_id = @workspace_id AND token_id = @token_id;

-- name: CountLiveTokens :one
SELECT count(*) FROM api_tokens
WHERE workspace_id = @workspace_id AND member_id = @member_id AND revoke_time IS NULL AND expire_time > @now;

-- name: TouchToken :exec
UPDATE api_tokens SET last_used_time = @now::timestamptz
WHERE workspace_id = @workspace_id AND token_id = @token_id
  AND (last_used_time IS NULL OR last_used_time < @before::timestamptz);

-- name: TokenByHash :one
-- For the owner's role: a token's text names no workspace.
SELECT sqlc.embed(api_tokens), sqlc.embed(members) FROM api_tokens
JOIN members ON members.workspace_id = api_tokens.workspace_id AND members.member_id = api_tokens.member_id
WHERE api_tokens.token_hash = @token_hash;
