-- +goose Up
-- A post has no event of its author's read state beside its own: that one says what it does to it. own_sequence is the newest
-- of the member's own posts that a read state has taken up, so that whoever gets the two in another order knows.
ALTER TABLE read_states ADD COLUMN own_sequence bigint NOT NULL DEFAULT 0;

-- An older binary beside this one still writes the column, so it is dropped only when none does any more.
COMMENT ON COLUMN read_states.told IS 'Not read any more; to be dropped.';
