package pgtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// Statement is one that was run, and as which database role.
type Statement struct {
	SQL, Role string
}

// Statements is a tracer for postgres.Options. It notes every statement that pools run, by themselves and in batches.
type Statements struct {
	mu   sync.Mutex
	seen []Statement
}

// Len is how many statements there were since the last Take.
func (s *Statements) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// Take returns the statements since the last Take.
func (s *Statements) Take() []Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

func (s *Statements) note(conn *pgx.Conn, sql string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, Statement{SQL: sql, Role: conn.Config().User})
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *Statements) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.note(conn, data.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *Statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (s *Statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (s *Statements) TraceBatchQuery(_ context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.note(conn, data.SQL)
}

// TraceBatchEnd implements pgx.BatchTracer.
func (s *Statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// Plan is a node of a statement's plan, as EXPLAIN writes it in JSON.
type Plan struct {
	Node         string  `json:"Node Type"`
	Relation     string  `json:"Relation Name"`
	Index        string  `json:"Index Name"`
	Condition    string  `json:"Index Cond"`
	Rows         float64 `json:"Actual Rows"`  // of one loop
	Loops        float64 `json:"Actual Loops"` // both are known where the statement was run
	RowsFiltered float64 `json:"Rows Removed by Filter"`
	Plans        []Plan  `json:"Plans"`
}

// Walk calls see with the node and all that lie below it.
func (p *Plan) Walk(see func(*Plan)) {
	see(p)
	for i := range p.Plans {
		p.Plans[i].Walk(see)
	}
}

// Explanation is one statement's plan.
type Explanation struct {
	Plan Plan
	Text string // the plan as people read it
}

// Explain returns the generic plan of a statement: the one that transactions run it by, whatever the arguments are, and that
// the connections of reads may come to keep.
// That the planner may read tables from end to end is allowed for it, so that a plan which does so shows.
func (db *DB) Explain(tb testing.TB, ws uuid.UUID, s Statement) Explanation {
	tb.Helper()
	return db.explain(tb, ws, s, "COSTS", nil)
}

// ExplainRun is Explain of a statement that is run with these arguments, so that its plan tells the rows of each node.
func (db *DB) ExplainRun(tb testing.TB, ws uuid.UUID, s Statement, args ...any) Explanation {
	tb.Helper()
	return db.explain(tb, ws, s, "ANALYZE", args)
}

func (db *DB) explain(tb testing.TB, ws uuid.UUID, s Statement, option string, args []any) (out Explanation) {
	tb.Helper()
	ctx := tb.Context()
	tx, err := db.poolOf(tb, s.Role).Begin(ctx)
	require.NoError(tb, err)
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // nothing of it is to stay
	_, err = tx.Exec(ctx, `SELECT set_config('app.ws', $1, true), set_config('enable_seqscan', 'on', true),
		set_config('plan_cache_mode', 'force_generic_plan', true)`, ws.String())
	require.NoError(tb, err)
	const name = "pgtest_explained"
	prepared, err := tx.Conn().Prepare(ctx, name, s.SQL)
	require.NoError(tb, err, s.SQL)
	defer tx.Conn().Deallocate(context.WithoutCancel(ctx), name) //nolint:errcheck // a connection that broke has shown before
	given := make([]string, len(prepared.ParamOIDs))
	for i := range given {
		given[i] = "NULL"
		if args != nil {
			given[i] = fmt.Sprintf("$%d", i+1)
		}
	}
	execute := "EXECUTE " + name
	if len(given) > 0 {
		execute += "(" + strings.Join(given, ", ") + ")"
	}
	// EXECUTE takes no parameters, so the arguments are written into the text.
	with := append([]any{pgx.QueryExecModeSimpleProtocol}, args...)
	var plans []struct{ Plan Plan }
	require.NoError(tb, tx.QueryRow(ctx, "EXPLAIN (FORMAT JSON, "+option+") "+execute, with...).Scan(&plans), s.SQL)
	rows, err := tx.Query(ctx, "EXPLAIN "+execute, with...)
	require.NoError(tb, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	return Explanation{Plan: plans[0].Plan, Text: strings.Join(lines, "\n")}
}

func (db *DB) poolOf(tb testing.TB, role string) *pgxpool.Pool {
	tb.Helper()
	for _, pool := range []*pgxpool.Pool{db.App.Pool(), db.Owner.Pool()} {
		if pool.Config().ConnConfig.User == role {
			return pool
		}
	}
	require.FailNow(tb, "no pool of the role", role)
	return nil
}

// RequireIndexPlans fails the test for a statement whose generic plan reads one of the growing tables or a whole index of
// one from end to end, and tells how many were explained. What has no plan, such as BEGIN, is passed over.
func (db *DB) RequireIndexPlans(tb testing.TB, ws uuid.UUID, seen []Statement, growing ...string) (explained int) {
	tb.Helper()
	known := map[Statement]bool{}
	for _, s := range seen {
		if !hasPlan(s.SQL) {
			continue
		}
		explained++
		if known[s] {
			continue
		}
		known[s] = true
		e := db.Explain(tb, ws, s)
		if whole := e.Plan.readWhole(growing, "", false); whole != "" {
			require.FailNow(tb, "reads all of "+whole, "as %s:\n%s\n\n%s", s.Role, s.SQL, e.Text)
		}
	}
	return explained
}

// readWhole names the table or the index that the plan reads from end to end, if it does that. An index may be walked
// where a limit ends it.
func (p *Plan) readWhole(growing []string, table string, limited bool) string {
	if p.Relation != "" {
		table = p.Relation // a Bitmap Index Scan is below its table's node, and does not name it
	}
	if slices.Contains(growing, table) {
		switch p.Node {
		case "Seq Scan":
			return table
		case "Index Scan", "Index Only Scan", "Bitmap Index Scan":
			if p.Condition == "" && !limited {
				return p.Index
			}
		}
	}
	limited = p.Node == "Limit" || limited && !slices.Contains([]string{"Sort", "Incremental Sort", "Hash", "Aggregate", "BitmapAnd"}, p.Node)
	for i := range p.Plans {
		if whole := p.Plans[i].readWhole(growing, table, limited); whole != "" {
			return whole
		}
	}
	return ""
}

// hasPlan says whether a statement reads or writes rows of tables.
func hasPlan(sql string) bool {
	for line := range strings.Lines(sql) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "--") {
			continue
		}
		return slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "VALUES"}, strings.ToUpper(words[0])) &&
			!strings.Contains(sql, "set_config(")
	}
	return false
}
