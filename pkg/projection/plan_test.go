package projection

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/postgres"
)

// fillLarge makes a workspace of 2,000 members, 200 teams, 2,000 spaces and 20,000 grants beside 50 small ones.
const fillLarge = `
	INSERT INTO members SELECT ws, gen_random_uuid(), '', '', '', 2, 2, 1, 1
		FROM (SELECT $1::uuid AS ws, g FROM generate_series(1, 2000) g
		      UNION ALL SELECT gen_random_uuid(), g FROM generate_series(1, 50) g) x;
	INSERT INTO teams SELECT $1, gen_random_uuid(), '', '', false, 1 FROM generate_series(1, 200);
	INSERT INTO spaces SELECT $1, gen_random_uuid(), '', 1 + g % 2, 1 FROM generate_series(1, 2000) g;
	INSERT INTO team_members SELECT $1, t.team_id, m.member_id, false, false, 1
		FROM (SELECT team_id, row_number() OVER () AS n FROM teams) t
		JOIN (SELECT member_id, row_number() OVER () AS n FROM members WHERE workspace_id = $1) m ON m.n % 200 = t.n - 1;
	INSERT INTO space_grants SELECT $1, s.space_id, m.member_id, 2, 1
		FROM (SELECT space_id, row_number() OVER () AS n FROM spaces) s
		JOIN (SELECT member_id, row_number() OVER () AS n FROM members WHERE workspace_id = $1) m ON (m.n + s.n) % 200 = 0;
	INSERT INTO space_grants SELECT $1, s.space_id, t.team_id, 1, 1
		FROM (SELECT space_id, row_number() OVER () AS n FROM spaces) s
		JOIN (SELECT team_id, row_number() OVER () AS n FROM teams) t ON (t.n + s.n) % 100 = 0;
	ANALYZE members, teams, team_members, spaces, space_grants`

// As a part of another query readable_spaces is planned with it: no function call, and indexes throughout.
func TestPlans(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	ws := uuid.New()
	for statement := range strings.SplitSeq(fillLarge, ";") {
		_, err := db.Owner.Pool().Exec(t.Context(), strings.ReplaceAll(statement, "$1", "'"+ws.String()+"'"))
		require.NoError(t, err)
	}
	var member, space uuid.UUID
	err := db.Owner.Pool().QueryRow(t.Context(), `
		SELECT m.member_id, g.space_id FROM team_members m
		JOIN space_grants g ON g.workspace_id = m.workspace_id AND g.principal_id = m.team_id LIMIT 1`).Scan(&member, &space)
	require.NoError(t, err)

	plan := explain(t, db.App.For(ws), `
		SELECT count(*) FROM spaces x
		WHERE x.workspace_id = $1 AND x.space_id IN (SELECT r FROM readable_spaces($1, $2) AS r)`, ws, member)
	require.NotContains(t, plan, "Function Scan", "inlined")
	requireIndexes(t, plan)

	// The body of space_right, as the function runs it.
	var body string
	err = db.Owner.Pool().QueryRow(t.Context(), `SELECT prosrc FROM pg_proc WHERE oid = 'space_right'::regproc`).Scan(&body)
	require.NoError(t, err)
	body = body[strings.Index(body, "RETURN")+len("RETURN") : strings.LastIndex(body, ";\nEND")]
	for i, parameter := range []string{"ws", "member", "space"} {
		body = regexp.MustCompile(`\b`+parameter+`\b`).ReplaceAllString(body, fmt.Sprintf("$$%d::uuid", i+1))
	}
	body = "SELECT " + body
	plan = explain(t, db.App.For(ws), body, ws, member, space)
	requireIndexes(t, plan)
}

// requireIndexes: only the teams, a few pages, may be read whole.
func requireIndexes(t *testing.T, plan string) {
	t.Helper()
	for _, table := range []string{"members", "team_members", "space_grants"} {
		require.NotContains(t, plan, "Seq Scan on "+table+" ", plan)
	}
}

func explain(t *testing.T, db postgres.DBTX, sql string, args ...any) string {
	t.Helper()
	var lines []string
	b := &pgx.Batch{}
	b.Queue("SELECT set_config('enable_seqscan', 'on', true)") // as if the role did not forbid it
	b.Queue("EXPLAIN (ANALYZE, COSTS OFF) "+sql, args...).Query(func(rows pgx.Rows) (err error) {
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	require.NoError(t, db.SendBatch(t.Context(), b).Close())
	plan := strings.Join(lines, "\n")
	return plan
}
