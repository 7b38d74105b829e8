-- +goose Up
-- A time off and a swap are in no space: space_id is the nil UUID. subject_id is then the member whose own matter it is, for
-- them and for who decides about their time off alone; the nil UUID for what every MEMBER may read.
ALTER TABLE notifications ADD COLUMN subject_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';

ALTER TABLE notifications DROP CONSTRAINT notifications_reason_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_reason_check
    CHECK (reason IN ('ASKED', 'OFFERED', 'ASSIGNED', 'MENTIONED', 'REMINDED', 'OVERDUE', 'ANSWERED', 'DECLINED', 'ACCEPTED',
                      'RETURNED', 'UNANSWERED', 'APPROVING', 'DECIDED')) NOT VALID;
