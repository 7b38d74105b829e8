-- +goose Up
-- When what a digest holds was asked for. What happened after it comes with the next. Null before it is filled, and again
-- once a try to send it has failed.
ALTER TABLE digests ADD COLUMN fill_time timestamptz;
