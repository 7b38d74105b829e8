-- name: InsertEventSubscription :exec
INSERT INTO event_subscriptions (workspace_id, subscription_id, creator_id, display_name, filters, start_time,
    start_sequence, inbox_prefix, version, create_time)
VALUES (@workspace_id, @subscription_id, @creator_id, @display_name, @filters, @start_time, @start_sequence,
    @inbox_prefix, @version, @create_time);

-- name: GetEventSubscription :one
SELECT * FROM event_subscriptions
WHERE workspace_id = @workspace_id AND subscription_id = @subscription_id AND delete_time IS NULL;

-- name: LockEventSubscription :one
SELECT * FROM event_subscriptions
WHERE workspace_id = @workspace_id AND subscription_id = @subscription_id FOR UPDATE;

-- name: ListEventSubscriptions :many
SELECT * FROM event_subscriptions
WHERE workspace_id = @workspace_id AND subscription_id < @before_id AND delete_time IS NULL
ORDER BY subscription_id DESC
LIMIT @size::int;

-- name: CountEventSubscriptions :one
SELECT count(*) FROM event_subscriptions WHERE workspace_id = @workspace_id AND delete_time IS NULL;

-- name: DeleteEventSubscription :exec
UPDATE event_subscriptions SET delete_time = @delete_time, version = @version
WHERE workspace_id = @workspace_id AND subscription_id = @subscription_id;

-- name: LiveEventSubscriptions :many
-- For the owner's role: over all workspaces.
SELECT subscription_id FROM event_subscriptions
WHERE subscription_id = ANY(@ids::uuid[]) AND delete_time IS NULL;
