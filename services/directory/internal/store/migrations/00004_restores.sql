-- +goose Up
-- What operators have put back: the instant whose state the data is in, the last sequence of the stream that stands, the last
-- that was taken back, and whether all of it is done. It is written by the restore itself, before any service runs.
CREATE TABLE restores (
    state_time    timestamptz NOT NULL PRIMARY KEY,
    kept_sequence bigint      NOT NULL,
    last_sequence bigint      NOT NULL,
    begin_time    timestamptz NOT NULL,
    done_time     timestamptz
);
ALTER TABLE restores ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON restores FROM directory_app;

-- +goose Down
DROP TABLE restores;
