-- +goose Up
-- The event of a message says what it does to its author's read state. An older binary beside this one still writes the
-- column, so it is dropped only when none does any more.
COMMENT ON COLUMN read_states.told IS 'Not read any more; to be dropped.';
