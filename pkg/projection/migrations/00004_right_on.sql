-- +goose Up
-- What space_right says, as part of the query that asks: in its FROM, as in `CROSS JOIN LATERAL right_on($1, x.member_id,
-- x.space_id) AS r(have)`, it is planned with it, which takes a third of a call where many are asked for at once. It has a
-- row of 0 or more for an ACTIVE member and a space that are there, else none.
-- +goose StatementBegin
CREATE FUNCTION right_on(ws uuid, member uuid, space uuid) RETURNS SETOF smallint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT greatest(
               CASE WHEN s.visibility <> 1 OR m.role < 2 THEN 0 WHEN m.role = 2 THEN 2 ELSE 3 END,
               (SELECT g.access FROM space_grants g
                WHERE g.workspace_id = ws AND g.space_id = space AND g.principal_id = member),
               (SELECT max((SELECT g.access FROM space_grants g
                            WHERE g.workspace_id = ws AND g.space_id = space AND g.principal_id = tm.team_id
                              AND EXISTS (SELECT FROM teams t
                                          WHERE t.workspace_id = ws AND t.team_id = g.principal_id AND NOT t.deleted)))
                FROM team_members tm
                WHERE tm.workspace_id = ws AND tm.member_id = member AND NOT tm.removed)
           )::smallint
    FROM members m, spaces s
    WHERE m.workspace_id = ws AND m.member_id = member AND m.state = 2
      AND s.workspace_id = ws AND s.space_id = space;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION space_right(ws uuid, member uuid, space uuid) RETURNS smallint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((SELECT r.have FROM right_on(ws, member, space) AS r(have)), 0::smallint);
END;
$$;
-- +goose StatementEnd
