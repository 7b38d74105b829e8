package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// The second wall: the store's own queries about asks, with another workspace set, find nothing and change nothing.
func TestAsksOfAnotherWorkspaceAreNotFound(t *testing.T) {
	t.Parallel()
	s, id := seedWithAsks(t)
	ctx, theirs := t.Context(), seedID(2, 1, 0)
	for ws, want := range map[uuid.UUID]bool{s.ws: true, theirs: false, uuid.Nil: false} {
		q := s.store.queries(ws)
		_, err := withRecipientsOf(ctx, s, ws, id)
		require.Equal(t, want, err == nil, ws)
		if err != nil {
			require.True(t, fault.Is(err, fault.NotFound))
		}
		messages := []*domain.Message{{Workspace: s.ws, Thread: s.thread, Sequence: 1, Asks: []domain.Ask{}}}
		_, err = fillAsks(ctx, q, s.ws, messages)
		require.NoError(t, err)
		require.Equal(t, want, len(messages[0].Asks) > 0, ws)
	}
	mine := map[int]app.SourceCheck{0: {Member: s.member, Thread: s.thread, Sequence: 1, Ask: id}}
	for _, check := range []func(context.Context, uuid.UUID, map[int]app.SourceCheck) (map[int]app.Source, error){
		s.store.MessageSources, s.store.AskSources,
	} {
		found, err := check(ctx, theirs, mine)
		require.NoError(t, err)
		require.Empty(t, found)
	}
	for _, q := range []app.AskQuery{{}, {Recipient: s.member}, {Thread: s.thread}, {Asker: s.member}} {
		q.Page.Size = 10
		found, err := s.store.Asks(ctx, theirs, s.member, q)
		require.NoError(t, err)
		require.Empty(t, found.Items)
	}
	activity, err := s.store.FollowedActivity(ctx, theirs, s.member, page.Request[app.ActivityCursor]{Size: 10})
	require.NoError(t, err)
	require.Empty(t, activity.Items)
	require.NoError(t, s.store.InTx(ctx, theirs, func(ctx context.Context, tx app.Tx) error {
		_, err := tx.LockAsk(ctx, s.member, id)
		require.True(t, fault.Is(err, fault.NotFound))
		return tx.MarkMemberDues(ctx, s.member, time.Time{}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	}))
	var marked int
	require.NoError(t, s.db.Owner.Pool().QueryRow(ctx, `SELECT count(*) FROM ask_recipients WHERE due_round > 1`).Scan(&marked))
	require.Zero(t, marked)
}

func withRecipientsOf(ctx context.Context, s *seeded, ws, ask uuid.UUID) (domain.Ask, error) {
	found, _, err := s.store.Ask(ctx, ws, s.member, ask)
	return found, err
}

// Whatever the query: with a workspace set, the app role sees its rows only, in every table of the service.
func TestEveryTableIsWalled(t *testing.T) {
	t.Parallel()
	s, _ := seedWithAsks(t)
	owner := s.db.Owner.Pool()
	_, err := owner.Exec(t.Context(), `DROP TABLE seed_asks`)
	require.NoError(t, err)
	rows, err := owner.Query(t.Context(), `
		SELECT c.table_name::text FROM information_schema.columns c JOIN pg_class p ON p.relname = c.table_name AND p.relkind = 'r'
		WHERE c.table_schema = 'threads' AND c.column_name = 'workspace_id'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Subset(t, tables, []string{"asks", "ask_recipients", "messages", "threads", "read_states"})
	for _, table := range tables {
		var walled bool
		require.NoError(t, owner.QueryRow(t.Context(), "SELECT relrowsecurity FROM pg_class WHERE oid = $1::regclass", table).Scan(&walled))
		require.True(t, walled, "%s has row-level security", table)
		for _, ws := range []uuid.UUID{s.ws, uuid.Nil} {
			var n int
			err := s.db.App.For(ws).QueryRow(t.Context(), "SELECT count(*) FROM "+table+" WHERE workspace_id <> $1", s.ws).Scan(&n)
			if err != nil {
				require.ErrorContains(t, err, "permission denied", table)
				continue
			}
			require.Zero(t, n, "%s with %s set", table, ws)
		}
	}
	_, err = s.db.App.For(s.ws).Exec(t.Context(), "UPDATE asks SET state = 'WITHDRAWN' WHERE workspace_id = $1", seedID(2, 1, 0))
	require.NoError(t, err)
	var changed int
	require.NoError(t, owner.QueryRow(t.Context(), "SELECT count(*) FROM asks WHERE state = 'WITHDRAWN'").Scan(&changed))
	require.Zero(t, changed)
}
