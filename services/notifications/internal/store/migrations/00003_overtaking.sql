-- +goose Up
-- Events overtake each other, and each may tell of some people alone: so each wait knows the version it was told by.
ALTER TABLE waits ADD COLUMN version bigint NOT NULL DEFAULT 0;
UPDATE waits w SET version = s.version FROM sources s WHERE s.workspace_id = w.workspace_id AND s.source = w.source;
ALTER TABLE waits ALTER COLUMN version DROP DEFAULT;

-- A message that notifications show is a source as well. erased: it was deleted, maybe before they came.
ALTER TABLE sources ADD COLUMN erased boolean NOT NULL DEFAULT false;
