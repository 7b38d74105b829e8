-- name: LockImports :exec
-- Keeps other imports into the space out until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('import ' || (@space_id::uuid)::text, 0));

-- name: Strangers :many
-- Those of the ids that are no members of the workspace, in whatever state.
SELECT a.id::uuid AS id
FROM unnest(@ids::uuid[]) AS a(id)
WHERE NOT EXISTS (SELECT FROM members m WHERE m.workspace_id = @workspace_id AND m.member_id = a.id);

-- name: ImportedMessages :many
-- The places of imported messages, by external id.
SELECT i.external_id, i.thread_id, i.sequence, t.create_time
FROM imported_messages i
JOIN threads t ON t.workspace_id = i.workspace_id AND t.thread_id = i.thread_id
WHERE i.workspace_id = @workspace_id AND i.space_id = @space_id AND i.external_id = ANY (@external_ids::text[]);

-- name: ImportedAnswers :many
-- The threads that hold answers to messages, by the external ids of these.
SELECT DISTINCT i.parent_external_id, i.thread_id, t.create_time
FROM imported_messages i
JOIN threads t ON t.workspace_id = i.workspace_id AND t.thread_id = i.thread_id
WHERE i.workspace_id = @workspace_id AND i.space_id = @space_id AND i.parent_external_id <> ''
  AND i.parent_external_id = ANY (@external_ids::text[]);

-- name: ImportedConversations :many
-- The threads that hold messages of conversations.
SELECT c.thread_external_id, c.thread_id, t.create_time
FROM imported_conversations c
JOIN threads t ON t.workspace_id = c.workspace_id AND t.thread_id = c.thread_id
WHERE c.workspace_id = @workspace_id AND c.space_id = @space_id AND c.thread_external_id = ANY (@thread_external_ids::text[]);

-- name: LockThreads :many
-- Threads under the lock that puts their events in order, locked in the order of their ids.
SELECT sqlc.embed(t), a.activity_time
FROM threads t
JOIN thread_activity a ON a.workspace_id = t.workspace_id AND a.thread_id = t.thread_id
WHERE t.workspace_id = @workspace_id AND t.thread_id = ANY (@ids::uuid[])
ORDER BY t.thread_id
FOR UPDATE OF t;

-- name: InsertImportedThreads :exec
-- New threads of imported messages alone.
INSERT INTO threads (workspace_id, thread_id, space_id, title, type, state, creator_id, reopen_on_message,
                     last_sequence, revision, version, create_time, update_time, imported, imported_count)
SELECT @workspace_id, n.thread_id, @space_id, n.title, 'DISCUSSION', 'OPEN', n.creator_id, false,
       n.last_sequence, 1, n.version, n.create_time, n.create_time, true, n.last_sequence
FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@titles::text[]) AS title,
             unnest(@creator_ids::uuid[]) AS creator_id, unnest(@last_sequences::bigint[]) AS last_sequence,
             unnest(@versions::bigint[]) AS version, unnest(@create_times::timestamptz[]) AS create_time) n;

-- name: InsertImportedActivity :exec
INSERT INTO thread_activity (workspace_id, thread_id, space_id, activity_time)
SELECT @workspace_id, n.thread_id, @space_id, n.activity_time
FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@activity_times::timestamptz[]) AS activity_time) n;

-- name: ExtendThreads :exec
-- Moves locked threads to the sequences and versions that imported messages have taken.
UPDATE threads t
SET imported_count = t.imported_count + n.last_sequence - t.last_sequence, last_sequence = n.last_sequence,
    version = n.version
FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@last_sequences::bigint[]) AS last_sequence,
             unnest(@versions::bigint[]) AS version) n
WHERE t.workspace_id = @workspace_id AND t.thread_id = n.thread_id;

-- name: InsertImportedMessages :exec
-- Imported messages. An utc_offset_seconds of a whole day is none: real ones are within it.
INSERT INTO messages (workspace_id, thread_id, sequence, message_id, author_id, body, reply_to, version, create_time,
                      update_time, imported, utc_offset_seconds, external_id)
SELECT @workspace_id, n.thread_id, n.sequence, n.message_id, n.author_id, n.body, n.reply_to, n.version, n.create_time,
       n.create_time, true, nullif(n.utc_offset_seconds, 86400), n.external_id
FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@sequences::bigint[]) AS sequence,
             unnest(@message_ids::uuid[]) AS message_id, unnest(@author_ids::uuid[]) AS author_id,
             unnest(@bodies::text[]) AS body, unnest(@replies_to::bigint[]) AS reply_to,
             unnest(@versions::bigint[]) AS version, unnest(@create_times::timestamptz[]) AS create_time,
             unnest(@utc_offsets_seconds::integer[]) AS utc_offset_seconds,
             unnest(@external_ids::text[]) AS external_id) n;

-- name: InsertImportLinks :exec
INSERT INTO imported_messages (workspace_id, space_id, external_id, parent_external_id, thread_id, sequence)
SELECT @workspace_id, @space_id, n.external_id, n.parent_external_id, n.thread_id, n.sequence
FROM (SELECT unnest(@external_ids::text[]) AS external_id,
             unnest(@parent_external_ids::text[]) AS parent_external_id, unnest(@thread_ids::uuid[]) AS thread_id,
             unnest(@sequences::bigint[]) AS sequence) n;

-- name: InsertImportConversations :exec
INSERT INTO imported_conversations (workspace_id, space_id, thread_external_id, thread_id)
SELECT @workspace_id, @space_id, n.thread_external_id, n.thread_id
FROM (SELECT unnest(@thread_external_ids::text[]) AS thread_external_id, unnest(@thread_ids::uuid[]) AS thread_id) n
ON CONFLICT DO NOTHING;
