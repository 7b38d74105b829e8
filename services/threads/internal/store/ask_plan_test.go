package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// Four asks a thread, each of two people, nearly all settled; kind 5 are their ids.
const askSeedSQL = `
CREATE TABLE seed_asks AS SELECT t.workspace_id, t.thread_id, t.space_id, t.creator_id, t.create_time, q, w.w,
		row_number() OVER (PARTITION BY w.w ORDER BY t.thread_id, q) AS n
	FROM threads t JOIN seed_ids w ON w.kind = 1 AND w.id = t.workspace_id, generate_series(1, 4) q;
INSERT INTO asks SELECT workspace_id, overlay(overlay(thread_id::text placing '05' from 3 for 2) placing lpad(to_hex(q), 2, '0') from 5 for 2)::uuid,
		thread_id, q, space_id, creator_id, 'REPLY', '{}', NULL, false, 'working 24h0m0s', 2,
		CASE WHEN n % 50 = 0 THEN 'OPEN' ELSE 'SETTLED' END, '', 1, create_time, create_time FROM seed_asks;
INSERT INTO ask_recipients
	SELECT a.workspace_id, a.ask_id, m.id, a.create_time, m.n % 2, CASE WHEN a.state = 'OPEN' THEN 'OPEN' ELSE 'ANSWERED' END, false,
		a.create_time, a.state = 'OPEN' AND m.n % 7 = 0, 1, a.create_time + interval '1 day', NULL, 0, false, 'epoch', 0, '', NULL, NULL, NULL, a.create_time
	FROM asks a JOIN seed_ids w ON w.kind = 1 AND w.id = a.workspace_id JOIN seed_ids m ON m.kind = 2 AND m.w = w.w
		AND m.n IN (a.sequence, (extract(epoch FROM a.create_time)::bigint / 60) % 20);
UPDATE messages SET ask_count = 1 WHERE sequence <= 4;
INSERT INTO read_states (workspace_id, member_id, thread_id, followed)
	SELECT t.workspace_id, m.id, t.thread_id, true FROM threads t JOIN seed_ids w ON w.kind = 1 AND w.id = t.workspace_id
	JOIN seed_ids m ON m.kind = 2 AND m.w = w.w AND m.n < 5;
ANALYZE;
`

func seedWithAsks(t *testing.T) (s *seeded, ask uuid.UUID) {
	t.Helper()
	s = seed(t)
	_, err := s.db.Owner.Pool().Exec(t.Context(), askSeedSQL)
	require.NoError(t, err)
	ask = s.thread
	ask[1], ask[2] = 5, 1
	return s, ask
}

func TestAsksAreIndexPlans(t *testing.T) {
	t.Parallel()
	s, id := seedWithAsks(t)
	ctx := t.Context()
	found, _, err := s.store.Ask(ctx, s.ws, s.member, id)
	require.NoError(t, err)
	require.NotEmpty(t, found.Recipients)
	m, err := s.store.Message(ctx, s.ws, s.member, s.thread, 1)
	require.NoError(t, err)
	require.Len(t, m.Asks, 1)
	before := s.traced.Len()
	list, err := s.store.Messages(ctx, s.ws, s.member, app.MessageQuery{
		Thread: s.thread, First: 1, Last: 1 << 40, Page: page.Request[app.SequenceCursor]{Size: 200},
	})
	require.NoError(t, err)
	require.Len(t, list.Items, 40)
	require.Len(t, list.Items[3].Asks, 1)
	require.Equal(t, before+5, s.traced.Len(), "the right, the page and one for all asks, and twice the workspace")
	s.requireIndexPlans(t)

	after := &app.AskCursor{Time: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Ask: id}
	for name, q := range map[string]app.AskQuery{
		"all": {}, "open": {State: domain.AskOpen}, "kind": {Kind: domain.AskReply}, "mine": {Recipient: s.member},
		"my own": {Asker: s.member}, "thread": {Thread: s.thread}, "message": {Thread: s.thread, Sequence: 2},
		"mine in it": {Recipient: s.member, Thread: s.thread, State: domain.AskOpen}, "none": {Recipient: s.member, Asker: s.member},
	} {
		for _, cursor := range []*app.AskCursor{nil, after} {
			q.Page = page.Request[app.AskCursor]{Size: 10, After: cursor}
			_, err := s.store.Asks(ctx, s.ws, s.member, q)
			require.NoError(t, err, name)
		}
	}
	s.requireIndexPlans(t)
}

// What a list reads does not grow with the asks that there are: it walks one index from where the page begins.
func TestListsOfAsksReadAPage(t *testing.T) {
	t.Parallel()
	s, _ := seedWithAsks(t)
	for name, q := range map[string]app.AskQuery{
		"all": {}, "open": {State: domain.AskOpen}, "my own": {Asker: s.member}, "mine": {Recipient: s.member},
	} {
		q.Page = page.Request[app.AskCursor]{Size: 10}
		query, err := asksSQL(s.ws, s.member, q)
		require.NoError(t, err)
		require.LessOrEqual(t, s.rowsRead(t, query), 400, name)
	}
}

// rowsRead is how many rows of growing tables a statement reads.
func (s *seeded) rowsRead(t *testing.T, query *statement) (rows int) {
	t.Helper()
	e := s.db.ExplainRun(t, s.ws, pgtest.Statement{SQL: query.text.String(), Role: "threads_app"}, query.args...)
	e.Plan.Walk(func(p *pgtest.Plan) {
		if p.Relation == "asks" || p.Relation == "ask_recipients" {
			rows += int((p.Rows + p.RowsFiltered) * p.Loops)
		}
	})
	return rows
}

func TestAskWritesAreIndexPlansInFewStatements(t *testing.T) {
	t.Parallel()
	s, id := seedWithAsks(t)
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	write := func(fn func(ctx context.Context, tx app.Tx) error) {
		t.Helper()
		require.NoError(t, s.store.InTx(t.Context(), s.ws, fn))
	}
	members := make([]uuid.UUID, 20)
	for i := range members {
		members[i] = seedID(1, 2, i)
	}
	write(func(ctx context.Context, tx app.Tx) error {
		settings, err := tx.Settings(ctx)
		require.NoError(t, err)
		require.Equal(t, 24*time.Hour, settings.Windows[domain.Normal])
		may, err := tx.Askable(ctx, s.space, slices.Concat(members, []uuid.UUID{uuid.Max}))
		require.NoError(t, err)
		require.Len(t, may, 20)
		_, err = tx.AskableTeams(ctx, s.member, s.space, []uuid.UUID{uuid.Max})
		require.NoError(t, err)
		_, err = tx.LockRepliedAsks(ctx, s.member, s.thread, 1)
		require.NoError(t, err)
		open, err := tx.LockOpenAsks(ctx, s.thread, 1)
		require.NoError(t, err)
		require.LessOrEqual(t, len(open), 1)
		locked, err := tx.LockAsk(ctx, s.member, id)
		require.NoError(t, err)
		require.Equal(t, "body 1", locked.Excerpt)
		locked.Recipients[0].Touched = true
		return tx.SaveAsks(ctx, []domain.Ask{locked.Ask})
	})
	var drafts []domain.AskDraft
	for range 10 {
		drafts = append(drafts, domain.AskDraft{ID: uuid.Must(uuid.NewV7()), Kind: domain.AskReview, Members: members[1:], Window: window.Days(2)})
	}
	before := s.traced.Len()
	write(func(ctx context.Context, tx app.Tx) error {
		thread := domain.Thread{Workspace: s.ws, ID: s.thread, Space: s.space, State: domain.Open, LastSequence: 1000, Version: 1000}
		m, _, err := thread.Post(domain.Draft{ID: uuid.New(), Author: members[0], Body: "x", Asks: drafts}, now)
		require.NoError(t, err)
		return tx.AddAsks(ctx, m.Asks)
	})
	require.LessOrEqual(t, s.traced.Len()-before, 5, "ten asks of many take as many statements as one")
	write(func(ctx context.Context, tx app.Tx) error {
		return tx.MarkMemberDues(ctx, s.member, now, now.Add(time.Hour))
	})
	before = s.traced.Len()
	write(func(ctx context.Context, tx app.Tx) error { return tx.MarkWorkspaceDues(ctx) })
	require.LessOrEqual(t, s.traced.Len()-before, 4, "one statement within its transaction")
	s.requireIndexPlans(t)
}

func TestWhatIsDueIsFoundByIndex(t *testing.T) {
	t.Parallel()
	s, _ := seedWithAsks(t)
	owner, err := postgres.Open(t.Context(), s.db.OwnerURL, postgres.Options{Tracer: s.traced})
	require.NoError(t, err)
	t.Cleanup(owner.Close)
	s.store.owner = owner
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	_, some, err := s.store.NextPendingDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	_, some, err = s.store.NextOverdue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	pending, full, err := s.store.ClaimDues(t.Context(), time.Minute, 10)
	require.NoError(t, err)
	require.True(t, full)
	require.NotEmpty(t, pending)
	late, _, err := s.store.ClaimOverdue(t.Context(), now, time.Minute, 10)
	require.NoError(t, err)
	require.NotEmpty(t, late)
	s.requireIndexPlans(t)
}

func TestSourcesAreIndexPlansInFewStatements(t *testing.T) {
	t.Parallel()
	s, _ := seedWithAsks(t)
	check := func(many int) {
		t.Helper()
		messages, asks := map[int]app.SourceCheck{}, map[int]app.SourceCheck{}
		for i := range many {
			member, thread := seedID(1, 2, i%20), seedID(1, 4, i)
			messages[i] = app.SourceCheck{Member: member, Thread: thread, Sequence: 1}
			ask := thread
			ask[1], ask[2] = 5, 1
			asks[many+i] = app.SourceCheck{Member: member, Ask: ask}
		}
		found, err := s.store.MessageSources(t.Context(), s.ws, messages)
		require.NoError(t, err)
		require.Len(t, found, many)
		found, err = s.store.AskSources(t.Context(), s.ws, asks)
		require.NoError(t, err)
		require.Len(t, found, many)
	}
	check(20)
	require.LessOrEqual(t, s.traced.Len(), 4, "one statement a kind, and the workspace")
	s.requireIndexPlans(t)
	check(250)
	require.LessOrEqual(t, s.traced.Len(), 4, "many take as many statements as one")
	s.traced.Take()
	for _, after := range []*app.ActivityCursor{nil, {Time: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Thread: s.thread}} {
		activity, err := s.store.FollowedActivity(t.Context(), s.ws, s.member, page.Request[app.ActivityCursor]{Size: 20, After: after})
		require.NoError(t, err)
		require.Len(t, activity.Items, 20)
	}
	s.requireIndexPlans(t)
}

// The words of a query that are written into a list's text are ours alone.
func TestAskListsTakeNothingIntoTheirText(t *testing.T) {
	t.Parallel()
	for _, q := range []app.AskQuery{{State: "OPEN' OR true"}, {Kind: "'; DROP TABLE asks; --"}} {
		_, err := asksSQL(uuid.New(), uuid.New(), q)
		require.Error(t, err, fmt.Sprint(q))
	}
}
