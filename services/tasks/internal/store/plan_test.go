package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// growing are the tables that grow with use. None of them may ever be read from end to end. Projects are few.
func growing() []string { return []string{"tasks", "task_changes", "legs", "handoffs"} }

// requireIndexPlans explains every statement that was run on a growing table.
func (s *seeded) requireIndexPlans(t *testing.T) {
	t.Helper()
	s.traced.mu.Lock()
	calls := s.traced.seen
	s.traced.seen = nil
	s.traced.mu.Unlock()
	explained := 0
	for _, c := range calls {
		verb, _, _ := strings.Cut(strings.TrimSpace(stripComments(c.sql)), " ")
		verb = strings.Fields(verb)[0]
		if !slices.Contains([]string{"SELECT", "UPDATE", "DELETE", "WITH", "INSERT"}, strings.ToUpper(verb)) || strings.Contains(c.sql, "set_config") {
			continue
		}
		plan, text := s.explain(t, c)
		requireNoScan(t, plan, c.sql, text)
		explained++
	}
	require.Positive(t, explained)
}

func (s *seeded) explain(t *testing.T, c call) (plan map[string]any, text string) {
	t.Helper()
	var raw []byte
	err := pgx.BeginFunc(t.Context(), s.db.Owner.Pool(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT set_config('app.ws', $1, true), set_config('enable_seqscan', 'on', true)`, s.ws.String()); err != nil {
			return err
		}
		return tx.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+c.sql, c.args...).Scan(&raw)
	})
	require.NoError(t, err, c.sql)
	var plans []struct{ Plan map[string]any }
	require.NoError(t, json.Unmarshal(raw, &plans))
	return plans[0].Plan, string(raw)
}

func stripComments(sql string) string {
	var kept []string
	for line := range strings.SplitSeq(sql, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func requireNoScan(t *testing.T, node map[string]any, sql, plan string) {
	t.Helper()
	relation, _ := node["Relation Name"].(string)
	if slices.Contains(growing(), relation) {
		require.NotEqual(t, "Seq Scan", node["Node Type"], "%s\nreads all of %s:\n%s", sql, relation, plan)
	}
	children, _ := node["Plans"].([]any)
	for _, child := range children {
		requireNoScan(t, child.(map[string]any), sql, plan)
	}
}

// No statement of the store reads a growing table from end to end.
func TestIndexPlans(t *testing.T) {
	t.Parallel()
	s := seed(t, many)
	s.reads(t)
	s.lists(t)
	s.writes(t)
	s.work(t)
}

func (s *seeded) reads(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	_, have, err := s.store.Project(ctx, s.ws, s.member, s.project)
	require.NoError(t, err)
	require.Equal(t, auth.Writer, have)
	_, _, err = s.store.Task(ctx, s.ws, s.member, s.task, now)
	require.NoError(t, err)
	_, _, err = s.store.Handoff(ctx, s.ws, s.member, s.open)
	require.NoError(t, err)
	changes, err := s.store.Changes(ctx, s.ws, s.task, page.Request[app.NumberCursor]{Size: 2})
	require.NoError(t, err)
	require.Len(t, changes.Items, 2)
	legs, err := s.store.Legs(ctx, s.ws, s.task, page.Request[app.NumberCursor]{Size: 5})
	require.NoError(t, err)
	require.Len(t, legs.Items, 2)
	story, _, err := s.store.Story(ctx, s.ws, s.member, s.task)
	require.NoError(t, err)
	require.Len(t, story.Changes, 3)
	var handoffs, tasks []app.Check
	for i := range 50 {
		handoffs = append(handoffs, app.Check{Place: i, ID: seedID(1, 6, i), Member: s.member})
		tasks = append(tasks, app.Check{Place: i, ID: seedID(1, 5, i), Member: s.member})
	}
	foundHandoffs, err := s.store.HandoffSources(ctx, s.ws, handoffs)
	require.NoError(t, err)
	require.Len(t, foundHandoffs, 50)
	foundTasks, err := s.store.TaskSources(ctx, s.ws, tasks)
	require.NoError(t, err)
	require.Len(t, foundTasks, 50)
	s.requireIndexPlans(t)
}

// usual are the filters that people use.
func (s *seeded) usual() map[string][]app.TaskCondition {
	return map[string][]app.TaskCondition{
		"newest": nil,
		"mine":   {{Field: "holder", Op: "=", Value: s.other}},
		"mine that are not done": {
			{Field: "holder", Op: "=", Value: s.other}, {Field: "category", Op: "!=", Value: "DONE"}, {Field: "category", Op: "!=", Value: "CANCELLED"},
		},
		"of a project":          {{Field: "project", Op: "=", Value: s.project}},
		"of a team, unheld":     {{Field: "team", Op: "=", Value: s.team}, {Field: "holder", Op: "=", Value: uuid.Nil}},
		"unheld":                {{Field: "holder", Op: "=", Value: uuid.Nil}, {Field: "state", Op: "=", Value: "ready"}},
		"reported":              {{Field: "reporter", Op: "=", Value: s.other}},
		"labelled, and pressed": {{Field: "label", Op: "=", Value: "l3"}, {Field: "priority", Op: ">=", Value: int16(3)}},
		"one":                   {{Field: "key", Op: "=", Value: "P2-11"}},
	}
}

func (s *seeded) lists(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	projects, err := s.store.Projects(ctx, s.ws, s.member, app.ProjectQuery{Page: page.Request[app.KeyCursor]{Size: 5}})
	require.NoError(t, err)
	require.Len(t, projects.Items, 5)
	s.requireIndexPlans(t)
	for name, conditions := range s.usual() {
		for _, field := range []string{"create_time", "update_time", "priority", "due_time"} {
			for _, desc := range []bool{false, true} {
				for _, space := range []uuid.UUID{uuid.Nil, s.space} {
					q := app.TaskQuery{Space: space, Conditions: conditions, Order: page.Order{Field: field, Desc: desc}, Page: page.Request[app.TaskCursor]{Size: 10}}
					first, err := s.store.Tasks(ctx, s.ws, s.member, q, now)
					require.NoError(t, err, name)
					if q.Page.After = first.Next; first.Next != nil {
						_, err = s.store.Tasks(ctx, s.ws, s.member, q, now)
						require.NoError(t, err, name)
					}
				}
			}
		}
	}
	for _, q := range []app.HandoffQuery{
		{}, {State: domain.Offered}, {Recipient: s.other}, {Recipient: s.other, State: domain.Offered}, {Giver: s.other}, {Team: s.team}, {Task: s.task},
	} {
		q.Page.Size = 10
		first, err := s.store.Handoffs(ctx, s.ws, s.member, q, now)
		require.NoError(t, err)
		if q.Page.After = first.Next; first.Next != nil {
			_, err = s.store.Handoffs(ctx, s.ws, s.member, q, now)
			require.NoError(t, err)
		}
	}
	s.requireIndexPlans(t)
}

// A person's newest tasks, a team's, a project's and the newest of all come from an index in their order: nothing is sorted
// but the one page.
func TestTheUsualListsAreNotSorted(t *testing.T) {
	t.Parallel()
	s := seed(t, many)
	for _, name := range []string{"newest", "mine", "mine that are not done", "of a project", "of a team, unheld", "reported"} {
		for _, field := range []string{"create_time", "update_time", "priority", "due_time"} {
			if field != "create_time" && name != "newest" && name != "of a project" {
				continue // a person's and a team's are few enough to sort
			}
			q, err := tasksSQL(s.ws, s.member, app.TaskQuery{
				Conditions: s.usual()[name], Order: page.Order{Field: field, Desc: true}, Page: page.Request[app.TaskCursor]{Size: 10},
			}, now)
			require.NoError(t, err)
			plan, text := s.explain(t, call{q.text.String(), q.args})
			require.False(t, sortsBelowLimit(plan, false), "%s by %s:\n%s", name, field, text)
		}
	}
	q, err := tasksSQL(s.ws, s.member, app.TaskQuery{
		Conditions: s.usual()["mine"], Order: page.Order{Field: "priority"}, Page: page.Request[app.TaskCursor]{Size: 10},
	}, now)
	require.NoError(t, err)
	plan, text := s.explain(t, call{q.text.String(), q.args})
	require.True(t, sortsBelowLimit(plan, false), "a sort is seen where there is one:\n%s", text)
}

// sortsBelowLimit says whether tasks are sorted before a limit cuts them off, other than those of a LATERAL's pages.
func sortsBelowLimit(node map[string]any, inside bool) bool {
	kind, _ := node["Node Type"].(string)
	if inside && (kind == "Sort" || kind == "Incremental Sort") && !hasNested(node) && scansTasks(node) {
		return true
	}
	children, _ := node["Plans"].([]any)
	for _, child := range children {
		if sortsBelowLimit(child.(map[string]any), inside || kind == "Limit") {
			return true
		}
	}
	return false
}

// hasNested says whether a nested loop lies below, whose inner side has a limit of its own.
func hasNested(node map[string]any) bool {
	children, _ := node["Plans"].([]any)
	for _, child := range children {
		c := child.(map[string]any)
		if c["Node Type"] == "Limit" || hasNested(c) {
			return true
		}
	}
	return false
}

func scansTasks(node map[string]any) bool {
	if node["Relation Name"] == "tasks" {
		return true
	}
	children, _ := node["Plans"].([]any)
	for _, child := range children {
		if scansTasks(child.(map[string]any)) {
			return true
		}
	}
	return false
}

func (s *seeded) writes(t *testing.T) {
	t.Helper()
	write := func(fn func(ctx context.Context, tx app.Tx) error) {
		t.Helper()
		require.NoError(t, s.store.InTx(t.Context(), s.ws, fn))
	}
	write(func(ctx context.Context, tx app.Tx) error {
		_, taken, err := tx.TakeNumber(ctx, s.member, s.project, auth.Writer)
		require.NoError(t, err)
		require.True(t, taken)
		taken, err = tx.KeyTaken(ctx, "P2")
		require.NoError(t, err)
		require.True(t, taken)
		_, err = tx.HoldWorkflow(ctx, s.task)
		require.NoError(t, err)
		p, _, err := tx.LockProject(ctx, s.member, s.project, true)
		require.NoError(t, err)
		_, _, err = tx.LockProject(ctx, s.member, s.project, false)
		require.NoError(t, err)
		return tx.SaveProject(ctx, p)
	})
	write(func(ctx context.Context, tx app.Tx) error {
		r, _, err := tx.LockRelay(ctx, s.member, s.task)
		require.NoError(t, err)
		require.NotZero(t, r.Leg.Number)
		r.Begin(now)
		h, err := r.HandOff(domain.Offer{ID: uuid.Must(uuid.NewV7()), Route: domain.ToMember, Recipient: s.member, Note: domain.Note{NextSteps: "x"}}, r.Task.Holder, false, nil)
		require.NoError(t, err)
		_, err = r.Accept(h, s.member, false)
		require.NoError(t, err)
		return tx.SaveRelay(ctx, r)
	})
	write(func(ctx context.Context, tx app.Tx) error {
		r, h, _, err := tx.LockRelayOf(ctx, s.member, s.open)
		require.NoError(t, err)
		r.Begin(now)
		r.Retime(domain.Timing{Expire: now.Add(time.Hour)}, nil)
		require.NotEmpty(t, r.Events)
		require.NoError(t, tx.SaveRelay(ctx, r))
		receivers, err := tx.Receivers(ctx, s.team, s.space, h.Giver)
		require.NoError(t, err)
		require.NotEmpty(t, receivers)
		return tx.Routed(ctx, s.open, 0)
	})
	write(func(ctx context.Context, tx app.Tx) error {
		relays, err := tx.LockRelaysIn(ctx, s.project, []string{"ready"}, 20)
		require.NoError(t, err)
		require.Len(t, relays, 20)
		return nil
	})
	s.requireIndexPlans(t)
}

// work is what the workers of all workspaces and the consumers run.
func (s *seeded) work(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	refs, err := s.store.ClaimRouting(ctx, now, time.Minute, 5)
	require.NoError(t, err)
	require.Len(t, refs, 5)
	_, found, err := s.store.LookRouting(ctx, refs[0])
	require.NoError(t, err)
	require.True(t, found)
	require.NoError(t, s.store.PutOffRouting(ctx, refs[0]))
	_, some, err := s.store.NextRouting(ctx)
	require.NoError(t, err)
	require.True(t, some)
	expired, err := s.store.ClaimExpired(ctx, now.AddDate(1, 0, 0), time.Minute, 5)
	require.NoError(t, err)
	require.Len(t, expired, 5)
	_, some, err = s.store.NextExpiry(ctx)
	require.NoError(t, err)
	require.True(t, some)
	n, err := s.store.MarkMember(ctx, s.ws, seedID(1, 2, 0), now)
	require.NoError(t, err)
	require.Positive(t, n)
	n, err = s.store.MarkWorkspace(ctx, s.ws, now)
	require.NoError(t, err)
	require.Positive(t, n)
	behind, err := s.store.MemberBehind(ctx, s.ws, seedID(1, 2, 0), 99)
	require.NoError(t, err)
	require.True(t, behind)
	require.NoError(t, s.store.InTx(ctx, s.ws, func(ctx context.Context, tx app.Tx) error { return tx.LookAgain(ctx, s.open) }))
	s.requireIndexPlans(t)
}

// A claim holds for its lease, and what availability could not be asked for waits longer each time.
func TestLeases(t *testing.T) {
	t.Parallel()
	s := seed(t, few)
	ctx := t.Context()
	seen := map[app.Ref]bool{}
	for {
		refs, err := s.store.ClaimRouting(ctx, now, time.Minute, 7)
		require.NoError(t, err)
		for _, ref := range refs {
			require.False(t, seen[ref])
			seen[ref] = true
		}
		if len(refs) == 0 {
			break
		}
	}
	require.Len(t, seen, 12)
	ref := app.Ref{Workspace: s.ws, Handoff: s.open}
	for tries := range 7 {
		require.NoError(t, s.store.PutOffRouting(ctx, ref))
		var wait float64
		require.NoError(t, s.db.Owner.Pool().QueryRow(ctx, `SELECT extract(epoch FROM route_lease - clock_timestamp()) FROM handoffs WHERE handoff_id = $1`, s.open).Scan(&wait))
		require.InDelta(t, min(30, float64(int(1)<<tries)), wait, 0.9, fmt.Sprint(tries))
	}
	_, err := s.store.MarkMember(ctx, s.ws, seedID(1, 2, 0), now)
	require.NoError(t, err)
	_, err = s.store.MarkWorkspace(ctx, s.ws, now)
	require.NoError(t, err)
	refs, err := s.store.ClaimRouting(ctx, now, time.Minute, 200)
	require.NoError(t, err)
	require.Len(t, refs, 12, "a mark takes effect at once, whatever was put off")
}
