package projection

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/pgtest"
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
	inlined := func(sql string) {
		t.Helper()
		st := pgtest.Statement{SQL: sql, Role: "threads_app"}
		require.NotContains(t, db.Explain(t, ws, st).Text, "Function Scan")
		requireIndexes(t, db, ws, st)
	}
	inlined(`SELECT count(*) FROM spaces x
		WHERE x.workspace_id = $1 AND x.space_id IN (SELECT r FROM readable_spaces($1, $2) AS r)`)
	inlined(`SELECT r FROM space_readers($1, $2, $3) AS r`)

	// The body of space_right, as the function runs it.
	var body string
	err := db.Owner.Pool().QueryRow(t.Context(), `SELECT prosrc FROM pg_proc WHERE oid = 'space_right'::regproc`).Scan(&body)
	require.NoError(t, err)
	body = body[strings.Index(body, "RETURN")+len("RETURN") : strings.LastIndex(body, ";\nEND")]
	for i, parameter := range []string{"ws", "member", "space"} {
		body = regexp.MustCompile(`\b`+parameter+`\b`).ReplaceAllString(body, fmt.Sprintf("$$%d::uuid", i+1))
	}
	requireIndexes(t, db, ws, pgtest.Statement{SQL: "SELECT " + body, Role: "threads_app"})
}

// requireIndexes: only the teams and the spaces, a few pages, may be read whole.
func requireIndexes(t *testing.T, db *pgtest.DB, ws uuid.UUID, s pgtest.Statement) {
	t.Helper()
	require.Equal(t, 1, db.RequireIndexPlans(t, ws, []pgtest.Statement{s}, "members", "team_members", "space_grants"))
}
