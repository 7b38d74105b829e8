-- name: MessageSources :many
-- How messages stand for members, by the places of the checks: those that are there and may be read.
WITH wanted AS MATERIALIZED (
    SELECT n.place, n.member_id, n.thread_id, n.sequence, t.space_id, t.title
    FROM (SELECT unnest(@places::integer[]) AS place, unnest(@member_ids::uuid[]) AS member_id,
                 unnest(@thread_ids::uuid[]) AS thread_id, unnest(@sequences::bigint[]) AS sequence) n
    JOIN threads t ON t.workspace_id = @workspace_id AND t.thread_id = n.thread_id
), rights AS MATERIALIZED (
    SELECT d.member_id, d.space_id
    FROM (SELECT DISTINCT w.member_id, w.space_id FROM wanted w) d
    WHERE space_right(@workspace_id, d.member_id, d.space_id) >= 1
)
SELECT w.place::integer AS place, w.title, left(m.body, 2048)::text AS excerpt,
       (coalesce(s.last_read_sequence, 0) >= w.sequence)::boolean AS read
FROM wanted w
JOIN rights r ON r.member_id = w.member_id AND r.space_id = w.space_id
JOIN messages m ON m.workspace_id = @workspace_id AND m.thread_id = w.thread_id AND m.sequence = w.sequence
LEFT JOIN read_states s ON s.workspace_id = @workspace_id AND s.member_id = w.member_id AND s.thread_id = w.thread_id
WHERE m.delete_time IS NULL;

-- name: AskSources :many
-- How asks stand for members, by the places of the checks: those whose message is there and may be read. For one who is not
-- asked themselves it stands as for somebody for whom they act, whom it waits for if there is one.
WITH wanted AS MATERIALIZED (
    SELECT n.place, n.member_id, n.ask_id, a.thread_id, a.sequence, a.space_id, a.state
    FROM (SELECT unnest(@places::integer[]) AS place, unnest(@member_ids::uuid[]) AS member_id,
                 unnest(@ask_ids::uuid[]) AS ask_id) n
    JOIN asks a ON a.workspace_id = @workspace_id AND a.ask_id = n.ask_id
), rights AS MATERIALIZED (
    SELECT d.member_id, d.space_id
    FROM (SELECT DISTINCT w.member_id, w.space_id FROM wanted w) d
    WHERE space_right(@workspace_id, d.member_id, d.space_id) >= 1
)
SELECT w.place::integer AS place, t.title, left(m.body, 2048)::text AS excerpt,
       (coalesce(s.last_read_sequence, 0) >= w.sequence)::boolean AS read, w.state,
       coalesce(p.state, d.state, '')::text AS recipient_state, coalesce(p.due_time, d.due_time, 'epoch')::timestamptz AS due_time,
       coalesce(p.answered_by_id <> w.member_id, d.answered_by_id <> w.member_id, false)::boolean AS by_another
FROM wanted w
JOIN rights r ON r.member_id = w.member_id AND r.space_id = w.space_id
JOIN threads t ON t.workspace_id = @workspace_id AND t.thread_id = w.thread_id
JOIN messages m ON m.workspace_id = @workspace_id AND m.thread_id = w.thread_id AND m.sequence = w.sequence
LEFT JOIN ask_recipients p ON p.workspace_id = @workspace_id AND p.ask_id = w.ask_id AND p.member_id = w.member_id
LEFT JOIN LATERAL (
    SELECT x.state, x.due_time, x.answered_by_id FROM ask_recipients x
    WHERE x.workspace_id = @workspace_id AND x.ask_id = w.ask_id AND x.delegate_id = w.member_id AND p.member_id IS NULL
    ORDER BY x.state <> 'OPEN'
    LIMIT 1
) d ON true
LEFT JOIN read_states s ON s.workspace_id = @workspace_id AND s.member_id = w.member_id AND s.thread_id = w.thread_id
WHERE m.delete_time IS NULL;

-- name: FollowedActivity :many
-- The threads that a member follows without having muted them, may read, and has not read to the end, the newest activity
-- first. What a thread adds is looked up for each of those followed, so the cost is theirs alone; OFFSET 0 keeps it so.
SELECT s.thread_id, f.title, f.space_id, f.activity_time,
       (f.last_sequence - f.imported_count - (s.last_read_sequence - s.imported_before))::bigint AS unread
FROM read_states s
CROSS JOIN LATERAL (
    SELECT t.title, t.space_id, t.last_sequence, t.imported_count, v.activity_time
    FROM threads t
    JOIN thread_activity v ON v.workspace_id = t.workspace_id AND v.thread_id = t.thread_id
    WHERE t.workspace_id = s.workspace_id AND t.thread_id = s.thread_id
    OFFSET 0
) f
WHERE s.workspace_id = @workspace_id AND s.member_id = @member_id AND s.followed AND NOT s.muted
  AND f.last_sequence - f.imported_count > s.last_read_sequence - s.imported_before
  AND f.space_id IN (SELECT r.space_id FROM readable_spaces(@workspace_id, @member_id) AS r(space_id))
  AND (f.activity_time, s.thread_id) < (@before::timestamptz, @before_thread::uuid)
ORDER BY f.activity_time DESC, s.thread_id DESC
LIMIT @max_rows;
