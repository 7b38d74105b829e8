package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

const readSeedSQL = `
INSERT INTO read_states (workspace_id, member_id, thread_id, followed)
	SELECT t.workspace_id, m.id, t.thread_id, true FROM threads t JOIN seed_ids w ON w.kind = 1 AND w.id = t.workspace_id
	JOIN seed_ids m ON m.kind = 2 AND m.w = w.w AND m.n < 5;
UPDATE messages SET imported = true WHERE sequence <= 3;
UPDATE threads SET imported_count = 3 WHERE create_time < '2026-01-01 05:00';
INSERT INTO imported_messages SELECT workspace_id, space_id, 'id' || row_number() OVER mixed, 'id' || row_number() OVER mixed / 5, thread_id, 1 FROM threads
	WINDOW mixed AS (ORDER BY workspace_id, md5(thread_id::text));
INSERT INTO imported_conversations SELECT workspace_id, space_id, 'id' || row_number() OVER (ORDER BY workspace_id, md5(thread_id::text)), thread_id FROM threads;
ANALYZE;
`

func TestReadStatesAreIndexPlansInFewStatements(t *testing.T) {
	t.Parallel()
	s := seed(t)
	_, err := s.db.Owner.Pool().Exec(t.Context(), readSeedSQL)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = s.store.ReadState(ctx, s.ws, app.ReadStateKey{Member: s.member, Thread: s.thread})
	require.NoError(t, err)
	for _, unreadOnly := range []bool{false, true} {
		for _, after := range []*app.ReadStateCursor{nil, {Thread: s.thread}} {
			_, err := s.store.ReadStates(ctx, s.ws, s.member, app.ReadStateQuery{
				UnreadOnly: unreadOnly, Page: page.Request[app.ReadStateCursor]{Size: 10, After: after},
			})
			require.NoError(t, err)
		}
	}
	seen := s.traced.Take()
	require.Positive(t, s.db.RequireIndexPlans(t, s.ws, seen, growing()...))
	list := seen[slices.IndexFunc(seen, func(st pgtest.Statement) bool { return strings.Contains(st.SQL, "name: ListReadStates ") })]
	e := s.db.ExplainRun(t, s.ws, list, s.ws, s.member, seedID(1, 4, 4000), false, 11)
	e.Plan.Walk(func(p *pgtest.Plan) {
		if p.Relation == "threads" || p.Relation == "read_states" {
			require.LessOrEqual(t, p.Rows*p.Loops, 11.0, "a page is what is read\n%s", e.Text)
		}
	})

	s.mark(t, 20, 5)
	s.requireIndexPlans(t)
	s.mark(t, 1000, 6)
	require.LessOrEqual(t, s.traced.Len(), 12, "a thousand marks take as many statements as one")
}

// mark marks so many threads read, in the way of app.MarkRead.
func (s *seeded) mark(t *testing.T, many int, sequence int64) {
	t.Helper()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	keys, through := make([]app.ReadStateKey, many), map[uuid.UUID]int64{}
	for i := range keys {
		keys[i] = app.ReadStateKey{Member: s.member, Thread: seedID(1, 4, i)}
		through[keys[i].Thread] = sequence
	}
	require.NoError(t, s.store.InTx(t.Context(), s.ws, func(ctx context.Context, tx app.Tx) error {
		locked, err := tx.LockReadStates(ctx, keys)
		require.NoError(t, err)
		require.Len(t, locked, many)
		imported, err := tx.ImportedThrough(ctx, through)
		require.NoError(t, err)
		require.EqualValues(t, 3, imported[s.thread])
		var states []domain.ReadState
		var events []domain.Event
		for _, key := range keys {
			state := locked[key].ReadState
			require.Equal(t, auth.Writer, locked[key].Have)
			events = append(events, state.MarkRead(sequence, imported[key.Thread], now)...)
			states = append(states, state)
		}
		require.NoError(t, tx.SaveReadStates(ctx, states, now))
		return tx.Publish(ctx, now, "a", events...)
	}))
	found, err := s.store.ReadState(t.Context(), s.ws, keys[1])
	require.NoError(t, err)
	require.Equal(t, sequence, found.LastRead)
	require.EqualValues(t, 3, found.ImportedBefore)
}

func TestImportsAreIndexPlansInFewStatements(t *testing.T) {
	t.Parallel()
	s := seed(t)
	_, err := s.db.Owner.Pool().Exec(t.Context(), readSeedSQL)
	require.NoError(t, err)
	var mails []domain.Imported
	for i := range 100 {
		mails = append(mails, domain.Imported{
			ID: uuid.New(), ThreadID: uuid.New(), ExternalID: fmt.Sprint("new", i), ParentExternalID: fmt.Sprint("id", i*5),
			ThreadExternalID: fmt.Sprint("conversation", i/4), Subject: "s", Author: s.member, CreateTime: time.Unix(int64(i), 0),
		})
	}
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	require.NoError(t, s.store.InTx(t.Context(), s.ws, func(ctx context.Context, tx app.Tx) error {
		require.NoError(t, tx.LockImports(ctx, s.space))
		unknown, err := tx.Strangers(ctx, []uuid.UUID{s.member, uuid.Max})
		require.NoError(t, err)
		require.Equal(t, []uuid.UUID{uuid.Max}, unknown)
		archive, err := tx.Archive(ctx, s.space, mails)
		require.NoError(t, err)
		require.NotEmpty(t, archive.Messages)
		plan := domain.NewImport(s.ws, s.space, mails, archive)
		locked, err := tx.LockThreads(ctx, plan.Existing())
		require.NoError(t, err)
		require.NotEmpty(t, locked)
		out, err := plan.Run(locked)
		require.NoError(t, err)
		require.NotEmpty(t, out.Created)
		require.NoError(t, tx.AddImport(ctx, s.space, out))
		return tx.Publish(ctx, now, "a", out.Events...)
	}))
	require.LessOrEqual(t, s.traced.Len(), 20, "a hundred messages take as many statements as one")
	s.requireIndexPlans(t)
}
