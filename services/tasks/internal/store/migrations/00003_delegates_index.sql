-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS handoffs_delegate; -- what is left of one that failed
CREATE INDEX CONCURRENTLY handoffs_delegate ON handoffs (workspace_id, delegate_id, create_time, handoff_id)
    WHERE delegate_id IS NOT NULL;
