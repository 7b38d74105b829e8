-- +goose Up
-- Codes in this schema: role 1 GUEST, 2 MEMBER, 3 ADMIN, 4 OWNER; state 1 INVITED, 2 ACTIVE, 3 DEACTIVATED; kind
-- 1 PERSON, 2 SERVICE_ACCOUNT; visibility 1 OPEN, 2 PRIVATE; access 0 NONE, 1 READER, 2 WRITER, 3 MANAGER.

CREATE TABLE workspaces (
    workspace_id uuid        NOT NULL PRIMARY KEY,
    display_name text        NOT NULL,
    time_zone    text        NOT NULL,
    version      bigint      NOT NULL,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL
);
CREATE INDEX workspaces_create_time ON workspaces (create_time, workspace_id);

CREATE TABLE members (
    workspace_id uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    kind         smallint    NOT NULL,
    state        smallint    NOT NULL,
    role         smallint    NOT NULL,
    display_name text        NOT NULL,
    -- Lower case; empty for service accounts.
    email        text        NOT NULL,
    handle       text        NOT NULL,
    time_zone    text        NOT NULL,
    manager_id   uuid,
    -- Whether the member has ever been ACTIVE.
    accepted     boolean     NOT NULL,
    version      bigint      NOT NULL,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, member_id)
);
CREATE UNIQUE INDEX members_email ON members (workspace_id, email) WHERE email <> '';
CREATE INDEX members_create_time ON members (workspace_id, create_time, member_id);
CREATE INDEX members_display_name ON members (workspace_id, display_name, member_id);
CREATE INDEX members_handle ON members (workspace_id, handle, member_id);
CREATE INDEX members_owners ON members (workspace_id) WHERE role = 4 AND state = 2;

-- The handles of members and teams, which share one room of names.
CREATE TABLE handles (
    workspace_id uuid NOT NULL,
    handle       text COLLATE "C" NOT NULL,
    holder_id    uuid NOT NULL,
    PRIMARY KEY (workspace_id, handle)
);

-- The one open invitation of a member.
CREATE TABLE invitations (
    workspace_id uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    code_hash    bytea       NOT NULL,
    expire_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, member_id)
);
CREATE UNIQUE INDEX invitations_code ON invitations (code_hash);

CREATE TABLE teams (
    workspace_id uuid        NOT NULL,
    team_id      uuid        NOT NULL,
    handle       text        NOT NULL,
    display_name text        NOT NULL,
    description  text        NOT NULL,
    version      bigint      NOT NULL,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL,
    -- A deleted team stays as a tombstone, so that a projection learns of it however late it asks.
    delete_time  timestamptz,
    PRIMARY KEY (workspace_id, team_id)
);
CREATE INDEX teams_create_time ON teams (workspace_id, create_time, team_id) WHERE delete_time IS NULL;
CREATE INDEX teams_display_name ON teams (workspace_id, display_name, team_id) WHERE delete_time IS NULL;
CREATE INDEX teams_handle ON teams (workspace_id, handle, team_id) WHERE delete_time IS NULL;

CREATE TABLE team_members (
    workspace_id uuid        NOT NULL,
    team_id      uuid        NOT NULL,
    member_id    uuid        NOT NULL,
    lead         boolean     NOT NULL,
    -- One who left stays as a tombstone, as in teams.
    removed      boolean     NOT NULL,
    -- The team's version of the last change.
    version      bigint      NOT NULL,
    PRIMARY KEY (workspace_id, team_id, member_id)
);
CREATE INDEX team_members_member ON team_members (workspace_id, member_id, team_id);

CREATE TABLE spaces (
    workspace_id uuid        NOT NULL,
    space_id     uuid        NOT NULL,
    display_name text        NOT NULL,
    description  text        NOT NULL,
    visibility   smallint    NOT NULL,
    version      bigint      NOT NULL,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, space_id)
);
CREATE INDEX spaces_create_time ON spaces (workspace_id, create_time, space_id);
CREATE INDEX spaces_display_name ON spaces (workspace_id, display_name, space_id);

CREATE TABLE space_access (
    workspace_id uuid     NOT NULL,
    space_id     uuid     NOT NULL,
    -- A member's id, or a team's.
    principal_id uuid     NOT NULL,
    team         boolean  NOT NULL,
    -- 0 once taken away: a tombstone, as in teams.
    access       smallint NOT NULL,
    -- The space's version of the last change.
    version      bigint   NOT NULL,
    PRIMARY KEY (workspace_id, space_id, principal_id)
);
CREATE INDEX space_access_principal ON space_access (workspace_id, principal_id, space_id);

CREATE TABLE api_tokens (
    workspace_id   uuid        NOT NULL,
    token_id       uuid        NOT NULL,
    member_id      uuid        NOT NULL,
    creator_id     uuid        NOT NULL,
    display_name   text        NOT NULL,
    scopes         text[]      NOT NULL,
    -- SHA-256 of the token's text, which is kept nowhere.
    token_hash     bytea       NOT NULL,
    expire_time    timestamptz NOT NULL,
    last_used_time timestamptz,
    revoke_time    timestamptz,
    version        bigint      NOT NULL,
    create_time    timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, token_id)
);
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (token_hash);
CREATE INDEX api_tokens_member ON api_tokens (workspace_id, member_id, token_id);

CREATE TABLE audit_events (
    workspace_id uuid        NOT NULL,
    audit_id     uuid        NOT NULL,
    create_time  timestamptz NOT NULL,
    actor        text        NOT NULL,
    action       text        NOT NULL,
    resource     text        NOT NULL,
    api_token    text        NOT NULL,
    origin       text        NOT NULL,
    details      jsonb       NOT NULL,
    PRIMARY KEY (workspace_id, audit_id)
);
CREATE INDEX audit_events_create_time ON audit_events (workspace_id, create_time DESC, audit_id DESC);
CREATE INDEX audit_events_actor ON audit_events (workspace_id, actor, create_time DESC, audit_id DESC);
CREATE INDEX audit_events_resource ON audit_events (workspace_id, resource, create_time DESC, audit_id DESC);

-- The keys that sign access tokens. They belong to no workspace and are the owner's alone.
CREATE TABLE signing_keys (
    key_id      text        NOT NULL PRIMARY KEY,
    seed        bytea       NOT NULL,
    signs_from  timestamptz NOT NULL,
    create_time timestamptz NOT NULL
);

-- The one row of work that rotates them: when it is due, and who holds it until when. Machine time.
CREATE TABLE key_rotation (
    only_one    boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (only_one),
    due_time    timestamptz NOT NULL,
    lease_until timestamptz
);

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
ALTER TABLE handles ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE spaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE space_access ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE key_rotation ENABLE ROW LEVEL SECURITY;
CREATE POLICY workspaces_workspace ON workspaces USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY members_workspace ON members USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY handles_workspace ON handles USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY invitations_workspace ON invitations USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY teams_workspace ON teams USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY team_members_workspace ON team_members USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY spaces_workspace ON spaces USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY space_access_workspace ON space_access USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY api_tokens_workspace ON api_tokens USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));
CREATE POLICY audit_events_workspace ON audit_events USING (workspace_id = (SELECT NULLIF(current_setting('app.ws', true), '')::uuid));

-- The audit record is append-only, the keys are the owner's. The default privileges gave the app role all of it.
REVOKE ALL ON audit_events, signing_keys, key_rotation FROM directory_app;
GRANT SELECT, INSERT ON audit_events TO directory_app;

-- space_right is what a member may do in a space: 0 nothing, 1 READER, 2 WRITER, 3 MANAGER. The rule is that of the
-- projection which every other service keeps: an OPEN space gives a MEMBER WRITER and an ADMIN MANAGER; all else is
-- by right given, to the member or to a team they are in. Only the ACTIVE have any.
-- It is plpgsql for its kept plan: as plain SQL it would be planned anew in every statement.
-- +goose StatementBegin
CREATE FUNCTION space_right(ws uuid, member uuid, space uuid) RETURNS smallint
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (
        SELECT GREATEST(
            CASE WHEN s.visibility = 1 AND m.role >= 3 THEN 3 WHEN s.visibility = 1 AND m.role = 2 THEN 2 ELSE 0 END,
            (SELECT max(a.access) FROM space_access a
             WHERE a.workspace_id = ws AND a.space_id = space AND NOT a.team AND a.principal_id = member),
            (SELECT max(a.access) FROM team_members tm
             JOIN teams t ON t.workspace_id = ws AND t.team_id = tm.team_id AND t.delete_time IS NULL
             JOIN space_access a
               ON a.workspace_id = ws AND a.space_id = space AND a.principal_id = tm.team_id AND a.team
             WHERE tm.workspace_id = ws AND tm.member_id = member AND NOT tm.removed)
        )::smallint
        FROM spaces s
        JOIN members m ON m.workspace_id = ws AND m.member_id = member AND m.state = 2
        WHERE s.workspace_id = ws AND s.space_id = space
    );
END;
$$;
-- +goose StatementEnd

-- readable_spaces are the spaces in which a member has any right.
-- +goose StatementBegin
CREATE FUNCTION readable_spaces(ws uuid, member uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.space_id FROM spaces s
    JOIN members m ON m.workspace_id = ws AND m.member_id = member AND m.state = 2
    WHERE s.workspace_id = ws AND s.visibility = 1 AND m.role >= 2
    UNION
    SELECT a.space_id FROM space_access a
    JOIN members m ON m.workspace_id = ws AND m.member_id = member AND m.state = 2
    WHERE a.workspace_id = ws AND a.principal_id = member AND NOT a.team AND a.access > 0
    UNION
    SELECT a.space_id FROM team_members tm
    JOIN members m ON m.workspace_id = ws AND m.member_id = member AND m.state = 2
    JOIN teams t ON t.workspace_id = ws AND t.team_id = tm.team_id AND t.delete_time IS NULL
    JOIN space_access a ON a.workspace_id = ws AND a.principal_id = tm.team_id AND a.team AND a.access > 0
    WHERE tm.workspace_id = ws AND tm.member_id = member AND NOT tm.removed;
END;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION readable_spaces(uuid, uuid);
DROP FUNCTION space_right(uuid, uuid, uuid);
DROP TABLE key_rotation, signing_keys, audit_events, api_tokens, space_access, spaces, team_members, teams, invitations,
    handles, members, workspaces;
