package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// seeded is a database with enough in it that a plan which reads all of it would be a mistake.
type seeded struct {
	db                                                  *pgtest.DB
	store                                               *Store
	traced                                              *pgtest.Statements
	ws, member, space, project, task, team, other, open uuid.UUID
}

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// sets are all that the service's schema holds.
func sets() []postgres.Set {
	return []postgres.Set{outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), Set()}
}

// The ids of the seed are made of numbers, so that SQL can make them: workspace, kind, number.
func seedID(workspace, kind, number int) uuid.UUID {
	var id uuid.UUID
	id[0], id[1], id[14], id[15] = byte(workspace), byte(kind), byte(number>>8), byte(number)
	return id
}

// seedKinds are how many of each kind a workspace has: itself, members, spaces, projects, tasks, handoffs, teams.
func seedKinds(tasks int) map[int]int {
	return map[int]int{1: 1, 2: 50, 3: 5, 4: 10, 5: tasks, 6: tasks, 7: 5}
}

// few are enough for what is right, many for what is fast.
const few, many = 600, 5000

const seedSQL = `
INSERT INTO members SELECT w.id, m.id, 'M' || m.n, 'm' || m.n, 'UTC', 2, 2, 1, 1 FROM seed_ids w JOIN seed_ids m ON m.w = w.w AND m.kind = 2 WHERE w.kind = 1;
INSERT INTO spaces SELECT w.id, s.id, 'S', 1, 1 FROM seed_ids w JOIN seed_ids s ON s.w = w.w AND s.kind = 3 WHERE w.kind = 1;
INSERT INTO teams SELECT w.id, t.id, 'T', 't' || t.n, false, 1 FROM seed_ids w JOIN seed_ids t ON t.w = w.w AND t.kind = 7 WHERE w.kind = 1;
INSERT INTO team_members SELECT w.id, t.id, m.id, false, false, 1 FROM seed_ids w JOIN seed_ids t ON t.w = w.w AND t.kind = 7
	JOIN seed_ids m ON m.w = w.w AND m.kind = 2 AND m.n % 5 = t.n WHERE w.kind = 1;
INSERT INTO projects SELECT w.id, p.id, s.id, 'P' || p.n, 'P', '', '[]', 500, 1, '2026-01-01', '2026-01-01'
	FROM seed_ids w JOIN seed_ids p ON p.w = w.w AND p.kind = 4 JOIN seed_ids s ON s.w = w.w AND s.kind = 3 AND s.n = p.n % 5 WHERE w.kind = 1;
INSERT INTO tasks SELECT p.workspace_id, t.id, p.project_id, p.space_id, t.n / 10 + 1, p.key || '-' || (t.n / 10 + 1), 'T', '', 'ready', 'READY',
		CASE WHEN t.n % 4 > 0 THEN m.id END, CASE WHEN t.n % 4 = 0 THEN g.id END, m.id, NULL, NULL, NULL,
		'2026-01-01'::timestamptz + t.n * interval '1 hour', 1 + t.n % 4, ARRAY['l' || t.n % 7], NULL, 2, 3, 1, 3,
		'2026-01-01'::timestamptz + t.n * interval '1 minute', '2026-01-01'::timestamptz + t.n * interval '2 minutes', NULL, '2026-01-01'
	FROM seed_ids t JOIN seed_ids p0 ON p0.w = t.w AND p0.kind = 4 AND p0.n = t.n % 10 JOIN projects p ON p.project_id = p0.id
	JOIN seed_ids m ON m.w = t.w AND m.kind = 2 AND m.n = t.n % 50 JOIN seed_ids g ON g.w = t.w AND g.kind = 7 AND g.n = t.n % 5 WHERE t.kind = 5;
INSERT INTO task_changes SELECT workspace_id, task_id, n, reporter_id, 'title', 'a', 'b', create_time + n * interval '1 second' FROM tasks, generate_series(1, 3) n;
INSERT INTO legs SELECT workspace_id, task_id, n, reporter_id, NULL, create_time, CASE WHEN n = 1 OR holder_id IS NULL THEN create_time END,
		CASE WHEN n = 1 OR holder_id IS NULL THEN 'RELEASED' ELSE '' END FROM tasks, generate_series(1, 2) n;
INSERT INTO handoffs (workspace_id, handoff_id, task_id, space_id, giver_id, leg_number, route, recipient_id, team_id, done, next_steps, blockers, links,
		questions, response, state, start_time, expire_time, reason, returned, decliners, tried, version, create_time, end_time, route_since)
	SELECT t.workspace_id, h.id, t.task_id, t.space_id, t.reporter_id, 1, CASE WHEN h.n % 2 = 0 THEN 'MEMBER' ELSE 'TEAM' END,
		CASE WHEN h.n % 2 = 0 THEN m.id END, CASE WHEN h.n % 2 = 1 THEN g.id END, '', 'N', '', '{}', '{}', 'working 4h0m0s',
		CASE WHEN h.n % 100 < 2 THEN 'OFFERED' ELSE 'WITHDRAWN' END, t.create_time, t.create_time + interval '1 year', '', false, '{}', '{}', 3,
		t.create_time, CASE WHEN h.n % 100 < 2 THEN NULL ELSE t.create_time END, CASE WHEN h.n % 500 < 2 THEN t.create_time END
	FROM seed_ids h JOIN seed_ids t0 ON t0.w = h.w AND t0.kind = 5 AND t0.n = h.n JOIN tasks t ON t.task_id = t0.id
	JOIN seed_ids m ON m.w = h.w AND m.kind = 2 AND m.n = (h.n / 2) % 50 JOIN seed_ids g ON g.w = h.w AND g.kind = 7 AND g.n = (h.n / 2) % 5 WHERE h.kind = 6;
`

func seed(t *testing.T, tasks int) *seeded {
	t.Helper()
	s := &seeded{db: pgtest.New(t, "tasks", sets()...), traced: &pgtest.Statements{}}
	s.ws, s.member, s.other = seedID(1, 1, 0), seedID(1, 2, 3), seedID(1, 2, 7)
	s.space, s.project, s.task, s.team, s.open = seedID(1, 3, 2), seedID(1, 4, 2), seedID(1, 5, 102), seedID(1, 7, 0), seedID(1, 6, 500)
	owner := s.db.Owner.Pool()
	_, err := owner.Exec(t.Context(), `CREATE TABLE seed_ids (id uuid, w int, kind int, n int, PRIMARY KEY (w, kind, n))`)
	require.NoError(t, err)
	var ids []uuid.UUID
	var workspaces, kinds, numbers []int
	for w := 1; w <= 3; w++ {
		for kind, count := range seedKinds(tasks) {
			for n := range count {
				ids, workspaces, kinds, numbers = append(ids, seedID(w, kind, n)), append(workspaces, w), append(kinds, kind), append(numbers, n)
			}
		}
	}
	_, err = owner.Exec(t.Context(), `INSERT INTO seed_ids SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[])`, ids, workspaces, kinds, numbers)
	require.NoError(t, err)
	for _, sql := range []string{`ANALYZE seed_ids`, seedSQL, `ANALYZE`} {
		_, err = owner.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	traced := func(url string) *postgres.DB {
		pool, err := postgres.Open(t.Context(), url, postgres.Options{Tracer: s.traced})
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	s.store = New(traced(s.db.AppURL), traced(s.db.OwnerURL), outbox.New(func() {}), func(context.Context, time.Time, string, domain.Event) (outbox.Message, error) {
		return outbox.Message{ID: uuid.Must(uuid.NewV7()), Workspace: s.ws, Aggregate: "a", Version: 1, Subject: "evt.x"}, nil
	})
	return s
}
