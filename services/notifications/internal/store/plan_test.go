package store

import (
	"context"
	"slices"
	"strings"
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
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// seeded is a database with enough in it that a plan which reads all of it would be a mistake.
type seeded struct {
	db                *pgtest.DB
	store             *Store
	traced            *pgtest.Statements
	ws, member, space uuid.UUID
	ids               []uuid.UUID
}

// reader is the member who reads.
func (s *seeded) reader() app.Reader {
	return app.Reader{Caller: auth.Caller{Workspace: s.ws, Member: s.member}}
}

func sets() []postgres.Set {
	return []postgres.Set{outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), Set()}
}

const seedSQL = `
INSERT INTO members SELECT w, md5('m' || w || m)::uuid, 'M', 'm' || m, 'UTC', 2, 2, 1, 1, 'm@x.test'
	FROM unnest($1::uuid[]) w, generate_series(1, 20) m;
INSERT INTO spaces SELECT w, md5('s' || w || s)::uuid, 'S', 1, 1 FROM unnest($1::uuid[]) w, generate_series(1, 5) s;
INSERT INTO notifications (workspace_id, notification_id, recipient_id, source, context, message, space_id, reason, occasion, urgency,
		title, excerpt, summary, state, snooze_time, waiting, version, create_time, update_time)
	SELECT w, md5('n' || w || m || '-' || n)::uuid, md5('m' || w || m)::uuid, 'asks/' || n, 'threads/' || n / 10, 'messages/' || n,
		md5('s' || w || n % 5 + 1)::uuid, 'ASKED', '', 2, 't', 'e', 's', (ARRAY['DONE', 'DONE', 'READ', 'UNREAD'])[n % 4 + 1],
		CASE WHEN n % 50 = 0 THEN '2026-12-24'::timestamptz END, n % 39 = 0, 1, '2026-12-01'::timestamptz + n * interval '1 minute', '2026-12-01'
	FROM unnest($1::uuid[]) w, generate_series(1, 20) m, generate_series(1, 300) n;
INSERT INTO deliveries (workspace_id, notification_id, channel, recipient_id, decision, explanation, state, deliver_time, decide_time, decide_at, working_time_version, urgency)
	SELECT workspace_id, notification_id, c, recipient_id, CASE WHEN c = 'EMAIL' THEN 'DIGEST' ELSE 'DEFERRED' END, 'x',
		CASE WHEN create_time > '2026-12-01 04:50' THEN 'PENDING' ELSE 'SENT' END, create_time, create_time,
		CASE WHEN create_time > '2026-12-01 04:59' THEN create_time END, 1,
		CASE WHEN recipient_id = md5('m' || workspace_id || 1)::uuid THEN 4 ELSE 2 END
	FROM notifications, unnest(ARRAY['IN_APP', 'EMAIL']) c;
INSERT INTO decisions (workspace_id, notification_id, channel, decide_time, sentence)
	SELECT workspace_id, notification_id, channel, decide_time, 's' FROM deliveries, generate_series(1, 2);
INSERT INTO attempts (workspace_id, attempt_id, notification_id, recipient_id, channel, urgency, decide_time, begin_time, working, working_time_version, outcome)
	SELECT workspace_id, md5(notification_id || channel)::uuid, notification_id, recipient_id, channel, 2, decide_time, decide_time, true, 1, 'SENT' FROM deliveries;
INSERT INTO signals SELECT DISTINCT workspace_id, recipient_id, context, '2026-12-01'::timestamptz FROM notifications;
INSERT INTO sources SELECT DISTINCT workspace_id, source, 1 FROM notifications;
INSERT INTO waits (workspace_id, source, member_id, waiting, settled_reason, due_time, remind_time, version)
	SELECT workspace_id, source, recipient_id, waiting, '', NULL, create_time, 1 FROM notifications;
INSERT INTO digests (workspace_id, digest_id, recipient_id, local_date, day_start, deliver_time, state, version, create_time, update_time, send_time)
	SELECT w, md5('d' || w || m || '-' || d)::uuid, md5('m' || w || m)::uuid, ('2026-01-01'::date + d)::text, '2026-01-01'::timestamptz + d * interval '1 day',
		'2026-01-01'::timestamptz + d * interval '1 day', CASE WHEN d = 200 THEN 'PENDING' ELSE 'SENT' END, 1, '2026-01-01', '2026-01-01', '2026-01-01'
	FROM unnest($1::uuid[]) w, generate_series(1, 20) m, generate_series(1, 200) d;
INSERT INTO digest_plans SELECT w, gen_random_uuid(), CASE WHEN m % 100 = 0 THEN '2026-12-01'::timestamptz END FROM unnest($1::uuid[]) w, generate_series(1, 2000) m;
INSERT INTO preferences SELECT w, gen_random_uuid(), '{}', false, '{}', 1, 1, '2026-12-01' FROM unnest($1::uuid[]) w, generate_series(1, 2000);
`

func seed(t *testing.T) *seeded {
	t.Helper()
	s := &seeded{db: pgtest.New(t, "notifications", sets()...), traced: &pgtest.Statements{}, ws: uuid.MustParse("00000000-0000-7000-8000-000000000001")}
	owner := s.db.Owner.Pool()
	workspaces := []uuid.UUID{s.ws, uuid.New(), uuid.New()}
	for statement := range strings.SplitSeq(seedSQL, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		var args []any
		if strings.Contains(statement, "$1") {
			args = []any{workspaces}
		}
		_, err := owner.Exec(t.Context(), statement, args...)
		require.NoError(t, err, statement)
	}
	_, err := owner.Exec(t.Context(), `ANALYZE`)
	require.NoError(t, err)
	row := owner.QueryRow(t.Context(), `SELECT recipient_id, space_id, array_agg(notification_id) FROM notifications WHERE workspace_id = $1 GROUP BY 1, 2 LIMIT 1`, s.ws)
	require.NoError(t, row.Scan(&s.member, &s.space, &s.ids))
	s.ids = s.ids[:5]
	pool, err := postgres.Open(t.Context(), s.db.AppURL, postgres.Options{Tracer: s.traced})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	owners, err := postgres.Open(t.Context(), s.db.OwnerURL, postgres.Options{Tracer: s.traced})
	require.NoError(t, err)
	t.Cleanup(owners.Close)
	s.store = New(pool, owners, outbox.New(func() {}), func(context.Context, time.Time, string, domain.Event) (outbox.Message, error) {
		return outbox.Message{ID: uuid.Must(uuid.NewV7()), Workspace: s.ws, Aggregate: "a", Version: 1, Subject: "own.x"}, nil
	})
	return s
}

// growing are the tables that grow with use. None of them may ever be read from end to end.
func growing() []string {
	return []string{"notifications", "deliveries", "decisions", "attempts", "signals", "sources", "waits", "digests", "digest_plans", "preferences"}
}

// requireIndexPlans explains every statement since the last look.
func (s *seeded) requireIndexPlans(t *testing.T) {
	t.Helper()
	require.Positive(t, s.db.RequireIndexPlans(t, s.ws, s.traced.Take(), growing()...))
}

var now = time.Date(2026, 12, 1, 5, 0, 0, 0, time.UTC)

// No statement of the store reads a growing table from end to end.
func TestIndexPlans(t *testing.T) {
	t.Parallel()
	s := seed(t)
	s.reads(t)
	s.lists(t)
	s.due(t)
	s.writes(t)
}

func (s *seeded) reads(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	_, err := s.store.Notification(ctx, s.reader(), s.ids[0])
	require.NoError(t, err)
	acted, err := s.store.ActedFor(ctx, s.ws, s.member)
	require.NoError(t, err)
	require.Empty(t, acted)
	_, err = s.store.Sentences(ctx, s.ws, s.ids[0])
	require.NoError(t, err)
	counts, err := s.store.Counts(ctx, s.reader(), now)
	require.NoError(t, err)
	require.Positive(t, counts.Unread)
	loaded, err := s.store.Load(ctx, s.ws, s.ids)
	require.NoError(t, err)
	require.Len(t, loaded, len(s.ids))
	people, err := s.store.People(ctx, s.ws, []uuid.UUID{s.member})
	require.NoError(t, err)
	require.Len(t, people, 1)
	for _, h := range []domain.Happening{
		{Workspace: s.ws, Space: s.space, Context: "threads/1"},
		{Workspace: s.ws, Subject: s.member, Context: "threads/1"},
		{Workspace: s.ws, Context: "threads/1"},
	} {
		readers, err := s.store.Readers(ctx, h, []domain.Notification{{Recipient: s.member}})
		require.NoError(t, err)
		require.Len(t, readers, 1)
		require.False(t, readers[s.member].IsZero(), "when it last signalled")
	}
	admins, err := s.store.Admins(ctx, s.ws, 5)
	require.NoError(t, err)
	require.Empty(t, admins)
	spaces, err := s.store.ReadableSpaces(ctx, s.ws, s.member, []uuid.UUID{s.space})
	require.NoError(t, err)
	require.Len(t, spaces, 1)
	items, err := s.store.DigestItems(ctx, s.ws, s.member, 100)
	require.NoError(t, err)
	require.NotEmpty(t, items)
	last, err := s.store.LastDigest(ctx, s.ws, s.member)
	require.NoError(t, err)
	require.False(t, last.IsZero())
	_, found, err := s.store.Digest(ctx, s.ws, uuid.New())
	require.NoError(t, err)
	require.False(t, found)
	s.requireIndexPlans(t)
}

// The inbox is listed by an index whatever is filtered for, and its pages cost the same.
func (s *seeded) lists(t *testing.T) {
	t.Helper()
	equal := func(field string, value any) app.InboxCondition {
		return app.InboxCondition{Field: field, Op: "=", Value: value}
	}
	for _, conditions := range [][]app.InboxCondition{
		nil,
		{equal("state", "UNREAD")},
		{equal("state", "DONE")},
		{equal("waiting", true)},
		{equal("waiting", false)},
		{equal("snoozed", true)},
		{equal("reason", "ASKED")},
		{equal("urgency", int16(2))},
		{equal("source", "asks/7")},
		{equal("context", "threads/7")},
		{{Field: "state", Op: "!=", Value: "READ"}},
	} {
		q := app.InboxQuery{Conditions: conditions, Page: page.Request[app.InboxCursor]{Size: 20}}
		first, err := s.store.Notifications(t.Context(), s.reader(), q)
		require.NoError(t, err)
		require.NotEmpty(t, first.Items, conditions)
		q.Page.After = &app.InboxCursor{Time: first.Items[0].CreateTime, ID: first.Items[0].ID}
		_, err = s.store.Notifications(t.Context(), s.reader(), q)
		require.NoError(t, err)
	}
	_, err := s.store.Notifications(t.Context(), s.reader(), app.InboxQuery{Conditions: []app.InboxCondition{equal("title; DROP", "x")}})
	require.Error(t, err)
	digests, err := s.store.Digests(t.Context(), s.ws, s.member, page.Request[app.DigestCursor]{Size: 20, After: &app.DigestCursor{Date: "2026-05-01"}})
	require.NoError(t, err)
	require.Len(t, digests.Items, 20)
	s.requireIndexPlans(t)
}

func (s *seeded) due(t *testing.T) {
	t.Helper()
	ctx, lease := t.Context(), time.Minute
	deliveries, err := s.store.ClaimDeliveries(ctx, now, lease, 10)
	require.NoError(t, err)
	require.NotEmpty(t, deliveries)
	again, err := s.store.ClaimDeliveries(ctx, now, lease, 20)
	require.NoError(t, err)
	for _, b := range again {
		for _, k := range b.Keys {
			require.False(t, slices.ContainsFunc(deliveries, func(first app.DeliveryBatch) bool {
				return first.Workspace == b.Workspace && slices.Contains(first.Keys, k)
			}), "what is leased is nobody else's")
		}
	}
	urgent, err := s.store.ClaimUrgent(ctx, now, lease, 10)
	require.NoError(t, err)
	require.NotEmpty(t, urgent)
	for _, b := range append(deliveries, again...) {
		require.False(t, slices.ContainsFunc(urgent, func(u app.DeliveryBatch) bool { return u.Recipient == b.Recipient }), "URGENT is claimed by itself")
	}
	undecided, err := s.store.ClaimUndecided(ctx, now, lease, 10)
	require.NoError(t, err)
	require.NotEmpty(t, undecided)
	reminders, err := s.store.ClaimReminders(ctx, now, lease, 10)
	require.NoError(t, err)
	require.NotEmpty(t, reminders)
	snoozes, err := s.store.ClaimSnoozes(ctx, now.AddDate(0, 1, 0), lease, 10)
	require.NoError(t, err)
	require.Len(t, snoozes, 10)
	digests, err := s.store.ClaimDigests(ctx, now, lease, 10)
	require.NoError(t, err)
	require.Len(t, digests, 10)
	plans, err := s.store.ClaimPlans(ctx, now, lease, 10)
	require.NoError(t, err)
	require.NotEmpty(t, plans)
	for _, next := range []func(context.Context) (time.Time, bool, error){
		s.store.NextUrgent, s.store.NextDelivery, s.store.NextUndecided, s.store.NextReminder, s.store.NextSnooze, s.store.NextDigest, s.store.NextPlan,
	} {
		_, some, err := next(ctx)
		require.NoError(t, err)
		require.True(t, some)
	}
	require.NoError(t, s.store.HoldDeliveries(ctx, s.ws, []app.DeliveryKey{{Notification: s.ids[0], Channel: domain.InApp}}, time.Second))
	require.NoError(t, s.store.HoldReminders(ctx, app.ReminderBatch{Workspace: s.ws, Source: "asks/1", Members: []uuid.UUID{s.member}}, time.Second))
	require.NoError(t, s.store.HoldDigest(ctx, app.Item{Workspace: s.ws, ID: digests[0].ID}, time.Second))
	require.NoError(t, s.store.HoldPlans(ctx, app.PlanBatch{Workspace: s.ws, Members: []uuid.UUID{s.member}}, time.Second))
	s.requireIndexPlans(t)
}

func (s *seeded) writes(t *testing.T) {
	t.Helper()
	require.NoError(t, s.store.InTx(t.Context(), s.ws, func(ctx context.Context, tx app.Tx) error {
		locked, err := tx.Lock(ctx, s.ids)
		require.NoError(t, err)
		require.True(t, locked[0].MayRead)
		own, err := tx.LockOwn(ctx, s.reader(), s.ids)
		require.NoError(t, err)
		require.Len(t, own, len(s.ids))
		_, err = tx.LockUnsettled(ctx, "asks/1")
		require.NoError(t, err)
		of, err := tx.LockOfMessage(ctx, "messages/7")
		require.NoError(t, err)
		require.Len(t, of, 20)
		own[0].Look(now)
		fresh := own[0]
		fresh.ID, fresh.Occasion = uuid.New(), "2"
		twin := own[1]
		twin.ID = uuid.New()
		added, err := tx.AddNotifications(ctx, []domain.Notification{fresh, twin})
		require.NoError(t, err)
		require.Equal(t, map[uuid.UUID]bool{fresh.ID: true}, added, "an occasion is told once")
		signals, err := tx.LockSignals(ctx, s.member, []string{"threads/1", "threads/new"})
		require.NoError(t, err)
		require.True(t, signals["threads/new"].IsZero())
		newest, err := tx.Advance(ctx, "asks/1", 2)
		require.NoError(t, err)
		require.True(t, newest)
		older, err := tx.Advance(ctx, "asks/1", 1)
		require.NoError(t, err)
		require.False(t, older)
		require.NoError(t, tx.PutWaits(ctx, "asks/1", 2, []domain.Wait{{Member: s.member, Waiting: true, Due: now}}, "over"))
		require.NoError(t, tx.PutWaits(ctx, "asks/1", 1, []domain.Wait{{Member: s.member}}, ""))
		require.NoError(t, tx.EraseMessage(ctx, "messages/7"))
		erased, err := tx.LockMessages(ctx, []string{"messages/7", "messages/8"})
		require.NoError(t, err)
		require.Equal(t, map[string]bool{"messages/7": true, "messages/8": false}, erased)
		waits, err := tx.Waits(ctx, "asks/1", []uuid.UUID{s.member})
		require.NoError(t, err)
		require.Equal(t, now, waits[s.member].Due)
		_, err = tx.LockReminders(ctx, "asks/1", []uuid.UUID{s.member})
		require.NoError(t, err)
		first, err := tx.FirstNotifications(ctx, "asks/1", []uuid.UUID{s.member})
		require.NoError(t, err)
		require.Len(t, first, 1)
		pending, _, found, err := tx.LockPendingDigest(ctx, s.member)
		require.NoError(t, err)
		require.True(t, found)
		_, _, err = tx.LockDigest(ctx, pending.ID)
		require.NoError(t, err)
		_, err = tx.DigestOver(ctx, s.member, pending.Date)
		require.NoError(t, err)
		_, err = tx.LockDigestPlan(ctx, s.member)
		require.NoError(t, err)
		_, err = tx.LockPreferences(ctx, s.member)
		require.NoError(t, err)
		for _, step := range []error{
			tx.SaveNotifications(ctx, own), tx.HoldDeliveries(ctx, []app.DeliveryKey{{Notification: s.ids[0], Channel: domain.InApp}}, time.Second),
			tx.SetSignals(ctx, s.member, []string{"threads/1"}, now), tx.SetReminded(ctx, "asks/1", []uuid.UUID{s.member}),
			tx.AddAttempts(ctx, []app.Attempt{{ID: uuid.Max, Notification: s.ids[0], Recipient: s.member, Channel: domain.InApp, Urgency: domain.Normal, DecideTime: now, BeginTime: now, Outcome: app.Begun}}),
			tx.EndAttempt(ctx, uuid.Max, app.Handed, ""), tx.Undecide(ctx, s.member, now), tx.Undecide(ctx, uuid.Nil, now),
			tx.PutDigest(ctx, pending), tx.HoldDigest(ctx, pending.ID, time.Second), tx.DropDigest(ctx, s.member),
			tx.PlanDigests(ctx, []uuid.UUID{s.member}, now), tx.PlanDigests(ctx, nil, now), tx.LayDigestPlans(ctx, []uuid.UUID{s.member}, now),
			tx.SetDigestPlan(ctx, s.member, time.Time{}), tx.SavePreferences(ctx, domain.DefaultPreferences(s.ws, s.member)),
		} {
			require.NoError(t, step)
		}
		return nil
	}))
	seen := slices.DeleteFunc(s.traced.Take(), func(st pgtest.Statement) bool {
		// To undecide or plan a whole workspace touches all that it holds, and that is a third of this one.
		return strings.Contains(st.SQL, "UndecideWorkspace") || strings.Contains(st.SQL, "PlanAllDigests")
	})
	require.Positive(t, s.db.RequireIndexPlans(t, s.ws, seen, growing()...))
}
