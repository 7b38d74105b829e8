-- +goose Up
-- The settings of workspaces. The defaults are those of workspaces that were made before there were any.
ALTER TABLE workspaces
    ADD COLUMN urgent_role    smallint NOT NULL DEFAULT 2,
    ADD COLUMN low_seconds    bigint   NOT NULL DEFAULT 144000,
    ADD COLUMN normal_seconds bigint   NOT NULL DEFAULT 86400,
    ADD COLUMN high_seconds   bigint   NOT NULL DEFAULT 14400,
    ADD COLUMN urgent_seconds bigint   NOT NULL DEFAULT 3600;

-- +goose Down
ALTER TABLE workspaces
    DROP COLUMN urgent_role,
    DROP COLUMN low_seconds,
    DROP COLUMN normal_seconds,
    DROP COLUMN high_seconds,
    DROP COLUMN urgent_seconds;
