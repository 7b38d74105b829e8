-- Fills a world: {size} messages in {threads} threads of the workspace, and what else a team of {members} would have by then;
-- {beside} other workspaces beside it. Half of the messages are in the first thread, four tenths in the next twenty, the rest
-- in all others. Rows are written in the order of their times, as they would have been.
CREATE FUNCTION bench_scale.id(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;

CREATE TABLE bench_scale.people AS
    SELECT row_number() OVER (ORDER BY member_id <> '{reader}', member_id) - 1 AS n, member_id
    FROM threads.members WHERE workspace_id = '{workspace}';
ALTER TABLE bench_scale.people ADD PRIMARY KEY (n);

CREATE TABLE bench_scale.spaces AS
    SELECT n - 1 AS n, space_id FROM unnest('{spaces}'::uuid[]) WITH ORDINALITY AS s (space_id, n);

INSERT INTO threads.threads (workspace_id, thread_id, space_id, title, type, state, creator_id, reopen_on_message, last_sequence,
        revision, version, create_time, update_time)
    SELECT '{workspace}', bench_scale.id(1, t.n), s.space_id, 'Thread ' || t.n, 'DISCUSSION', 'OPEN', p.member_id, false, t.messages,
           1, t.messages + 1, timestamptz '{since}' + t.n * interval '1 second', timestamptz '{since}'
    FROM (SELECT n, CASE WHEN n = 1 THEN {size} / 2 WHEN n <= 21 THEN {size} / 50
                         ELSE {size} / 10 / ({threads} - 21) + CASE WHEN n - 21 <= {size} / 10 % ({threads} - 21) THEN 1 ELSE 0 END END AS messages
          FROM generate_series(1, {threads}) n) t
    JOIN bench_scale.spaces s ON s.n = t.n % (SELECT count(*) FROM bench_scale.spaces)
    JOIN bench_scale.people p ON p.n = t.n % {members}
    ORDER BY t.n;

INSERT INTO threads.thread_activity
    SELECT workspace_id, thread_id, space_id, timestamptz '{since}' + interval '{days} days' - (create_time - timestamptz '{since}')
    FROM threads.threads WHERE workspace_id = '{workspace}';

INSERT INTO threads.messages (workspace_id, thread_id, sequence, message_id, author_id, body, version, create_time, update_time)
    SELECT t.workspace_id, t.thread_id, q.n, gen_random_uuid(), p.member_id, w.body, q.n + 1, at.time, at.time
    FROM threads.threads t
    CROSS JOIN LATERAL generate_series(1, t.last_sequence) q (n)
    CROSS JOIN LATERAL (SELECT t.create_time + interval '{days} days' * (q.n::float8 / (t.last_sequence + 1)) AS time) at
    JOIN bench_scale.people p ON p.n = (q.n * 31 + extract(second FROM t.create_time)::int) % {members}
    JOIN bench_scale.pool w ON w.n = (q.n * 7919 + extract(epoch FROM t.create_time)::bigint) % {pool}
    WHERE t.workspace_id = '{workspace}'
    ORDER BY at.time;

INSERT INTO threads.search_rows (workspace_id, thread_id, sequence, space_id, author_id, create_time, version, words)
    SELECT m.workspace_id, m.thread_id, m.sequence, t.space_id, m.author_id, m.create_time, m.version, w.words
    FROM threads.messages m
    JOIN threads.threads t ON t.workspace_id = m.workspace_id AND t.thread_id = m.thread_id
    JOIN bench_scale.pool w ON w.n = (m.sequence * 7919 + extract(epoch FROM t.create_time)::bigint) % {pool}
    WHERE m.workspace_id = '{workspace}'
    UNION ALL
    SELECT workspace_id, thread_id, 0, space_id, creator_id, create_time, 1, to_tsvector('simple', title)
    FROM threads.threads WHERE workspace_id = '{workspace}'
    ORDER BY 6;

-- Three messages of all hold the rare word.
UPDATE threads.messages SET body = body || ' {rare}'
    WHERE workspace_id = '{workspace}' AND thread_id IN (bench_scale.id(1, 2), bench_scale.id(1, 3), bench_scale.id(1, 4)) AND sequence = 1;
UPDATE threads.search_rows SET words = words || to_tsvector('simple', '{rare}')
    WHERE workspace_id = '{workspace}' AND thread_id IN (bench_scale.id(1, 2), bench_scale.id(1, 3), bench_scale.id(1, 4)) AND sequence = 1;

-- The reader follows a thousand threads, and so does one more member for every five thousand messages.
INSERT INTO threads.read_states (workspace_id, member_id, thread_id, last_read_sequence, followed, version, update_time)
    SELECT t.workspace_id, p.member_id, t.thread_id, t.last_sequence / 2, true, 1, t.update_time
    FROM bench_scale.people p CROSS JOIN generate_series(1, 1000) f (n)
    JOIN threads.threads t ON t.workspace_id = '{workspace}' AND t.thread_id = bench_scale.id(1, f.n * {threads} / 1000)
    WHERE p.n <= {size} / 5000
    ORDER BY p.member_id, t.thread_id;

-- The reader has a thousand notifications; all others together have one for every five messages.
INSERT INTO notifications.notifications (workspace_id, notification_id, recipient_id, source, context, message, space_id, reason, urgency,
        title, excerpt, summary, state, waiting, version, create_time, update_time)
    SELECT '{workspace}', bench_scale.id(2, i.n), p.member_id, 'workspaces/{workspace}/asks/' || bench_scale.id(3, i.n),
           'workspaces/{workspace}/threads/' || bench_scale.id(1, 1 + i.n % {threads}),
           'workspaces/{workspace}/threads/' || bench_scale.id(1, 1 + i.n % {threads}) || '/messages/1', s.space_id, 'ASKED', 2,
           'Thread', 'What it says', 'Somebody asks you', (ARRAY['DONE', 'DONE', 'READ', 'UNREAD'])[i.n % 4 + 1], i.n % 40 = 3, 1,
           timestamptz '{since}' + i.n % ({days} * 86400) * interval '1 second', timestamptz '{since}'
    FROM generate_series(1, 1000 + {size} / 5) i (n)
    JOIN bench_scale.people p ON p.n = CASE WHEN i.n <= 1000 THEN 0 ELSE 1 + i.n % ({members} - 1) END
    JOIN bench_scale.spaces s ON s.n = i.n % (SELECT count(*) FROM bench_scale.spaces)
    ORDER BY i.n % ({days} * 86400);
INSERT INTO notifications.deliveries (workspace_id, notification_id, channel, recipient_id, decision, explanation, state, deliver_time,
        decide_time, send_time, working_time_version, urgency)
    SELECT workspace_id, notification_id, 'IN_APP', recipient_id, 'NOW', 'They work now.', 'SENT', create_time, create_time, create_time, 1, 2
    FROM notifications.notifications WHERE workspace_id = '{workspace}';

-- A task for every ten messages, of which the reader holds two hundred.
INSERT INTO tasks.tasks (workspace_id, task_id, project_id, space_id, number, key, title, description, state, category, holder_id, reporter_id,
        due_order, priority, labels, last_leg, last_change, revision, version, create_time, update_time, change_time)
    SELECT p.workspace_id, bench_scale.id(4, i.n), p.project_id, p.space_id, i.n / p.all + 1, p.key || '-' || i.n / p.all + 1, 'Task ' || i.n, '',
           st.id, st.category, h.member_id, r.member_id, timestamptz '9999-12-31 23:59:59Z', 1 + i.n % 4, ARRAY['l' || i.n % 7], 1, 1, 1, 1,
           timestamptz '{since}' + i.n % ({days} * 86400) * interval '1 second', timestamptz '{since}', timestamptz '{since}'
    FROM generate_series(0, {size} / 10) i (n)
    JOIN (SELECT *, row_number() OVER (ORDER BY key) - 1 AS n, count(*) OVER () AS all FROM tasks.projects WHERE workspace_id = '{workspace}') p
        ON p.n = i.n % p.all
    JOIN (VALUES (0, 'ready', 'READY'), (1, 'active', 'ACTIVE'), (2, 'done', 'DONE'), (3, 'done', 'DONE')) st (n, id, category) ON st.n = i.n / p.all % 4
    JOIN bench_scale.people h ON h.n = CASE WHEN i.n < 200 THEN 0 ELSE 1 + i.n % ({members} - 1) END
    JOIN bench_scale.people r ON r.n = 1 + i.n * 7 % ({members} - 1)
    ORDER BY i.n % ({days} * 86400);
INSERT INTO tasks.legs (workspace_id, task_id, number, holder_id, start_time, end_reason)
    SELECT workspace_id, task_id, 1, holder_id, create_time, '' FROM tasks.tasks WHERE workspace_id = '{workspace}';
UPDATE tasks.projects p SET last_number = (SELECT max(number) FROM tasks.tasks t WHERE t.workspace_id = p.workspace_id AND t.project_id = p.project_id)
    WHERE workspace_id = '{workspace}';

-- The workspaces beside: each of twenty members, two spaces, twenty threads with a hundred messages, twenty notifications and
-- as many tasks.
INSERT INTO directory.workspaces (workspace_id, display_name, time_zone, version, create_time, update_time)
    SELECT bench_scale.id(10, w), 'Beside ' || w, 'UTC', 1, '{since}', '{since}' FROM generate_series(1, {beside}) w;
INSERT INTO directory.members (workspace_id, member_id, kind, state, role, display_name, email, handle, time_zone, accepted, version, create_time, update_time)
    SELECT bench_scale.id(10, w), bench_scale.id(11, w * 100 + m), 1, 2, 2, 'M', 'm' || m || '@example.com', '', 'UTC', true, 1, '{since}', '{since}'
    FROM generate_series(1, {beside}) w, generate_series(1, 20) m;
INSERT INTO threads.threads (workspace_id, thread_id, space_id, title, type, state, creator_id, reopen_on_message, last_sequence, revision, version,
        create_time, update_time)
    SELECT bench_scale.id(10, w), bench_scale.id(13, w * 100 + t), bench_scale.id(12, w * 100 + t % 2), 'Thread ' || t, 'DISCUSSION', 'OPEN',
           bench_scale.id(11, w * 100 + t), false, 5, 1, 6, timestamptz '{since}' + t * interval '1 hour', '{since}'
    FROM generate_series(1, {beside}) w, generate_series(1, 20) t;
INSERT INTO threads.thread_activity SELECT workspace_id, thread_id, space_id, create_time FROM threads.threads WHERE workspace_id <> '{workspace}';
INSERT INTO threads.messages (workspace_id, thread_id, sequence, message_id, author_id, body, version, create_time, update_time)
    SELECT t.workspace_id, t.thread_id, q, gen_random_uuid(), t.creator_id, w.body, q + 1, t.create_time, t.create_time
    FROM threads.threads t CROSS JOIN generate_series(1, 5) q
    JOIN bench_scale.pool w ON w.n = (q * 31 + extract(epoch FROM t.create_time)::bigint) % {pool} WHERE t.workspace_id <> '{workspace}';
INSERT INTO threads.search_rows (workspace_id, thread_id, sequence, space_id, author_id, create_time, version, words)
    SELECT m.workspace_id, m.thread_id, m.sequence, t.space_id, m.author_id, m.create_time, m.version, to_tsvector('simple', m.body)
    FROM threads.messages m JOIN threads.threads t ON t.workspace_id = m.workspace_id AND t.thread_id = m.thread_id
    WHERE m.workspace_id <> '{workspace}';
INSERT INTO notifications.notifications (workspace_id, notification_id, recipient_id, source, context, space_id, reason, urgency, title, excerpt,
        summary, state, waiting, version, create_time, update_time)
    SELECT bench_scale.id(10, w), bench_scale.id(14, w * 100 + n), bench_scale.id(11, w * 100 + n), 'asks/' || n, 'threads/' || n,
           bench_scale.id(12, w * 100 + n % 2), 'ASKED', 2, 't', 'e', 's', 'UNREAD', false, 1, '{since}', '{since}'
    FROM generate_series(1, {beside}) w, generate_series(1, 20) n;
INSERT INTO tasks.tasks (workspace_id, task_id, project_id, space_id, number, key, title, description, state, category, reporter_id, due_order,
        priority, labels, last_leg, last_change, revision, version, create_time, update_time, change_time)
    SELECT bench_scale.id(10, w), bench_scale.id(15, w * 100 + n), bench_scale.id(16, w), bench_scale.id(12, w * 100), n, 'K-' || n, 'Task', '', 'ready', 'READY',
           bench_scale.id(11, w * 100 + n), '9999-12-31 23:59:59Z', 2, '{}', 0, 0, 1, 1, '{since}', '{since}', '{since}'
    FROM generate_series(1, {beside}) w, generate_series(1, 20) n;
