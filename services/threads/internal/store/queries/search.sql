-- name: IndexWords :exec
-- Keeps the words of texts that are newer than those kept, in the order in which rows are locked.
INSERT INTO search_rows (workspace_id, thread_id, sequence, space_id, author_id, create_time, version, words)
SELECT @workspace_id, n.thread_id, n.sequence, n.space_id, n.author_id, n.create_time, n.version, to_tsvector('simple', n.text)
FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@sequences::bigint[]) AS sequence,
             unnest(@space_ids::uuid[]) AS space_id, unnest(@author_ids::uuid[]) AS author_id,
             unnest(@create_times::timestamptz[]) AS create_time, unnest(@versions::bigint[]) AS version,
             unnest(@texts::text[]) AS text) n
ORDER BY n.thread_id, n.sequence
ON CONFLICT (workspace_id, thread_id, sequence) DO UPDATE
SET space_id = excluded.space_id, version = excluded.version, words = excluded.words
WHERE search_rows.version < excluded.version;
