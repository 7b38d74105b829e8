-- +goose Up
-- Those of many members who may read a space: for whom space_right is READER or more. Asked once for all of them, where
-- space_right is asked for each.
-- +goose StatementBegin
CREATE FUNCTION space_readers(ws uuid, space uuid, asked uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.member_id
    FROM members m
    JOIN spaces s ON s.workspace_id = ws AND s.space_id = space
    WHERE m.workspace_id = ws AND m.member_id = ANY (asked) AND m.state = 2
      AND (s.visibility = 1 AND m.role >= 2
           OR EXISTS (SELECT FROM space_grants g
                      WHERE g.workspace_id = ws AND g.space_id = space AND g.principal_id = m.member_id AND g.access > 0)
           OR EXISTS (SELECT FROM space_grants g
                      JOIN teams t ON t.workspace_id = ws AND t.team_id = g.principal_id AND NOT t.deleted
                      JOIN team_members tm ON tm.workspace_id = ws AND tm.team_id = t.team_id AND tm.member_id = m.member_id
                                          AND NOT tm.removed
                      WHERE g.workspace_id = ws AND g.space_id = space AND g.access > 0));
END;
-- +goose StatementEnd
