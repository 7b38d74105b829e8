-- +goose Up
-- The member whom a member reports to; the nil UUID for nobody.
ALTER TABLE members ADD COLUMN manager_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
