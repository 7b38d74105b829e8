package store

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/pgtest"
)

// walkBound is how many rows the longest walk reads, and matchBound how many of a word's matches are read.
const walkBound, matchBound = 50_000, 10_000

// ranPlan is a statement as it ran within a function, with the rows of each node of its plan.
type ranPlan struct {
	Query string `json:"Query Text"`
	Plan  pgtest.Plan
}

// No statement that a search runs within its functions reads all rows or more of them than its bounds allow, also where the
// planner may read tables from end to end. (Where a word's places are, its index says for all of them at once: that is not
// bounded, and the rows that are read for it are.)
func (s *scaled) readsABoundedNumber(t *testing.T) {
	conn, ran := s.explaining(t)
	walked, matched := 0, 0
	for _, words := range scaleWords {
		for _, filter := range scaleFilters {
			*ran = nil
			_, err := conn.Exec(t.Context(), hitsSQL(filter), s.member, words)
			require.NoError(t, err)
			seen := 0
			for _, r := range *ran {
				r.Plan.Walk(func(p *pgtest.Plan) {
					if p.Relation != "search_rows" {
						return
					}
					seen++
					require.NotEqual(t, "Seq Scan", p.Node, "%s, %s:\n%s", words, filter, r.Query)
					read, most, bound := int((p.Rows+p.RowsFiltered)*p.Loops), &walked, walkBound
					if p.Node == "Bitmap Heap Scan" {
						most, bound = &matched, matchBound
					}
					require.LessOrEqual(t, read, bound, "%s, %s: %s %s:\n%s", words, filter, p.Node, p.Index, r.Query)
					*most = max(*most, read)
				})
			}
			require.Positive(t, seen, "%s, %s: the statements within are seen", words, filter)
		}
	}
	require.Equal(t, walkBound, walked, "a word is walked for as far as the bound")
	require.Equal(t, matchBound, matched, "a word has more matches than are read")
}

// explaining is a connection of the app role that tells the plans of all statements that it runs, also those within functions.
func (s *scaled) explaining(t *testing.T) (*pgx.Conn, *[]ranPlan) {
	t.Helper()
	var ran []ranPlan
	config, err := pgx.ParseConfig(s.db.AdminURL)
	require.NoError(t, err)
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if _, plan, found := strings.Cut(n.Message, "plan:\n"); found {
			var r ranPlan
			require.NoError(t, json.Unmarshal([]byte(plan), &r))
			ran = append(ran, r)
		}
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	_, err = conn.Exec(t.Context(), `
		LOAD 'auto_explain';
		SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; SET auto_explain.log_format = json;
		SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET client_min_messages = log;
		SET search_path = threads; SET plan_cache_mode = force_generic_plan; SET jit = off; SET ROLE threads_app`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "SELECT set_config('app.ws', $1, false)", s.ws.String())
	require.NoError(t, err)
	return conn, &ran
}
