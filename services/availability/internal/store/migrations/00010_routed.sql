-- +goose Up
-- Whom a request waits for beside administrators: the member's manager when it was last routed; the nil UUID for nobody.
ALTER TABLE time_offs ADD COLUMN manager_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
UPDATE time_offs t SET manager_id = m.manager_id FROM members m
WHERE t.state = 'REQUESTED' AND m.workspace_id = t.workspace_id AND m.member_id = t.member_id;
