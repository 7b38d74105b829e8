package store

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// The second wall: the store's own queries, naming one workspace's rows while another is set, find nothing.
func TestQueriesOfAnotherWorkspaceFindNothing(t *testing.T) {
	t.Parallel()
	s := seed(t)
	ctx, other := t.Context(), uuid.New()
	elsewhere := app.Reader{Caller: auth.Caller{Workspace: other, Member: s.member}}
	_, err := s.store.Notification(ctx, s.reader(), s.ids[0])
	require.NoError(t, err)
	_, err = s.store.Notification(ctx, elsewhere, s.ids[0])
	require.True(t, fault.Is(err, fault.NotFound))
	loaded, err := s.store.Load(ctx, other, s.ids)
	require.NoError(t, err)
	require.Empty(t, loaded)
	list, err := s.store.Notifications(ctx, elsewhere, app.InboxQuery{Page: page.Request[app.InboxCursor]{Size: 10}})
	require.NoError(t, err)
	require.Empty(t, list.Items)
	counts, err := s.store.Counts(ctx, elsewhere, now)
	require.NoError(t, err)
	require.Zero(t, counts.Unread+counts.Waiting+counts.Snoozed)
	digests, err := s.store.Digests(ctx, other, s.member, page.Request[app.DigestCursor]{Size: 10})
	require.NoError(t, err)
	require.Empty(t, digests.Items)
	sentences, err := s.store.Sentences(ctx, other, s.ids[0])
	require.NoError(t, err)
	require.Empty(t, sentences)
}

// Whatever the query: with a workspace set, the app role sees and writes its rows only, in every table there is.
func TestEveryTableIsWalled(t *testing.T) {
	t.Parallel()
	s := seed(t)
	rows, err := s.db.Owner.Pool().Query(t.Context(), `
		SELECT c.table_name::text FROM information_schema.columns c JOIN pg_class p ON p.relname = c.table_name AND p.relkind = 'r'
		WHERE c.table_schema = 'notifications' AND c.column_name = 'workspace_id'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, table := range growing() {
		require.Contains(t, tables, table)
	}
	for _, table := range tables {
		var walled bool
		require.NoError(t, s.db.Owner.Pool().QueryRow(t.Context(), "SELECT relrowsecurity FROM pg_class WHERE oid = $1::regclass", table).Scan(&walled))
		require.True(t, walled, "%s has row-level security", table)
		for _, ws := range []uuid.UUID{uuid.New(), uuid.Nil} {
			var n int
			err := s.db.App.For(ws).QueryRow(t.Context(), "SELECT count(*) FROM "+table+" WHERE workspace_id = $1", s.ws).Scan(&n)
			if err != nil {
				require.ErrorContains(t, err, "permission denied", table)
				continue
			}
			require.Zero(t, n, "%s with %s set", table, ws)
		}
	}
	_, err = s.db.App.For(uuid.New()).Exec(t.Context(), "INSERT INTO sources (workspace_id, source, version) VALUES ($1, 'x', 1)", s.ws)
	require.ErrorContains(t, err, "row-level security")
	tag, err := s.db.App.For(uuid.New()).Exec(t.Context(), "UPDATE notifications SET title = 'stolen' WHERE workspace_id = $1", s.ws)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
}
