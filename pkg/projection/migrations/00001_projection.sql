-- +goose Up
-- What the directory knows of members, teams and spaces, as this service last heard. Every row carries the version
-- of its aggregate at which it holds, and rows are never deleted: what ended stays as a tombstone, so that news may
-- come in any order. Roles, rights and states are numbers:
--   role        1 GUEST, 2 MEMBER, 3 ADMIN, 4 OWNER
--   state       1 INVITED, 2 ACTIVE, 3 DEACTIVATED
--   kind        1 PERSON, 2 SERVICE_ACCOUNT
--   visibility  1 OPEN, 2 PRIVATE
--   access      0 none (a tombstone), 1 READER, 2 WRITER, 3 MANAGER
CREATE TABLE members (
    workspace_id uuid     NOT NULL,
    member_id    uuid     NOT NULL,
    display_name text     NOT NULL,
    handle       text     NOT NULL,
    time_zone    text     NOT NULL,
    role         smallint NOT NULL,
    state        smallint NOT NULL,
    kind         smallint NOT NULL,
    version      bigint   NOT NULL,
    PRIMARY KEY (workspace_id, member_id)
);
-- Not unique: two members may trade handles, and the news of it comes in any order.
CREATE INDEX members_handle ON members (workspace_id, handle) WHERE handle <> '';

CREATE TABLE teams (
    workspace_id uuid    NOT NULL,
    team_id      uuid    NOT NULL,
    display_name text    NOT NULL,
    handle       text    NOT NULL,
    deleted      boolean NOT NULL,
    version      bigint  NOT NULL,
    PRIMARY KEY (workspace_id, team_id)
);
CREATE INDEX teams_handle ON teams (workspace_id, handle) WHERE NOT deleted AND handle <> '';

CREATE TABLE team_members (
    workspace_id uuid    NOT NULL,
    team_id      uuid    NOT NULL,
    member_id    uuid    NOT NULL,
    lead         boolean NOT NULL,
    removed      boolean NOT NULL,
    version      bigint  NOT NULL,
    PRIMARY KEY (workspace_id, team_id, member_id)
);
CREATE INDEX team_members_member ON team_members (workspace_id, member_id, team_id) WHERE NOT removed;

CREATE TABLE spaces (
    workspace_id uuid     NOT NULL,
    space_id     uuid     NOT NULL,
    display_name text     NOT NULL,
    visibility   smallint NOT NULL,
    version      bigint   NOT NULL,
    PRIMARY KEY (workspace_id, space_id)
);

-- principal_id is a member or a team: their ids are never the same.
CREATE TABLE space_grants (
    workspace_id uuid     NOT NULL,
    space_id     uuid     NOT NULL,
    principal_id uuid     NOT NULL,
    access       smallint NOT NULL,
    version      bigint   NOT NULL,
    PRIMARY KEY (workspace_id, space_id, principal_id)
);
CREATE INDEX space_grants_principal ON space_grants (workspace_id, principal_id, space_id) INCLUDE (access)
    WHERE access > 0;

-- That the tables were filled, and from where in which stream to go on. One row.
CREATE TABLE projection_state (
    one            boolean     PRIMARY KEY DEFAULT true CHECK (one),
    stream_created timestamptz NOT NULL,
    sequence       bigint      NOT NULL
);

ALTER TABLE members          ENABLE ROW LEVEL SECURITY;
ALTER TABLE teams            ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_members     ENABLE ROW LEVEL SECURITY;
ALTER TABLE spaces           ENABLE ROW LEVEL SECURITY;
ALTER TABLE space_grants     ENABLE ROW LEVEL SECURITY;
ALTER TABLE projection_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY members_workspace ON members
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY teams_workspace ON teams
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY team_members_workspace ON team_members
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY spaces_workspace ON spaces
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));
CREATE POLICY space_grants_workspace ON space_grants
    USING (workspace_id = (SELECT nullif(current_setting('app.ws', true), '')::uuid));

-- The right of a member on a space: 0 none, 1 READER, 2 WRITER, 3 MANAGER. A member who is not ACTIVE has none.
-- An OPEN space gives WRITER to a MEMBER and MANAGER to an ADMIN or OWNER; beside that, and alone on a PRIVATE
-- space and for a GUEST, the highest of what the member and their teams were given. It is plpgsql because that keeps
-- its plan in the session, where a function in SQL is planned at every call; and the teams are looked up one by one,
-- because a member has few.
-- +goose StatementBegin
CREATE FUNCTION space_right(ws uuid, member uuid, space uuid) RETURNS smallint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
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
        )
        FROM members m, spaces s
        WHERE m.workspace_id = ws AND m.member_id = member AND m.state = 2
          AND s.workspace_id = ws AND s.space_id = space
    ), 0)::smallint;
END;
$$;
-- +goose StatementEnd

-- The spaces that a member may read: those where space_right is READER or more. In a query's FROM, as in
-- `space_id IN (SELECT r FROM readable_spaces($1, $2) AS r)`, it becomes part of the query's own plan.
-- +goose StatementBegin
CREATE FUNCTION readable_spaces(ws uuid, member uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.space_id
    FROM members m
    JOIN spaces s ON s.workspace_id = ws AND s.visibility = 1
    WHERE m.workspace_id = ws AND m.member_id = member AND m.state = 2 AND m.role >= 2
    UNION
    SELECT s.space_id
    FROM members m
    JOIN space_grants g ON g.workspace_id = ws AND g.principal_id = member AND g.access > 0
    JOIN spaces s ON s.workspace_id = ws AND s.space_id = g.space_id
    WHERE m.workspace_id = ws AND m.member_id = member AND m.state = 2
    UNION
    SELECT s.space_id
    FROM members m
    JOIN team_members tm ON tm.workspace_id = ws AND tm.member_id = member AND NOT tm.removed
    JOIN teams t ON t.workspace_id = ws AND t.team_id = tm.team_id AND NOT t.deleted
    JOIN space_grants g ON g.workspace_id = ws AND g.principal_id = tm.team_id AND g.access > 0
    JOIN spaces s ON s.workspace_id = ws AND s.space_id = g.space_id
    WHERE m.workspace_id = ws AND m.member_id = member AND m.state = 2;
END;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$ BEGIN
    EXECUTE format('REVOKE DELETE ON members, teams, team_members, spaces, space_grants FROM %I',
                   current_schema() || '_app');
    EXECUTE format('REVOKE ALL ON projection_state FROM %I', current_schema() || '_app');
END $$;
-- +goose StatementEnd
