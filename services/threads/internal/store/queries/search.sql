-- name: IndexWords :exec
-- Keeps the words of a text that is newer than the one kept.
INSERT INTO search_rows (workspace_id, thread_id, sequence, space_id, author_id, create_time, version, words)
VALUES (@workspace_id, @thread_id, @sequence, @space_id, @author_id, @create_time, @version,
        to_tsvector('simple', @text::text))
ON CONFLICT (workspace_id, thread_id, sequence) DO UPDATE
SET space_id = excluded.space_id, version = excluded.version, words = excluded.words
WHERE search_rows.version < excluded.version;
