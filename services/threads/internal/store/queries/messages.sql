-- name: MessageFor :one
-- One message as a member sees it, its thread's space and the right the member has there.
SELECT sqlc.embed(m),
       coalesce(CASE WHEN m.reacted THEN reactions_of(m.workspace_id, m.thread_id, m.sequence, @member_id) END, '[]')::jsonb
           AS reactions,
       t.space_id, space_right(t.workspace_id, @member_id, t.space_id)::smallint AS have
FROM messages m
JOIN threads t ON t.workspace_id = m.workspace_id AND t.thread_id = m.thread_id
WHERE m.workspace_id = @workspace_id AND m.thread_id = @thread_id AND m.sequence = @sequence;

-- name: InsertMessages :exec
-- New messages. Of mentions the ids are in one text each, parted by blanks.
INSERT INTO messages (workspace_id, thread_id, sequence, message_id, author_id, body, reply_to, mentioned_members,
                      mentioned_teams, revision, version, create_time, update_time, urgency, urgent_reason, ask_count)
SELECT @workspace_id, n.thread_id, n.sequence, n.message_id, n.author_id, n.body, n.reply_to,
       string_to_array(n.members, ' ')::uuid[], string_to_array(n.teams, ' ')::uuid[], 1, n.version, @create_time,
       @create_time, n.urgency, n.urgent_reason, n.ask_count
FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@sequences::bigint[]) AS sequence,
             unnest(@message_ids::uuid[]) AS message_id, unnest(@author_ids::uuid[]) AS author_id,
             unnest(@bodies::text[]) AS body, unnest(@replies_to::bigint[]) AS reply_to,
             unnest(@members::text[]) AS members, unnest(@teams::text[]) AS teams,
             unnest(@versions::bigint[]) AS version, unnest(@urgencies::smallint[]) AS urgency,
             unnest(@urgent_reasons::text[]) AS urgent_reason, unnest(@ask_counts::smallint[]) AS ask_count) n;

-- name: KeepRevision :exec
-- Keeps the present body of a message as a revision, before it is replaced.
INSERT INTO message_revisions (workspace_id, thread_id, sequence, revision, body, create_time)
SELECT m.workspace_id, m.thread_id, m.sequence, m.revision, m.body, m.update_time
FROM messages m
WHERE m.workspace_id = @workspace_id AND m.thread_id = @thread_id AND m.sequence = @sequence;

-- name: UpdateMessage :exec
UPDATE messages
SET body = @body, mentioned_members = @mentioned_members, mentioned_teams = @mentioned_teams, reacted = @reacted,
    revision = @revision, version = @version, update_time = @update_time, delete_time = @delete_time,
    urgent_reason = @urgent_reason, ask_count = @ask_count
WHERE workspace_id = @workspace_id AND thread_id = @thread_id AND sequence = @sequence;

-- name: UpdateMessageReacted :exec
UPDATE messages SET reacted = @reacted, version = @version
WHERE workspace_id = @workspace_id AND thread_id = @thread_id AND sequence = @sequence;

-- name: DeleteRevisions :exec
DELETE FROM message_revisions
WHERE workspace_id = @workspace_id AND thread_id = @thread_id AND sequence = @sequence;

-- name: DeleteReactions :exec
DELETE FROM message_reactions
WHERE workspace_id = @workspace_id AND thread_id = @thread_id AND sequence = @sequence;

-- name: InsertReaction :exec
INSERT INTO message_reactions (workspace_id, thread_id, sequence, emoji, member_id, version)
VALUES (@workspace_id, @thread_id, @sequence, @emoji, @member_id, @version);

-- name: DeleteReaction :exec
DELETE FROM message_reactions
WHERE workspace_id = @workspace_id AND thread_id = @thread_id AND sequence = @sequence AND emoji = @emoji
  AND member_id = @member_id;

-- name: ListRevisions :many
-- The bodies of a message after a revision, the oldest first; the present one is the message's own.
SELECT r.revision, r.body, r.create_time, false AS current
FROM message_revisions r
WHERE r.workspace_id = @workspace_id AND r.thread_id = @thread_id AND r.sequence = @sequence AND r.revision > @after
UNION ALL
SELECT m.revision, m.body, m.update_time, true
FROM messages m
WHERE m.workspace_id = @workspace_id AND m.thread_id = @thread_id AND m.sequence = @sequence AND m.revision > @after
  AND m.delete_time IS NULL
ORDER BY revision
LIMIT @max_rows;
