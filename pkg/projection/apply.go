package projection

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/postgres"
)

const (
	upsertWorkspaces = `
		INSERT INTO workspaces AS have (workspace_id, version, display_name, time_zone, urgent_role,
			low_seconds, normal_seconds, high_seconds, urgent_seconds)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::smallint[],
			$6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
		ON CONFLICT (workspace_id) DO UPDATE SET
			version = excluded.version, display_name = excluded.display_name, time_zone = excluded.time_zone,
			urgent_role = excluded.urgent_role, low_seconds = excluded.low_seconds,
			normal_seconds = excluded.normal_seconds, high_seconds = excluded.high_seconds,
			urgent_seconds = excluded.urgent_seconds
		WHERE have.version < excluded.version`
	// A version has one address and one manager: where they differ, the row is from when none was kept.
	upsertMembers = `
		INSERT INTO members AS have
			(workspace_id, member_id, version, display_name, handle, time_zone, email, manager_id, role, state, kind)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::uuid[], $9::smallint[], $10::smallint[], $11::smallint[])
		ON CONFLICT (workspace_id, member_id) DO UPDATE SET
			version = excluded.version, display_name = excluded.display_name, handle = excluded.handle,
			time_zone = excluded.time_zone, email = excluded.email, manager_id = excluded.manager_id,
			role = excluded.role, state = excluded.state, kind = excluded.kind
		WHERE have.version < excluded.version OR have.version = excluded.version
			AND (have.email <> excluded.email OR have.manager_id <> excluded.manager_id)`
	upsertTeams = `
		INSERT INTO teams AS have (workspace_id, team_id, version, display_name, handle, deleted)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::boolean[])
		ON CONFLICT (workspace_id, team_id) DO UPDATE SET
			version = excluded.version, display_name = excluded.display_name, handle = excluded.handle,
			deleted = excluded.deleted
		WHERE have.version < excluded.version`
	upsertTeamMembers = `
		INSERT INTO team_members AS have (workspace_id, team_id, member_id, version, lead, removed)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::boolean[], $6::boolean[])
		ON CONFLICT (workspace_id, team_id, member_id) DO UPDATE SET
			version = excluded.version, lead = excluded.lead, removed = excluded.removed
		WHERE have.version < excluded.version`
	upsertSpaces = `
		INSERT INTO spaces AS have (workspace_id, space_id, version, display_name, visibility)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::smallint[])
		ON CONFLICT (workspace_id, space_id) DO UPDATE SET
			version = excluded.version, display_name = excluded.display_name, visibility = excluded.visibility
		WHERE have.version < excluded.version`
	upsertGrants = `
		INSERT INTO space_grants AS have (workspace_id, space_id, principal_id, version, access)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::smallint[])
		ON CONFLICT (workspace_id, space_id, principal_id) DO UPDATE SET
			version = excluded.version, access = excluded.access
		WHERE have.version < excluded.version`
)

// apply writes the rows that are newer than what the tables have, all or none, in one round trip and a commit. The
// workspace is the nil UUID for the owner, who writes those of all.
func apply(ctx context.Context, db *postgres.DB, workspace uuid.UUID, r rows) error {
	batch := &pgx.Batch{}
	r.queue(batch)
	if batch.Len() == 0 {
		return nil
	}
	err := db.InTx(ctx, workspace, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("projection: apply: %w", err)
	}
	return nil
}

func (r *rows) queue(b *pgx.Batch) {
	if all := newest(r.workspaces); len(all) > 0 {
		b.Queue(upsertWorkspaces, workspaces(all), versions(all),
			column(all, func(w workspaceRow) string { return w.displayName }),
			column(all, func(w workspaceRow) string { return w.timeZone }),
			column(all, func(w workspaceRow) int16 { return w.urgentRole }),
			column(all, func(w workspaceRow) int64 { return w.low }),
			column(all, func(w workspaceRow) int64 { return w.normal }),
			column(all, func(w workspaceRow) int64 { return w.high }),
			column(all, func(w workspaceRow) int64 { return w.urgent }))
	}
	r.queueMembers(b)
	if all := newest(r.spaces); len(all) > 0 {
		b.Queue(upsertSpaces, workspaces(all), firsts(all), versions(all),
			column(all, func(s spaceRow) string { return s.displayName }),
			column(all, func(s spaceRow) int16 { return s.visibility }))
	}
	if all := newest(r.grants); len(all) > 0 {
		b.Queue(upsertGrants, workspaces(all), firsts(all), seconds(all), versions(all),
			column(all, func(g grantRow) int16 { return g.access }))
	}
}

// queueMembers is queue for people and their teams.
func (r *rows) queueMembers(b *pgx.Batch) {
	if all := newest(r.members); len(all) > 0 {
		b.Queue(upsertMembers, workspaces(all), firsts(all), versions(all),
			column(all, func(m memberRow) string { return m.displayName }),
			column(all, func(m memberRow) string { return m.handle }),
			column(all, func(m memberRow) string { return m.timeZone }),
			column(all, func(m memberRow) string { return m.email }),
			column(all, func(m memberRow) uuid.UUID { return m.manager }),
			column(all, func(m memberRow) int16 { return m.role }),
			column(all, func(m memberRow) int16 { return m.state }),
			column(all, func(m memberRow) int16 { return m.kind }))
	}
	if all := newest(r.teams); len(all) > 0 {
		b.Queue(upsertTeams, workspaces(all), firsts(all), versions(all),
			column(all, func(t teamRow) string { return t.displayName }),
			column(all, func(t teamRow) string { return t.handle }),
			column(all, func(t teamRow) bool { return t.deleted }))
	}
	if all := newest(r.teamMembers); len(all) > 0 {
		b.Queue(upsertTeamMembers, workspaces(all), firsts(all), seconds(all), versions(all),
			column(all, func(t teamMemberRow) bool { return t.lead }),
			column(all, func(t teamMemberRow) bool { return t.removed }))
	}
}

func column[R, V any](all []R, value func(R) V) []V {
	values := make([]V, len(all))
	for i, r := range all {
		values[i] = value(r)
	}
	return values
}

func workspaces[R row](all []R) []uuid.UUID {
	return column(all, func(r R) uuid.UUID { return r.id().workspace })
}

func firsts[R row](all []R) []uuid.UUID {
	return column(all, func(r R) uuid.UUID { return r.id().first })
}

func seconds[R row](all []R) []uuid.UUID {
	return column(all, func(r R) uuid.UUID { return r.id().second })
}
func versions[R row](all []R) []int64 { return column(all, func(r R) int64 { return r.at() }) }
