-- +goose Up
-- Who acts for the recipient of an offer to a member; NULL for nobody.
ALTER TABLE handoffs ADD COLUMN delegate_id uuid;
CREATE INDEX handoffs_delegate ON handoffs (workspace_id, delegate_id, create_time, handoff_id) WHERE delegate_id IS NOT NULL;
