-- name: HandoffFor :one
-- The handoff as its row is, and the right that a member has on its space.
SELECT sqlc.embed(h), t.key AS task_key, t.title AS task_title,
       space_right(h.workspace_id, @member_id, h.space_id)::smallint AS have
FROM handoffs h
JOIN tasks t ON t.workspace_id = h.workspace_id AND t.task_id = h.task_id
WHERE h.workspace_id = @workspace_id AND h.handoff_id = @handoff_id;

-- name: PutHandoff :exec
-- Keeps a handoff as it has become. The columns of the work are not touched, but that a new expiry is anybody's to announce.
INSERT INTO handoffs (workspace_id, handoff_id, task_id, space_id, giver_id, leg_number, route, recipient_id, team_id, done,
                      next_steps, blockers, links, questions, response, state, start_time, expire_time, remind_time,
                      responder_id, reason, previous_id, next_id, returned, decliners, tried, version, create_time, end_time, delegate_id)
VALUES (@workspace_id, @handoff_id, @task_id, @space_id, @giver_id, @leg_number, @route, @recipient_id, @team_id, @done,
        @next_steps, @blockers, @links, @questions, @response, @state, @start_time, @expire_time, @remind_time,
        @responder_id, @reason, @previous_id, @next_id, @returned, @decliners, @tried, @version, @create_time, @end_time,
        @delegate_id)
ON CONFLICT (workspace_id, handoff_id) DO UPDATE
SET recipient_id = excluded.recipient_id, state = excluded.state, start_time = excluded.start_time,
    expire_time = excluded.expire_time, remind_time = excluded.remind_time, responder_id = excluded.responder_id,
    reason = excluded.reason, next_id = excluded.next_id, returned = excluded.returned, decliners = excluded.decliners,
    tried = excluded.tried, version = excluded.version, end_time = excluded.end_time, delegate_id = excluded.delegate_id,
    expire_lease = NULL;

-- name: MarkRouting :exec
-- Has the routing look at handoffs, at once.
UPDATE handoffs
SET route_since = @now, route_marks = route_marks + 1, route_tries = 0, route_lease = NULL
WHERE workspace_id = @workspace_id AND handoff_id = ANY (@handoffs::uuid[]);

-- name: Routed :exec
-- The routing has looked. A mark that came while it did stays.
UPDATE handoffs
SET route_since = NULL, route_lease = NULL, route_tries = 0
WHERE workspace_id = @workspace_id AND handoff_id = @handoff_id AND route_marks = @marks;

-- name: LookAgain :exec
-- The routing has not looked after all.
UPDATE handoffs
SET route_lease = NULL
WHERE workspace_id = @workspace_id AND handoff_id = @handoff_id AND route_since IS NOT NULL;

-- name: MarkMember :execrows
-- Has the routing look at the open offers that a member's working time bears on: those to them, and those to their teams.
UPDATE handoffs h
SET route_since = @now, route_marks = h.route_marks + 1, route_tries = 0, route_lease = NULL
WHERE h.workspace_id = @workspace_id AND h.state = 'OFFERED'
  AND (h.recipient_id = @member_id::uuid
       OR h.recipient_id IS NULL AND h.team_id IN (
           SELECT tm.team_id FROM team_members tm
           WHERE tm.workspace_id = @workspace_id AND tm.member_id = @member_id::uuid AND NOT tm.removed));

-- name: MarkWorkspace :execrows
UPDATE handoffs h
SET route_since = @now, route_marks = h.route_marks + 1, route_tries = 0, route_lease = NULL
WHERE h.workspace_id = @workspace_id AND h.state = 'OFFERED';

-- name: HandoffToRoute :one
SELECT sqlc.embed(h), t.key AS task_key, t.title AS task_title
FROM handoffs h
JOIN tasks t ON t.workspace_id = h.workspace_id AND t.task_id = h.task_id
WHERE h.workspace_id = @workspace_id AND h.handoff_id = @handoff_id AND h.route_since IS NOT NULL;

-- The four below are the workers', over all workspaces: the owner's. A claim goes through arrays, of which the planner
-- expects ten rows: by the limit, which it does not know, it would expect a part of the table and read all of that. An offer
-- of another route is a newer version's, which routes it and ends it.

-- name: ClaimRouting :many
WITH due AS MATERIALIZED (
    SELECT x.workspace_id, x.handoff_id
    FROM handoffs x
    WHERE x.route_since <= @now::timestamptz AND (x.route_lease IS NULL OR x.route_lease <= clock_timestamp())
      AND x.route IN ('MEMBER', 'TEAM', 'AUTO')
    ORDER BY x.route_since
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE handoffs h
SET route_lease = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM (SELECT unnest(ARRAY(SELECT d.workspace_id FROM due d)) AS workspace_id,
             unnest(ARRAY(SELECT d.handoff_id FROM due d)) AS handoff_id) n
WHERE h.workspace_id = n.workspace_id AND h.handoff_id = n.handoff_id
RETURNING h.workspace_id, h.handoff_id;

-- name: NextRouting :one
SELECT route_since::timestamptz AS due FROM handoffs
WHERE route_since IS NOT NULL AND route IN ('MEMBER', 'TEAM', 'AUTO') ORDER BY route_since LIMIT 1;

-- name: PutOffRouting :exec
-- 1, 2, 4 and so on to 30 seconds of machine time.
UPDATE handoffs
SET route_tries = route_tries + 1,
    route_lease = clock_timestamp() + make_interval(secs => least(30, power(2, least(route_tries, 5)))::float8)
WHERE workspace_id = @workspace_id AND handoff_id = @handoff_id;

-- name: ClaimExpired :many
WITH due AS MATERIALIZED (
    SELECT x.workspace_id, x.handoff_id
    FROM handoffs x
    WHERE x.state = 'OFFERED' AND x.expire_time <= @now::timestamptz
      AND (x.expire_lease IS NULL OR x.expire_lease <= clock_timestamp()) AND x.route IN ('MEMBER', 'TEAM', 'AUTO')
    ORDER BY x.expire_time
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
UPDATE handoffs h
SET expire_lease = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM (SELECT unnest(ARRAY(SELECT d.workspace_id FROM due d)) AS workspace_id,
             unnest(ARRAY(SELECT d.handoff_id FROM due d)) AS handoff_id) n
WHERE h.workspace_id = n.workspace_id AND h.handoff_id = n.handoff_id
RETURNING h.workspace_id, h.handoff_id;

-- name: NextExpiry :one
SELECT expire_time::timestamptz AS due FROM handoffs
WHERE state = 'OFFERED' AND expire_time IS NOT NULL AND route IN ('MEMBER', 'TEAM', 'AUTO') ORDER BY expire_time LIMIT 1;
