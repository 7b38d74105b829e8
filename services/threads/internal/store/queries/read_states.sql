-- name: ReadStates :many
-- The read states of members in threads, with zeros where there is none, and the right each has on the thread's space.
WITH wanted AS MATERIALIZED (
    SELECT n.member_id, t.thread_id, t.space_id, t.title, t.last_sequence, t.imported_count
    FROM (SELECT unnest(@member_ids::uuid[]) AS member_id, unnest(@thread_ids::uuid[]) AS thread_id) n
    JOIN threads t ON t.workspace_id = @workspace_id AND t.thread_id = n.thread_id
), rights AS MATERIALIZED (
    SELECT d.member_id, d.space_id, space_right(@workspace_id, d.member_id, d.space_id) AS have
    FROM (SELECT DISTINCT w.member_id, w.space_id FROM wanted w) d
)
SELECT w.member_id::uuid AS member_id, w.thread_id, w.space_id, w.title, w.last_sequence, w.imported_count,
       r.have::smallint AS have,
       coalesce(s.last_read_sequence, 0)::bigint AS last_read_sequence,
       coalesce(s.imported_before, 0)::bigint AS imported_before, coalesce(s.followed, false)::boolean AS followed,
       coalesce(s.unfollowed, false)::boolean AS unfollowed, coalesce(s.muted, false)::boolean AS muted,
       coalesce(s.own_sequence, 0)::bigint AS own_sequence, coalesce(s.version, 0)::bigint AS version, s.update_time
FROM wanted w
JOIN rights r ON r.member_id = w.member_id AND r.space_id = w.space_id
LEFT JOIN read_states s ON s.workspace_id = @workspace_id AND s.member_id = w.member_id AND s.thread_id = w.thread_id;

-- name: ListReadStates :many
-- The read states of the threads that a member follows and may read, before a thread's id, the newest thread first. The
-- threads are looked up one by one (LATERAL and LIMIT), or else a page would merge with all threads of the workspace.
SELECT s.thread_id, s.last_read_sequence, s.imported_before, s.followed, s.unfollowed, s.muted, s.own_sequence, s.version, s.update_time, t.space_id, t.title, t.last_sequence, t.imported_count
FROM read_states s
CROSS JOIN LATERAL (
    SELECT x.space_id, x.title, x.last_sequence, x.imported_count
    FROM threads x
    WHERE x.workspace_id = s.workspace_id AND x.thread_id = s.thread_id
    LIMIT 1
) t
WHERE s.workspace_id = @workspace_id AND s.member_id = @member_id AND s.followed AND s.thread_id < @before
  AND t.space_id IN (SELECT r.space_id FROM readable_spaces(@workspace_id, @member_id) AS r(space_id))
  AND (NOT (@unread_only::boolean)
       OR t.last_sequence - t.imported_count > s.last_read_sequence - s.imported_before)
ORDER BY s.thread_id DESC
LIMIT @max_rows;

-- name: AddReadStates :exec
-- Lays the rows that are missing, in the order in which rows are locked.
INSERT INTO read_states (workspace_id, member_id, thread_id)
SELECT @workspace_id, n.member_id, n.thread_id
FROM (SELECT unnest(@member_ids::uuid[]) AS member_id, unnest(@thread_ids::uuid[]) AS thread_id) n
ORDER BY n.member_id, n.thread_id
ON CONFLICT DO NOTHING;

-- name: LockReadStates :exec
SELECT 1 FROM read_states s
JOIN (SELECT unnest(@member_ids::uuid[]) AS member_id, unnest(@thread_ids::uuid[]) AS thread_id) n
  ON n.member_id = s.member_id AND n.thread_id = s.thread_id
WHERE s.workspace_id = @workspace_id
ORDER BY s.member_id, s.thread_id
FOR UPDATE OF s;

-- name: SaveReadStates :exec
UPDATE read_states s
SET last_read_sequence = n.last_read_sequence, imported_before = n.imported_before, followed = n.followed,
    unfollowed = n.unfollowed, muted = n.muted, version = n.version,
    update_time = CASE WHEN n.version > s.version THEN @update_time ELSE s.update_time END
FROM (SELECT unnest(@member_ids::uuid[]) AS member_id, unnest(@thread_ids::uuid[]) AS thread_id,
             unnest(@last_read_sequences::bigint[]) AS last_read_sequence,
             unnest(@imported_befores::bigint[]) AS imported_before, unnest(@followeds::boolean[]) AS followed,
             unnest(@unfolloweds::boolean[]) AS unfollowed, unnest(@muteds::boolean[]) AS muted,
             unnest(@versions::bigint[]) AS version) n
WHERE s.workspace_id = @workspace_id AND s.member_id = n.member_id AND s.thread_id = n.thread_id;

-- name: ImportedThrough :many
-- How many of the messages of threads up to a sequence were imported.
SELECT n.thread_id::uuid AS thread_id,
       (SELECT count(*) FROM messages m
        WHERE m.workspace_id = @workspace_id AND m.thread_id = n.thread_id AND m.imported AND m.sequence <= n.sequence) AS imported
FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@sequences::bigint[]) AS sequence) n;

-- name: ReadOwnPosts :exec
-- Has the authors of new messages follow their threads, and moves their pointers to these where they had read all before
-- them: where as many messages are left to read as were imported. The rows have been laid by AddReadStates.
WITH touched AS MATERIALIZED (
    SELECT n.*, s.all_read, s.all_read OR NOT s.followed AS changed
    FROM (SELECT unnest(@member_ids::uuid[]) AS member_id, unnest(@thread_ids::uuid[]) AS thread_id,
                 unnest(@sequences::bigint[]) AS sequence, unnest(@newests::bigint[]) AS newest,
                 unnest(@imported_counts::bigint[]) AS imported, unnest(@posteds::bigint[]) AS posted
          ORDER BY 1, 2) n
    CROSS JOIN LATERAL (
        SELECT r.last_read_sequence - r.imported_before = n.posted AS all_read, r.followed
        FROM read_states r
        WHERE r.workspace_id = @workspace_id AND r.member_id = n.member_id AND r.thread_id = n.thread_id
        FOR UPDATE) s
)
UPDATE read_states r
SET last_read_sequence = CASE WHEN touched.all_read THEN touched.sequence ELSE r.last_read_sequence END,
    imported_before = CASE WHEN touched.all_read THEN touched.imported ELSE r.imported_before END,
    followed = true, unfollowed = false, own_sequence = touched.newest,
    update_time = CASE WHEN touched.changed THEN @update_time ELSE r.update_time END
FROM touched
WHERE r.workspace_id = @workspace_id AND r.member_id = touched.member_id AND r.thread_id = touched.thread_id;

-- name: TeamMembers :many
SELECT DISTINCT m.member_id
FROM team_members m
JOIN teams t ON t.workspace_id = m.workspace_id AND t.team_id = m.team_id AND NOT t.deleted
WHERE m.workspace_id = @workspace_id AND m.team_id = ANY (@team_ids::uuid[]) AND NOT m.removed;
