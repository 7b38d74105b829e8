-- name: UndecideMember :exec
-- Has all that is held of a member decided again. What is on its way stays leased until its outcome is known.
UPDATE deliveries SET decide_at = @decide_at::timestamptz
WHERE workspace_id = @workspace_id AND recipient_id = @recipient_id AND state = 'PENDING';

-- name: UndecideWorkspace :exec
UPDATE deliveries SET decide_at = @decide_at::timestamptz
WHERE workspace_id = @workspace_id AND state = 'PENDING';

-- name: HoldDeliveries :exec
-- Has deliveries wait, by machine time. The state is asked in a way that no index of the pending ones answers: each is found by
-- its key, and not among all that a workspace holds, which a plan of when it held few would read for each.
UPDATE deliveries d SET lease_until = clock_timestamp() + make_interval(secs => @seconds::float8)
FROM (SELECT unnest(@notification_ids::uuid[]) AS notification_id, unnest(@channels::text[]) AS channel) n
WHERE d.workspace_id = @workspace_id AND d.notification_id = n.notification_id AND d.channel = n.channel
  AND d.state || '' = 'PENDING';

-- name: InsertAttempts :exec
INSERT INTO attempts (workspace_id, attempt_id, notification_id, digest_id, recipient_id, channel, urgency, decide_time,
                      begin_time, working, working_time_version, outcome)
SELECT @workspace_id, n.attempt_id, nullif(n.notification_id, '00000000-0000-0000-0000-000000000000'),
       nullif(n.digest_id, '00000000-0000-0000-0000-000000000000'), n.recipient_id, n.channel, n.urgency, n.decide_time,
       n.begin_time, n.working, n.working_time_version, n.outcome
FROM (SELECT unnest(@attempt_ids::uuid[]) AS attempt_id, unnest(@notification_ids::uuid[]) AS notification_id,
             unnest(@digest_ids::uuid[]) AS digest_id, unnest(@recipient_ids::uuid[]) AS recipient_id,
             unnest(@channels::text[]) AS channel, unnest(@urgencies::smallint[]) AS urgency,
             unnest(@decide_times::timestamptz[]) AS decide_time, unnest(@begin_times::timestamptz[]) AS begin_time,
             unnest(@workings::boolean[]) AS working, unnest(@working_time_versions::bigint[]) AS working_time_version,
             unnest(@outcomes::text[]) AS outcome) n;

-- name: EndAttempt :exec
UPDATE attempts SET outcome = @outcome, error = @error WHERE workspace_id = @workspace_id AND attempt_id = @attempt_id;
