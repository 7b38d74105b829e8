package world

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// Offices makes so many ACTIVE members of the people's workspace, each with hours of their own in another zone, a lunch break
// and a day off, and a team of the first of them, as the owner of the availability service's tables. It returns their names
// and the team's.
func (w *World) Offices(ctx context.Context, p *People, members, inTeam int) (names []string, team string, err error) {
	ids, zones, starts := make([]uuid.UUID, members), make([]string, members), make([]int32, members)
	for i := range ids {
		ids[i], zones[i], starts[i] = uuid.New(), OfficeZone(i), int32(OfficeStart(i))
		names = append(names, p.Workspace+"/members/"+ids[i].String())
	}
	ws, teamID := p.WorkspaceID(), uuid.New()
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{
			`INSERT INTO availability.members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version, email)
			SELECT $1, id, 'Office ' || n, '', zone, 2, 2, 1, 1, '' FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS m (id, zone, n)`,
			[]any{ws, ids, zones},
		},
		{`INSERT INTO availability.working_schedules (workspace_id, member_id, schedule_id, time_zone, windows, effective_date, start_time, create_time)
			SELECT $1, id, gen_random_uuid(), zone,
			       jsonb_build_array(jsonb_build_object('days', '[1, 2, 3, 4, 5]'::jsonb, 'start', start, 'end', start + 240),
			                         jsonb_build_object('days', '[1, 2, 3, 4, 5]'::jsonb, 'start', start + 300, 'end', start + 540)),
			       current_date, now(), now()
			FROM unnest($2::uuid[], $3::text[], $4::int[]) AS m (id, zone, start)`, []any{ws, ids, zones, starts}},
		{`INSERT INTO availability.time_offs (workspace_id, member_id, time_off_id, kind, note, first_date, last_date, state, revision,
			                                  create_time, update_time, lower_time, upper_time)
			SELECT $1, id, gen_random_uuid(), 'VACATION', '', d, d, 'APPROVED', 1, now(), now(), d - 1, d + 2
			FROM unnest($2::uuid[]) WITH ORDINALITY AS m (id, n), LATERAL (SELECT current_date + (n % 28)::int AS d) x`, []any{ws, ids}},
		{
			`INSERT INTO availability.teams (workspace_id, team_id, display_name, handle, deleted, version) VALUES ($1, $2, 'Offices', '', false, 1)`,
			[]any{ws, teamID},
		},
		{`INSERT INTO availability.team_members (workspace_id, team_id, member_id, lead, removed, version)
			SELECT $1, $2, id, false, false, 1 FROM unnest($3::uuid[]) AS id`, []any{ws, teamID, ids[:inTeam]}},
		{`ANALYZE`, nil},
	} {
		if _, err := w.DB.Exec(ctx, step.sql, step.args...); err != nil {
			return nil, "", fmt.Errorf("make offices: %w", err)
		}
	}
	return names, p.Workspace + "/teams/" + teamID.String(), nil
}

// OfficeZone is the zone of an office, OfficeStart when it opens.
func OfficeZone(i int) string {
	zones := worktime.Zones()
	return zones[i*7%len(zones)]
}

// OfficeStart is told of by OfficeZone.
func OfficeStart(i int) worktime.Clock { return worktime.Clock(7*60 + i%180) }
