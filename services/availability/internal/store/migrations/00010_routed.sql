-- +goose Up
-- Whom a request waits for beside administrators: the member's manager when it was last routed; the nil UUID for nobody.
ALTER TABLE time_offs ADD COLUMN manager_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
