-- name: Feed :one
SELECT sqlc.embed(f) FROM calendar_feeds f
WHERE f.workspace_id = @workspace_id AND f.feed_id = @feed_id AND (f.delete_time IS NULL OR @deleted::boolean);

-- name: FeedOfSecret :one
-- Looks through all workspaces: whoever asks shows nothing but the secret.
SELECT sqlc.embed(f) FROM calendar_feeds f WHERE f.secret_hash = @secret_hash AND f.delete_time IS NULL;

-- name: ListMemberFeeds :many
SELECT sqlc.embed(f) FROM calendar_feeds f
WHERE f.workspace_id = @workspace_id AND f.member_id = @parent_id AND f.feed_id < @before AND f.delete_time IS NULL
ORDER BY f.feed_id DESC
LIMIT @max_rows;

-- name: ListTeamFeeds :many
SELECT sqlc.embed(f) FROM calendar_feeds f
WHERE f.workspace_id = @workspace_id AND f.team_id = @parent_id AND f.feed_id < @before AND f.delete_time IS NULL
ORDER BY f.feed_id DESC
LIMIT @max_rows;

-- name: CountMemberFeeds :one
SELECT count(*) FROM calendar_feeds
WHERE workspace_id = @workspace_id AND member_id = @member_id::uuid AND delete_time IS NULL;

-- name: CountTeamFeeds :one
SELECT count(*) FROM calendar_feeds
WHERE workspace_id = @workspace_id AND team_id = @team_id::uuid AND delete_time IS NULL;

-- name: InsertFeed :exec
INSERT INTO calendar_feeds (workspace_id, feed_id, member_id, team_id, display_name, kind, creator_id, secret_hash, create_time)
VALUES (@workspace_id, @feed_id, @member_id, @team_id, @display_name, @kind, @creator_id, @secret_hash, @create_time);

-- name: DeleteFeed :exec
UPDATE calendar_feeds SET secret_hash = NULL, delete_time = @delete_time
WHERE workspace_id = @workspace_id AND feed_id = @feed_id AND delete_time IS NULL;

-- name: TeamName :one
SELECT t.display_name FROM teams t WHERE t.workspace_id = @workspace_id AND t.team_id = @team_id AND NOT t.deleted;

-- name: Leads :one
SELECT EXISTS (
    SELECT FROM team_members tm
    WHERE tm.workspace_id = @workspace_id AND tm.team_id = @team_id AND tm.member_id = @member_id AND tm.lead AND NOT tm.removed
);
