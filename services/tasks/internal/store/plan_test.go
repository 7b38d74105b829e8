package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// growing are the tables that grow with use. None of them may ever be read from end to end. Projects are few.
func growing() []string { return []string{"tasks", "task_changes", "legs", "handoffs"} }

// requireIndexPlans explains every statement since the last look.
func (s *seeded) requireIndexPlans(t *testing.T) {
	t.Helper()
	require.Positive(t, s.db.RequireIndexPlans(t, s.ws, s.traced.Take(), growing()...))
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
			e := s.db.Explain(t, s.ws, pgtest.Statement{SQL: q.text.String(), Role: "tasks_app"})
			require.False(t, sortsBelowLimit(&e.Plan, false), "%s by %s:\n%s\n\n%s", name, field, q.text.String(), e.Text)
		}
	}
	q, err := tasksSQL(s.ws, s.member, app.TaskQuery{
		Conditions: s.usual()["mine"], Order: page.Order{Field: "priority"}, Page: page.Request[app.TaskCursor]{Size: 10},
	}, now)
	require.NoError(t, err)
	e := s.db.Explain(t, s.ws, pgtest.Statement{SQL: q.text.String(), Role: "tasks_app"})
	require.True(t, sortsBelowLimit(&e.Plan, false), "a sort is seen where there is one:\n%s", e.Text)
}

// sortsBelowLimit says whether tasks are sorted before a limit cuts them off, other than those of a LATERAL's pages.
func sortsBelowLimit(p *pgtest.Plan, inside bool) bool {
	if inside && (p.Node == "Sort" || p.Node == "Incremental Sort") && !hasNested(p) && scansTasks(p) {
		return true
	}
	return slices.ContainsFunc(p.Plans, func(below pgtest.Plan) bool { return sortsBelowLimit(&below, inside || p.Node == "Limit") })
}

// hasNested says whether a nested loop lies below, whose inner side has a limit of its own.
func hasNested(p *pgtest.Plan) bool {
	return slices.ContainsFunc(p.Plans, func(below pgtest.Plan) bool { return below.Node == "Limit" || hasNested(&below) })
}

func scansTasks(p *pgtest.Plan) bool {
	return p.Relation == "tasks" || slices.ContainsFunc(p.Plans, func(below pgtest.Plan) bool { return scansTasks(&below) })
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
