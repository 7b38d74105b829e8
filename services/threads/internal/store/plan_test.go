package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// seeded is a database with enough in it that a plan which reads all of it would be a mistake.
type seeded struct {
	db                        *pgtest.DB
	store                     *Store
	traced                    *pgtest.Statements
	ws, member, space, thread uuid.UUID
}

// sets are all that the service's schema holds.
func sets() []postgres.Set {
	return []postgres.Set{outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), Set()}
}

// The ids of the seed are made of numbers, so that SQL can make them: workspace, kind, number.
func seedID(workspace, kind, number int) uuid.UUID {
	var id uuid.UUID
	id[0], id[1], id[14], id[15] = byte(workspace), byte(kind), byte(number>>8), byte(number)
	return id
}

const seedSQL = `
INSERT INTO members SELECT w.id, m.id, 'M', 'm' || m.n, 'UTC', 2, 2, 1, 1 FROM seed_ids w, seed_ids m
	WHERE w.kind = 1 AND m.kind = 2 AND m.w = w.w;
INSERT INTO spaces SELECT w.id, s.id, 'S', 1, 1 FROM seed_ids w, seed_ids s WHERE w.kind = 1 AND s.kind = 3 AND s.w = w.w;
INSERT INTO threads SELECT w.id, t.id, (SELECT s.id FROM seed_ids s WHERE s.w = t.w AND s.kind = 3 AND s.n = t.n % 5),
		'T', 'DISCUSSION', 'OPEN', (SELECT m.id FROM seed_ids m WHERE m.w = t.w AND m.kind = 2 AND m.n = t.n % 20),
		'', NULL, NULL, false, 40, 1, 41, '2026-01-01'::timestamptz + t.n * interval '1 minute', '2026-01-01', false
	FROM seed_ids t JOIN seed_ids w ON w.w = t.w AND w.kind = 1 WHERE t.kind = 4;
INSERT INTO thread_activity SELECT workspace_id, thread_id, space_id, create_time FROM threads;
INSERT INTO messages (workspace_id, thread_id, sequence, message_id, author_id, body, version, create_time, update_time, reacted)
	SELECT t.workspace_id, t.thread_id, q, gen_random_uuid(), t.creator_id, 'body ' || q, q + 1, t.create_time, t.create_time, q = 1
	FROM threads t, generate_series(1, 40) q WHERE t.create_time < '2026-01-01 05:00';
INSERT INTO message_revisions SELECT workspace_id, thread_id, sequence, r, 'old', create_time FROM messages, generate_series(1, 2) r WHERE sequence BETWEEN 2 AND 5;
INSERT INTO message_reactions SELECT m.workspace_id, m.thread_id, m.sequence, e, m.author_id, m.version
	FROM messages m, unnest(ARRAY['👍', '🎉']) e WHERE m.reacted;
`

func seed(t *testing.T) *seeded {
	t.Helper()
	s := &seeded{db: pgtest.New(t, "threads", sets()...), traced: &pgtest.Statements{}}
	s.ws, s.member, s.space, s.thread = seedID(1, 1, 0), seedID(1, 2, 3), seedID(1, 3, 2), seedID(1, 4, 7)
	owner := s.db.Owner.Pool()
	_, err := owner.Exec(t.Context(), `CREATE TABLE seed_ids (id uuid, w int, kind int, n int, PRIMARY KEY (w, kind, n))`)
	require.NoError(t, err)
	var ids []uuid.UUID
	var workspaces, kinds, numbers []int
	for w := 1; w <= 3; w++ {
		for kind, count := range map[int]int{1: 1, 2: 20, 3: 5, 4: 5000} {
			for n := range count {
				ids, workspaces, kinds, numbers = append(ids, seedID(w, kind, n)), append(workspaces, w), append(kinds, kind), append(numbers, n)
			}
		}
	}
	_, err = owner.Exec(t.Context(), `INSERT INTO seed_ids SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[])`, ids, workspaces, kinds, numbers)
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), `ANALYZE seed_ids`)
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), seedSQL)
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), `ANALYZE`)
	require.NoError(t, err)
	pool, err := postgres.Open(t.Context(), s.db.AppURL, postgres.Options{Tracer: s.traced})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s.store = New(pool, s.db.Owner, outbox.New(func() {}), func(context.Context, time.Time, string, domain.Event) (outbox.Message, error) {
		return outbox.Message{
			ID: uuid.Must(uuid.NewV7()), Workspace: s.ws, Aggregate: "a", Version: 1, Subject: "evt.x",
		}, nil
	})
	return s
}

// growing are the tables that grow with use. None of them may ever be read from end to end.
func growing() []string {
	return []string{"threads", "thread_activity", "messages", "message_revisions", "message_reactions", "read_states", "imported_messages", "imported_conversations", "asks", "ask_recipients", "replay"}
}

// requireIndexPlans explains every statement since the last look.
func (s *seeded) requireIndexPlans(t *testing.T) {
	t.Helper()
	require.Positive(t, s.db.RequireIndexPlans(t, s.ws, s.traced.Take(), growing()...))
}

// No statement of the store reads a growing table from end to end.
func TestIndexPlans(t *testing.T) {
	t.Parallel()
	s := seed(t)
	s.reads(t)
	s.lists(t)
	s.writes(t)
}

func (s *seeded) reads(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	_, have, err := s.store.Thread(ctx, s.ws, s.member, s.thread)
	require.NoError(t, err)
	require.Equal(t, auth.Writer, have)
	_, err = s.store.Message(ctx, s.ws, s.member, s.thread, 1)
	require.NoError(t, err)
	for _, desc := range []bool{false, true} {
		for _, after := range []*app.SequenceCursor{nil, {Sequence: 20}} {
			found, err := s.store.Messages(ctx, s.ws, s.member, app.MessageQuery{
				Thread: s.thread, First: 1, Last: 1 << 40, Desc: desc, Page: page.Request[app.SequenceCursor]{Size: 10, After: after},
			})
			require.NoError(t, err)
			require.Len(t, found.Items, 10)
		}
	}
	revisions, err := s.store.Revisions(ctx, s.ws, s.member, app.RevisionQuery{
		Thread: s.thread, Sequence: 2, Page: page.Request[app.SequenceCursor]{Size: 10},
	})
	require.NoError(t, err)
	require.NotEmpty(t, revisions.Items)
	s.requireIndexPlans(t)
}

func (s *seeded) lists(t *testing.T) {
	t.Helper()
	for _, field := range []string{"activity_time", "create_time"} {
		for _, desc := range []bool{false, true} {
			for _, space := range []uuid.UUID{uuid.Nil, s.space} {
				for _, after := range []*app.ThreadCursor{nil, {Time: time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC), Thread: s.thread}} {
					found, err := s.store.Threads(t.Context(), s.ws, s.member, app.ThreadQuery{
						Space: space, Order: page.Order{Field: field, Desc: desc}, Page: page.Request[app.ThreadCursor]{Size: 10, After: after},
						Conditions: []app.ThreadCondition{{Field: "state", Op: "=", Value: "OPEN"}},
					})
					require.NoError(t, err)
					require.Len(t, found.Items, 10)
				}
			}
		}
	}
	s.requireIndexPlans(t)
}

func (s *seeded) writes(t *testing.T) {
	t.Helper()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	write := func(fn func(ctx context.Context, tx app.Tx) error) {
		t.Helper()
		require.NoError(t, s.store.InTx(t.Context(), s.ws, fn))
	}
	write(func(ctx context.Context, tx app.Tx) error {
		thread, taken, err := tx.TakeSequence(ctx, s.member, s.thread, auth.Writer)
		require.NoError(t, err)
		require.True(t, taken)
		mentions, err := tx.Mentions(ctx, s.space, []string{"m1", "m2"})
		require.NoError(t, err)
		require.Len(t, mentions, 2)
		m, events, err := thread.Post(domain.Draft{ID: uuid.Must(uuid.NewV7()), Author: s.member, Body: "x", Mentions: mentions}, now)
		require.NoError(t, err)
		require.NoError(t, tx.AddMessages(ctx, now, m))
		require.NoError(t, tx.Activity(ctx, map[uuid.UUID]time.Time{s.thread: now}))
		return tx.Publish(ctx, now, "a", events...)
	})
	write(func(ctx context.Context, tx app.Tx) error {
		thread, _, err := tx.LockThread(ctx, s.member, s.thread)
		require.NoError(t, err)
		m, err := tx.LockedMessage(ctx, s.member, s.thread, 1)
		require.NoError(t, err)
		require.Len(t, m.Reactions, 2)
		require.NoError(t, tx.SaveEdit(ctx, m))
		require.NoError(t, tx.AddReaction(ctx, m, s.member, ":new:"))
		require.NoError(t, tx.RemoveReaction(ctx, m, s.member, ":new:"))
		require.NoError(t, tx.SaveDeletion(ctx, m))
		require.NoError(t, tx.SaveThread(ctx, thread))
		return tx.SaveThreadVersion(ctx, thread)
	})
	s.requireIndexPlans(t)
}
