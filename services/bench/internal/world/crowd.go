package world

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/clock"
)

// Projecting are the services that keep the directory's members and teams.
func Projecting() []string { return []string{"availability", "threads", "tasks", "notifications"} }

// Crowd makes so many ACTIVE members and teams of so many of them, and one team of all, as the owner of the tables: the
// directory's and every projection's. It is late in the evening for them, so that nothing is sent to them while they are
// counted. It returns the names of the teams and what mentions the one of all.
func (w *World) Crowd(ctx context.Context, p *People, members, each int) (teams []string, mention string, err error) {
	ids := make([]uuid.UUID, members)
	for i := range ids {
		ids[i] = uuid.New()
	}
	teamIDs := make([]uuid.UUID, members/each+1) // the last is that of all
	for i := range teamIDs {
		teamIDs[i] = uuid.New()
		teams = append(teams, p.Workspace+"/teams/"+teamIDs[i].String())
	}
	ws, zone := p.WorkspaceID(), evening(clock.Machine().Now())
	run := func(sql string, args ...any) {
		if err == nil {
			_, err = w.DB.Exec(ctx, sql, args...)
		}
	}
	run(`INSERT INTO directory.members (workspace_id, member_id, kind, state, role, display_name, email, handle, time_zone, accepted, version, create_time, update_time)
		SELECT $1, id, 1, 2, 2, 'Crowd ' || n, id || '@example.com', '', $3, true, 1, now(), now() FROM unnest($2::uuid[]) WITH ORDINALITY AS m (id, n)`, ws, ids, zone)
	run(`INSERT INTO directory.teams (workspace_id, team_id, handle, display_name, description, version, create_time, update_time)
		SELECT $1, id, 'crowd-' || left(id::text, 8), 'Crowd ' || n, '', 1, now(), now() FROM unnest($2::uuid[]) WITH ORDINALITY AS t (id, n)`, ws, teamIDs)
	run(`INSERT INTO directory.handles (workspace_id, handle, holder_id) SELECT $1, 'crowd-' || left(id::text, 8), id FROM unnest($2::uuid[]) AS id`, ws, teamIDs)
	const inTeam = `team_members (workspace_id, team_id, member_id, lead, removed, version)
		SELECT $1::uuid, t.id, m.id, false, false, 1
		FROM unnest($2::uuid[]) WITH ORDINALITY AS m (id, n)
		JOIN unnest($3::uuid[]) WITH ORDINALITY AS t (id, n) ON t.n = (m.n - 1) / $4 + 1 OR t.n = cardinality($3::uuid[])`
	run(`INSERT INTO directory.`+inTeam, ws, ids, teamIDs, each)
	for _, service := range Projecting() {
		run(`INSERT INTO `+service+`.members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version, email)
			SELECT $1, id, 'Crowd ' || n, '', $3, 2, 2, 1, 1, id || '@example.com' FROM unnest($2::uuid[]) WITH ORDINALITY AS m (id, n)`, ws, ids, zone)
		run(`INSERT INTO `+service+`.teams (workspace_id, team_id, display_name, handle, deleted, version)
			SELECT $1, id, 'Crowd ' || n, 'crowd-' || left(id::text, 8), false, 1 FROM unnest($2::uuid[]) WITH ORDINALITY AS t (id, n)`, ws, teamIDs)
		run(`INSERT INTO `+service+`.`+inTeam, ws, ids, teamIDs, each)
		for _, table := range []string{"members", "teams", "team_members"} {
			run(`ANALYZE ` + service + `.` + table)
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("make a crowd: %w", err)
	}
	last := len(teams) - 1
	return teams[:last], "@crowd-" + teamIDs[last].String()[:8], nil
}

// evening is a zone in which it is between 22:00 and 23:00 at an instant.
func evening(at time.Time) string {
	const hour, west = 22, 12
	ahead := (hour-at.UTC().Hour()+west+24)%24 - west
	return fmt.Sprintf("Etc/GMT%+d", -ahead) // the names count the other way (POSIX)
}
