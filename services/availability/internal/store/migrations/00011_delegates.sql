-- +goose NO TRANSACTION
-- +goose Up
-- For whom somebody acts, found by who does. What is left of one that failed is taken away first.
DROP INDEX CONCURRENTLY IF EXISTS delegations_delegate;
CREATE INDEX CONCURRENTLY delegations_delegate ON delegations (workspace_id, delegate_id, end_time);

-- What is asked for waits for whom it waited before. One that the version before writes meanwhile waits for nobody until its
-- member's manager is told of again; their manager finds it in the list all the same.
UPDATE time_offs t SET manager_id = m.manager_id FROM members m
WHERE t.state = 'REQUESTED' AND t.manager_id = '00000000-0000-0000-0000-000000000000'
  AND m.workspace_id = t.workspace_id AND m.member_id = t.member_id;
