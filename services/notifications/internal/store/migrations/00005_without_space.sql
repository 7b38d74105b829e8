-- +goose Up
-- A time off and a swap are in no space: space_id is the nil UUID. subject_id is then the member whose own matter it is, for
-- them and for who decides about their time off alone; the nil UUID for what every MEMBER may read.
ALTER TABLE notifications ADD COLUMN subject_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';

ALTER TABLE notifications DROP CONSTRAINT notifications_reason_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_reason_check
    CHECK (reason IN ('ASKED', 'OFFERED', 'ASSIGNED', 'MENTIONED', 'REMINDED', 'OVERDUE', 'ANSWERED', 'DECLINED', 'ACCEPTED',
                      'RETURNED', 'UNANSWERED', 'APPROVING', 'DECIDED'));

DROP INDEX notifications_unread;
CREATE INDEX notifications_unread ON notifications (workspace_id, recipient_id, reason) INCLUDE (space_id, subject_id)
    WHERE state = 'UNREAD';

-- Whether an ACTIVE member may read what a notification is about.
-- +goose StatementBegin
CREATE FUNCTION readable(ws uuid, member uuid, space uuid, subject uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    IF space <> none THEN
        RETURN space_right(ws, member, space) >= 1;
    END IF;
    RETURN EXISTS (
        SELECT FROM members m
        WHERE m.workspace_id = ws AND m.member_id = member AND m.state = 2
          AND (m.member_id = subject
               OR m.role >= 2 AND subject = none
               OR m.role >= 3
               OR m.role >= 2 AND EXISTS (SELECT FROM members s
                                          WHERE s.workspace_id = ws AND s.member_id = subject AND s.manager_id = m.member_id)));
END;
$$;
-- +goose StatementEnd
