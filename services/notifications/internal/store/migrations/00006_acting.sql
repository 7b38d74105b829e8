-- +goose Up
-- acts_for_id is the member in whose place the recipient is notified of a time off: its subject's manager then, for whom they act in
-- approvals; the nil UUID for nobody. They may read it while they do, which availability knows.
ALTER TABLE notifications ADD COLUMN acts_for_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';

-- Whether an ACTIVE member, who acts for some in approvals, may read what a notification is about.
-- +goose StatementBegin
CREATE FUNCTION readable(ws uuid, member uuid, space uuid, subject uuid, acts_for uuid[] DEFAULT '{}') RETURNS boolean
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
                                          WHERE s.workspace_id = ws AND s.member_id = subject AND s.manager_id <> none
                                            AND (s.manager_id = m.member_id OR s.manager_id = ANY (acts_for)))));
END;
$$;
-- +goose StatementEnd
