-- +goose Up
-- Who acts for the recipient of an offer to a member; NULL for nobody.
ALTER TABLE handoffs ADD COLUMN delegate_id uuid;
