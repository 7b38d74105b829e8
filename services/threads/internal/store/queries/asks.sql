-- name: WorkspaceSettings :one
SELECT w.urgent_role, w.low_seconds, w.normal_seconds, w.high_seconds, w.urgent_seconds
FROM workspaces w
WHERE w.workspace_id = @workspace_id;

-- name: Askable :many
-- Those of the members who may be asked in a space: ACTIVE ones who may read it.
SELECT r.member_id::uuid AS member_id FROM space_readers(@workspace_id, @space_id, @member_ids::uuid[]) AS r(member_id);

-- name: AskableTeams :many
-- The members of teams who may be asked in a space, without the asker; a row of zeros for a team that has none. At most
-- so many of each.
SELECT t.team_id, coalesce(x.member_id, '00000000-0000-0000-0000-000000000000')::uuid AS member_id
FROM teams t
LEFT JOIN LATERAL (
    SELECT r.member_id
    FROM space_readers(t.workspace_id, @space_id, ARRAY(
        SELECT tm.member_id
        FROM team_members tm
        WHERE tm.workspace_id = t.workspace_id AND tm.team_id = t.team_id AND NOT tm.removed AND tm.member_id <> @asker_id
    )) AS r(member_id)
    ORDER BY r.member_id
    LIMIT @max_members
) x ON true
WHERE t.workspace_id = @workspace_id AND t.team_id = ANY (@team_ids::uuid[]) AND NOT t.deleted;

-- name: AskFor :one
-- The ask, the thread's title, and the right that a member has on its space.
SELECT sqlc.embed(a), t.title, space_right(a.workspace_id, @member_id, a.space_id)::smallint AS have
FROM asks a
JOIN threads t ON t.workspace_id = a.workspace_id AND t.thread_id = a.thread_id
WHERE a.workspace_id = @workspace_id AND a.ask_id = @ask_id;

-- name: LockAskFor :one
-- The same under the lock that puts the ask's events in order, with what events tell of its thread and message.
SELECT sqlc.embed(a), t.title, t.state AS thread_state, left(m.body, 2048)::text AS excerpt, m.urgent_reason,
       space_right(a.workspace_id, @member_id, a.space_id)::smallint AS have
FROM asks a
JOIN threads t ON t.workspace_id = a.workspace_id AND t.thread_id = a.thread_id
JOIN messages m ON m.workspace_id = a.workspace_id AND m.thread_id = a.thread_id AND m.sequence = a.sequence
WHERE a.workspace_id = @workspace_id AND a.ask_id = @ask_id
FOR UPDATE OF a;

-- name: LockRepliedAsks :many
-- Locks the open REPLY asks of a message that wait for a member, or for one for whom they act. Whether they still do is read again under the lock.
SELECT sqlc.embed(a)
FROM asks a
WHERE a.workspace_id = @workspace_id AND a.thread_id = @thread_id AND a.sequence = @sequence AND a.kind = 'REPLY'
  AND a.state = 'OPEN'
  AND EXISTS (SELECT FROM ask_recipients r
              WHERE r.workspace_id = a.workspace_id AND r.ask_id = a.ask_id AND r.state = 'OPEN'
                AND (r.member_id = @member_id OR r.delegate_id = @member_id))
ORDER BY a.ask_id
FOR UPDATE OF a;

-- name: LockOpenAsks :many
-- Locks the open asks of a message.
SELECT sqlc.embed(a)
FROM asks a
WHERE a.workspace_id = @workspace_id AND a.thread_id = @thread_id AND a.sequence = @sequence AND a.state = 'OPEN'
ORDER BY a.ask_id
FOR UPDATE OF a;

-- name: AskRecipients :many
-- Those asked by asks, in the order of the asks given; at most so many.
SELECT sqlc.embed(r)
FROM (SELECT unnest(@ask_ids::uuid[]) AS ask_id, unnest(@places::integer[]) AS place) n
JOIN ask_recipients r ON r.workspace_id = @workspace_id AND r.ask_id = n.ask_id
ORDER BY n.place, r.place
LIMIT @max_rows;

-- name: MessageAsks :many
-- The asks of messages with those asked, in the order of the messages given; at most so many.
SELECT n.place::integer AS message, sqlc.embed(a), sqlc.embed(r)
FROM (SELECT unnest(@thread_ids::uuid[]) AS thread_id, unnest(@sequences::bigint[]) AS sequence,
             unnest(@places::integer[]) AS place) n
JOIN asks a ON a.workspace_id = @workspace_id AND a.thread_id = n.thread_id AND a.sequence = n.sequence
JOIN ask_recipients r ON r.workspace_id = a.workspace_id AND r.ask_id = a.ask_id
ORDER BY n.place, a.ask_id, r.place
LIMIT @max_rows;

-- name: InsertAsks :exec
INSERT INTO asks (workspace_id, ask_id, thread_id, sequence, space_id, asker_id, kind, member_ids, team_id, everyone,
                  response_window, urgency, state, version, create_time, update_time)
SELECT @workspace_id, n.ask_id, @thread_id, @sequence, @space_id, @asker_id, n.kind,
       string_to_array(n.member_ids, ' ')::uuid[], nullif(n.team_id, '00000000-0000-0000-0000-000000000000'), n.everyone,
       n.response_window, @urgency, 'OPEN', 1, @create_time, @create_time
FROM (SELECT unnest(@ask_ids::uuid[]) AS ask_id, unnest(@kinds::text[]) AS kind,
             unnest(@members::text[]) AS member_ids, unnest(@team_ids::uuid[]) AS team_id,
             unnest(@everyones::boolean[]) AS everyone, unnest(@response_windows::text[]) AS response_window) n;

-- name: UpdateAsk :exec
UPDATE asks
SET state = @state, withdraw_reason = @withdraw_reason, version = @version, update_time = @update_time
WHERE workspace_id = @workspace_id AND ask_id = @ask_id;

-- name: PutAskRecipients :exec
-- Adds those asked, or keeps what has become of them. A due time that was asked for again meanwhile stays pending. Zeros
-- stand for none: ids of zeros, times of the epoch.
INSERT INTO ask_recipients AS old (
    workspace_id, ask_id, member_id, create_time, place, state, of_team, start_time, due_pending, due_round, due_time,
    remind_time, due_reason, delegate_id, overdue_told, answer_sequence, comment, answered_by_id, reassigned_to_id,
    reassigned_from_id, update_time)
SELECT @workspace_id, n.ask_id, n.member_id, n.create_time, n.place, n.state, n.of_team, n.start_time, n.due_pending,
       n.due_round, nullif(n.due_time, 'epoch'), nullif(n.remind_time, 'epoch'), n.due_reason,
       nullif(n.delegate_id, '00000000-0000-0000-0000-000000000000'), n.overdue_told, n.answer_sequence, n.comment, nullif(n.answered_by_id, '00000000-0000-0000-0000-000000000000'),
       nullif(n.reassigned_to_id, '00000000-0000-0000-0000-000000000000'),
       nullif(n.reassigned_from_id, '00000000-0000-0000-0000-000000000000'), n.update_time
FROM (SELECT unnest(@ask_ids::uuid[]) AS ask_id, unnest(@member_ids::uuid[]) AS member_id,
             unnest(@create_times::timestamptz[]) AS create_time, unnest(@places::smallint[]) AS place,
             unnest(@states::text[]) AS state, unnest(@of_teams::boolean[]) AS of_team,
             unnest(@start_times::timestamptz[]) AS start_time, unnest(@due_pendings::boolean[]) AS due_pending,
             unnest(@due_rounds::bigint[]) AS due_round, unnest(@due_times::timestamptz[]) AS due_time,
             unnest(@remind_times::timestamptz[]) AS remind_time, unnest(@due_reasons::smallint[]) AS due_reason,
             unnest(@delegate_ids::uuid[]) AS delegate_id,
             unnest(@overdue_tolds::boolean[]) AS overdue_told, unnest(@answer_sequences::bigint[]) AS answer_sequence,
             unnest(@comments::text[]) AS comment, unnest(@answered_by_ids::uuid[]) AS answered_by_id,
             unnest(@reassigned_to_ids::uuid[]) AS reassigned_to_id,
             unnest(@reassigned_from_ids::uuid[]) AS reassigned_from_id,
             unnest(@update_times::timestamptz[]) AS update_time) n
ORDER BY n.ask_id, n.member_id
ON CONFLICT (workspace_id, ask_id, member_id) DO UPDATE
SET state = excluded.state, of_team = excluded.of_team, start_time = excluded.start_time,
    due_pending = excluded.state = 'OPEN' AND (excluded.due_pending OR old.due_round > excluded.due_round),
    due_round = greatest(old.due_round, excluded.due_round), due_time = excluded.due_time,
    remind_time = excluded.remind_time, due_reason = excluded.due_reason, delegate_id = excluded.delegate_id,
    overdue_told = excluded.overdue_told,
    lease_time = 'epoch', answer_sequence = excluded.answer_sequence, comment = excluded.comment,
    answered_by_id = excluded.answered_by_id, reassigned_to_id = excluded.reassigned_to_id,
    reassigned_from_id = excluded.reassigned_from_id, update_time = excluded.update_time;

-- name: MarkMemberDues :exec
-- Has the due times of what waits for a member computed again, where their working time within a range decides them. Those
-- that are being computed too: what they are due at is not known, and whoever computes may have asked before the change.
WITH touched AS MATERIALIZED (
    SELECT c.ask_id, c.member_id
    FROM ask_recipients c
    WHERE c.workspace_id = @workspace_id AND c.member_id = @member_id AND c.state = 'OPEN'
      AND (c.due_pending OR c.due_time IS NULL OR c.due_time >= @changed_from) AND c.start_time < @changed_until
    ORDER BY c.ask_id, c.member_id
    FOR UPDATE
)
UPDATE ask_recipients r
SET due_pending = true, due_round = r.due_round + 1, lease_time = 'epoch'
FROM touched
WHERE r.workspace_id = @workspace_id AND r.ask_id = touched.ask_id AND r.member_id = touched.member_id;

-- name: MarkWorkspaceDues :exec
-- Has the due times of all that waits for anybody in the workspace computed again. It goes through arrays, of which the
-- planner expects ten rows, so that it looks up each row, however much it takes the workspace to have.
WITH touched AS MATERIALIZED (
    SELECT c.ask_id, c.member_id
    FROM ask_recipients c
    WHERE c.workspace_id = @workspace_id AND c.state = 'OPEN'
    ORDER BY c.ask_id, c.member_id
    FOR UPDATE
)
UPDATE ask_recipients r
SET due_pending = true, due_round = r.due_round + 1, lease_time = 'epoch'
FROM (SELECT unnest(ARRAY(SELECT t.ask_id FROM touched t)) AS ask_id,
             unnest(ARRAY(SELECT t.member_id FROM touched t)) AS member_id) n
WHERE r.workspace_id = @workspace_id AND r.ask_id = n.ask_id AND r.member_id = n.member_id;

-- name: ActiveMembers :many
SELECT m.member_id
FROM members m
WHERE m.workspace_id = @workspace_id AND m.member_id = ANY (@member_ids::uuid[]) AND m.state = 2;

-- name: NextPendingDue :one
-- Since when one that is still to be computed has been waiting.
SELECT r.start_time FROM ask_recipients r WHERE r.due_pending ORDER BY r.lease_time LIMIT 1;

-- name: ClaimOverdue :many
-- Takes rows of any workspace whose windows are over without that having been told, and that nobody has in hand.
WITH claimed AS MATERIALIZED (
    SELECT c.workspace_id, c.ask_id, c.member_id
    FROM ask_recipients c
    WHERE c.state = 'OPEN' AND NOT c.overdue_told AND NOT c.due_pending AND c.due_time <= @now::timestamptz
      AND c.lease_time < clock_timestamp()
    ORDER BY c.due_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE ask_recipients r
SET lease_time = clock_timestamp() + make_interval(secs => @lease_seconds::double precision)
FROM claimed
WHERE r.workspace_id = claimed.workspace_id AND r.ask_id = claimed.ask_id AND r.member_id = claimed.member_id
RETURNING r.workspace_id, r.ask_id;

-- name: NextOverdue :one
SELECT r.due_time FROM ask_recipients r
WHERE r.state = 'OPEN' AND NOT r.overdue_told AND NOT r.due_pending AND r.due_time IS NOT NULL
ORDER BY r.due_time
LIMIT 1;
