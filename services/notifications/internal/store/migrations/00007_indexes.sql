-- +goose NO TRANSACTION
-- +goose Up
-- Each statement locks for a moment only, and may be run again after one that failed.
ALTER TABLE notifications VALIDATE CONSTRAINT notifications_reason_check;

DROP INDEX CONCURRENTLY IF EXISTS notifications_acting;
CREATE INDEX CONCURRENTLY notifications_acting ON notifications (workspace_id, recipient_id, acts_for_id)
    WHERE acts_for_id <> '00000000-0000-0000-0000-000000000000';

-- In the place of notifications_unread, which has no subject_id. The version before finds what it counts in this one.
DROP INDEX CONCURRENTLY IF EXISTS notifications_count;
CREATE INDEX CONCURRENTLY notifications_count ON notifications (workspace_id, recipient_id, reason)
    INCLUDE (space_id, subject_id) WHERE state = 'UNREAD';
DROP INDEX CONCURRENTLY IF EXISTS notifications_unread;
