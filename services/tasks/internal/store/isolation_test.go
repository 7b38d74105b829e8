package store

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

// The second wall: the store's own queries, naming one workspace's rows while another is set, find nothing.
func TestQueriesOfAnotherWorkspaceFindNothing(t *testing.T) {
	t.Parallel()
	s := seed(t, few)
	for ws, want := range map[uuid.UUID]bool{s.ws: true, seedID(2, 1, 0): false, uuid.Nil: false} {
		ctx, q := t.Context(), s.store.queries(ws)
		found := map[string]bool{}
		one := func(what string, err error) { found[what] = err == nil }
		many := func(what string, n int, err error) {
			t.Helper()
			require.NoError(t, err, what)
			found[what] = n > 0
		}
		_, err := q.ProjectFor(ctx, db.ProjectForParams{WorkspaceID: s.ws, MemberID: s.member, ProjectID: s.project})
		one("project", err)
		_, err = q.TakeNumber(ctx, db.TakeNumberParams{WorkspaceID: s.ws, MemberID: s.member, ProjectID: s.project, Need: 2})
		one("number", err)
		_, err = q.HoldWorkflow(ctx, db.HoldWorkflowParams{WorkspaceID: s.ws, TaskID: s.task})
		one("workflow", err)
		projects, err := q.ListProjects(ctx, db.ListProjectsParams{WorkspaceID: s.ws, MemberID: s.member, MaxRows: 5})
		many("projects", len(projects), err)
		_, err = q.TaskFor(ctx, db.TaskForParams{WorkspaceID: s.ws, MemberID: s.member, TaskID: s.task, Now: now})
		one("task", err)
		_, err = q.LockTaskFor(ctx, db.LockTaskForParams{WorkspaceID: s.ws, MemberID: s.member, TaskID: s.task})
		one("locked task", err)
		_, err = q.LockTaskOfHandoff(ctx, db.LockTaskOfHandoffParams{WorkspaceID: s.ws, MemberID: s.member, HandoffID: s.open})
		one("locked task of a handoff", err)
		_, err = q.StoryOf(ctx, db.StoryOfParams{WorkspaceID: s.ws, MemberID: s.member, TaskID: s.task})
		one("story", err)
		legs, err := q.ListLegs(ctx, db.ListLegsParams{WorkspaceID: s.ws, TaskID: s.task, MaxRows: 5})
		many("legs", len(legs), err)
		changes, err := q.ListChanges(ctx, db.ListChangesParams{WorkspaceID: s.ws, TaskID: s.task, Below: 9, MaxRows: 5, MaxBytes: 1})
		many("changes", len(changes), err)
		_, err = q.HandoffFor(ctx, db.HandoffForParams{WorkspaceID: s.ws, MemberID: s.member, HandoffID: s.open})
		one("handoff", err)
		offers, err := q.OpenOffers(ctx, db.OpenOffersParams{WorkspaceID: s.ws, Tasks: []uuid.UUID{seedID(1, 5, 500)}})
		many("offers", len(offers), err)
		marked, err := q.MarkWorkspace(ctx, db.MarkWorkspaceParams{WorkspaceID: s.ws, Now: &[]time.Time{now}[0]})
		many("marked", int(marked), err)
		receivers, err := q.Receivers(ctx, db.ReceiversParams{WorkspaceID: s.ws, TeamID: s.team, SpaceID: s.space, GiverID: s.member})
		many("receivers", len(receivers), err)
		sources, err := q.HandoffSources(ctx, db.HandoffSourcesParams{WorkspaceID: s.ws, Places: []int32{0}, Ids: []uuid.UUID{s.open}, Members: []uuid.UUID{s.member}})
		many("sources", len(sources), err)
		for what, got := range found {
			require.Equal(t, want, got, "%s with %s set", what, ws)
		}
		require.Len(t, found, 15)
	}
}

// Whatever the query: with a workspace set, the app role sees and writes its rows only, in every table there is.
func TestEveryTableIsWalled(t *testing.T) {
	t.Parallel()
	s := seed(t, few)
	theirs := seedID(2, 1, 0)
	rows, err := s.db.Owner.Pool().Query(t.Context(), `
		SELECT c.table_name::text FROM information_schema.columns c JOIN pg_class p ON p.relname = c.table_name AND p.relkind = 'r'
		WHERE c.table_schema = 'tasks' AND c.column_name = 'workspace_id'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Subset(t, tables, growing())
	for _, table := range tables {
		var walled bool
		require.NoError(t, s.db.Owner.Pool().QueryRow(t.Context(), "SELECT relrowsecurity FROM pg_class WHERE oid = $1::regclass", table).Scan(&walled))
		require.True(t, walled, "%s has row-level security", table)
		for _, ws := range []uuid.UUID{s.ws, uuid.Nil} {
			var n int
			err := s.db.App.For(ws).QueryRow(t.Context(), "SELECT count(*) FROM "+table+" WHERE workspace_id = $1", theirs).Scan(&n)
			if err != nil {
				require.ErrorContains(t, err, "permission denied", table)
				continue
			}
			require.Zero(t, n, "%s with %s set", table, ws)
		}
	}
	_, err = s.db.App.For(s.ws).Exec(t.Context(), `INSERT INTO task_changes VALUES ($1, $1, 1, NULL, 'f', '', '', '2026-01-01')`, theirs)
	require.ErrorContains(t, err, "row-level security")
	tag, err := s.db.App.For(s.ws).Exec(t.Context(), "UPDATE tasks SET title = 'stolen' WHERE workspace_id = $1", theirs)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
}

// The lists' statements are made at run time: all that a request brings goes in as an argument.
func TestListsTakeNothingIntoTheirText(t *testing.T) {
	t.Parallel()
	s := seed(t, few)
	list := func(field, op string, value any) ([]app.TaskCondition, error) {
		conditions := []app.TaskCondition{{Field: field, Op: op, Value: value}}
		found, err := s.store.Tasks(t.Context(), s.ws, s.member, app.TaskQuery{
			Conditions: conditions, Order: page.Order{Field: "create_time"}, Page: page.Request[app.TaskCursor]{Size: 3},
		}, now)
		require.Empty(t, found.Items)
		return conditions, err
	}
	for _, value := range []string{"'; DROP TABLE tasks; --", "$1", "%", "\\", "P2-", "-1", "P2-99999999999999999999"} {
		for _, field := range []string{"state", "label", "key", "category"} {
			_, err := list(field, "=", value)
			require.NoError(t, err, "%s %q", field, value)
		}
	}
	for _, bad := range [][2]string{{"title; DROP", "="}, {"state", "= '' OR"}, {"space", "="}} {
		_, err := list(bad[0], bad[1], "x")
		require.Error(t, err)
	}
	_, err := s.store.Tasks(t.Context(), s.ws, s.member, app.TaskQuery{Order: page.Order{Field: "title"}}, now)
	require.Error(t, err)
}
