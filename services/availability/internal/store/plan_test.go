package store

import (
	"context"
	"crypto/md5"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// seeded is a database with enough in it that a plan which reads all of it would be a mistake.
type seeded struct {
	db      *pgtest.DB
	store   *Store
	traced  *pgtest.Statements
	ws      uuid.UUID
	members []uuid.UUID
}

// sets are all that the service's schema holds.
func sets() []postgres.Set {
	return []postgres.Set{outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), Set()}
}

// seedID is an id made of numbers, so that SQL can make it: workspace, member.
func seedID(workspace, number int) uuid.UUID {
	var id uuid.UUID
	id[0], id[14], id[15] = byte(workspace), byte(number>>8), byte(number)
	return id
}

// Every member has 20 former schedules and one that holds, 10 zones, 40 times off over ten years, and 20 layers of each kind over four.
const seedSQL = `
INSERT INTO members SELECT s.ws, s.id, 'M', 'm' || s.n, 'UTC', 2, 2, 1, 1 FROM seed_ids s;
INSERT INTO member_times SELECT ws, id, 5 FROM seed_ids;
INSERT INTO workspace_times SELECT gen_random_uuid(), 1 FROM generate_series(1, 20000);
INSERT INTO members SELECT gen_random_uuid(), gen_random_uuid(), 'M', 'm', '', 2, 2, 1, 1 FROM generate_series(1, 60000);
INSERT INTO member_times SELECT gen_random_uuid(), gen_random_uuid(), 1 FROM generate_series(1, 60000);
INSERT INTO working_schedules SELECT s.ws, s.id, gen_random_uuid(), 'UTC', '[]', '2020-01-01',
		'2020-01-01'::timestamptz + v * interval '90 days', CASE WHEN v < 20 THEN '2020-01-01'::timestamptz + (v + 1) * interval '90 days' END,
		'2020-01-01' FROM seed_ids s, generate_series(0, 20) v;
INSERT INTO member_zones SELECT s.ws, s.id, gen_random_uuid(), 'UTC', '2020-01-01'::timestamptz + v * interval '180 days',
		CASE WHEN v < 9 THEN '2020-01-01'::timestamptz + (v + 1) * interval '180 days' END, 1 FROM seed_ids s, generate_series(0, 9) v;
INSERT INTO zone_updates SELECT s.ws, s.id, CASE WHEN n % 2 = 0 THEN '2026a' ELSE '2026b' END, '2026-12-01'::timestamptz + n * interval '1 minute' FROM seed_ids s;
INSERT INTO zone_updates SELECT gen_random_uuid(), gen_random_uuid(), '2026a', '2027-12-01' FROM generate_series(1, 60000);
INSERT INTO core_hours_versions SELECT s.ws, s.ws, s.n + 1001, 'UTC', '[]', 1, '2020-01-01'::timestamptz + s.n * interval '3 days' FROM seed_ids s;
INSERT INTO time_offs SELECT s.ws, s.id, gen_random_uuid(), 'SICK', '', NULL, NULL, t, t + interval '5 days', 'APPROVED', 1, t, t, NULL, t, t + interval '5 days'
		FROM seed_ids s, generate_series(0, 39) v, LATERAL (SELECT '2018-01-01'::timestamptz + v * interval '90 days' AS t) x;
INSERT INTO member_departures SELECT s.ws, s.id, gen_random_uuid(), '2020-01-01'::timestamptz + v * interval '1 year', '2020-02-01'::timestamptz + v * interval '1 year'
		FROM seed_ids s, generate_series(0, 7) v;
INSERT INTO imported_calendars SELECT s.ws, s.id, CASE WHEN v = 0 THEN s.id ELSE gen_random_uuid() END, 'Work', '', false, 'UTC', '', '', '[]', 0, NULL, 0, '', NULL, NULL,
		'2026-12-01'::timestamptz + s.n * interval '1 minute', 'epoch', 1, '2020-01-01', '2020-01-01', NULL FROM seed_ids s, generate_series(0, 1) v;
INSERT INTO imported_calendars SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'Work', '', false, 'UTC', '', '', '[]', 0, NULL, 0, '', NULL, NULL,
		'2027-12-01'::timestamptz + n * interval '1 minute', 'epoch', 1, '2020-01-01', '2020-01-01', NULL FROM generate_series(1, 60000) n;
INSERT INTO calendar_feeds SELECT s.ws, gen_random_uuid(), CASE WHEN v = 0 THEN s.id END, CASE WHEN v = 1 THEN s.id END, 'Phone', 'EVENTS', s.id,
		decode(md5(s.id::text || v), 'hex'), '2020-01-01', NULL FROM seed_ids s, generate_series(0, 1) v;
INSERT INTO imported_sources SELECT ws, id, id, 'BEGIN:VCALENDAR' FROM seed_ids;
INSERT INTO imported_busy_times SELECT s.ws, s.id, s.id, t, gen_random_uuid(), t + interval '1 hour', '' FROM seed_ids s, generate_series(0, 99) v,
		LATERAL (SELECT '2026-06-01'::timestamptz + v * interval '3 days' AS t) x;
INSERT INTO layers SELECT s.ws, s.id, gen_random_uuid(), k, 'n', 'UTC', '[]', t::date, t::date + 2, NULL, NULL, t, NULL, t - interval '1 day', t + interval '5 days'
		FROM seed_ids s, generate_series(0, 19) v, unnest(ARRAY['TRAVEL', 'DATE_OVERRIDE', 'FOCUS_BLOCK']) k, LATERAL (SELECT '2022-12-07'::timestamptz + v * interval '80 days' AS t) x;
INSERT INTO time_offs SELECT s.ws, s.id, gen_random_uuid(), 'SICK', '', NULL, NULL, t, t + interval '5 days', 'REQUESTED', 1, t, t, NULL, t, t + interval '5 days', true
		FROM seed_ids s, LATERAL (SELECT '2018-01-01'::timestamptz AS t) x WHERE s.n < 60;
INSERT INTO overlap_choices SELECT (SELECT ws FROM seed_ids LIMIT 1), gen_random_uuid(), t, t + interval '1 hour', 60, gen_random_uuid(), t
		FROM generate_series(1, 20000) v, LATERAL (SELECT '2020-01-01'::timestamptz + v * interval '3 hours' AS t) x;
INSERT INTO overlap_burdens SELECT s.ws, s.id, v, s.id, 60, '2020-01-01'::timestamptz + v * interval '64 days' FROM seed_ids s, generate_series(1, 40) v;
INSERT INTO time_off_policies SELECT gen_random_uuid(), '{SICK}', 1, now() FROM generate_series(1, 20000);
UPDATE members m SET manager_id = b.id FROM seed_ids s, seed_ids b WHERE m.member_id = s.id AND m.workspace_id = s.ws AND s.n < 60 AND b.ws = s.ws AND b.n = 8;
INSERT INTO delegations SELECT s.ws, s.id, gen_random_uuid(), s.ws, '{ASKS}', NULL, t, t + interval '5 days', t
		FROM seed_ids s, generate_series(0, 39) v, LATERAL (SELECT '2018-01-01'::timestamptz + v * interval '90 days' AS t) x;
INSERT INTO default_schedules SELECT w.ws, gen_random_uuid(), '[]', '2020-01-01'::date + v, v, '2020-01-01'::timestamptz + v * interval '1 day'
		FROM (SELECT DISTINCT ws FROM seed_ids) w, generate_series(1, 500) v;
INSERT INTO default_schedules SELECT w.ws, gen_random_uuid(), '[]', '2020-01-01'::date + v, v, '2020-01-01'::timestamptz + v * interval '1 day'
		FROM (SELECT gen_random_uuid() AS ws FROM generate_series(1, 500)) w, generate_series(1, 20) v;
INSERT INTO teams SELECT gen_random_uuid(), gen_random_uuid(), 'T', 't', false, 1 FROM generate_series(1, 20000);
INSERT INTO teams SELECT ws, ws, 'T', 't', false, 1 FROM (SELECT DISTINCT ws FROM seed_ids) w;
INSERT INTO team_members SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), false, false, 1 FROM generate_series(1, 20000);
INSERT INTO team_members SELECT ws, CASE WHEN n < 50 THEN ws ELSE gen_random_uuid() END, id, false, n % 10 = 0, 1 FROM seed_ids;
ANALYZE;
`

func seed(t *testing.T) *seeded {
	t.Helper()
	s := &seeded{db: pgtest.New(t, "availability", sets()...), traced: &pgtest.Statements{}, ws: seedID(1, 0)}
	var workspaces, ids []uuid.UUID
	var numbers []int
	for w := 1; w <= 3; w++ {
		for n := range 1000 {
			workspaces, ids, numbers = append(workspaces, seedID(w, 0)), append(ids, seedID(w, n+1)), append(numbers, n)
		}
	}
	s.members = ids[:1000]
	owner := s.db.Owner.Pool()
	_, err := owner.Exec(t.Context(), `CREATE TABLE seed_ids (ws uuid, id uuid, n int)`)
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), `INSERT INTO seed_ids SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[])`, workspaces, ids, numbers)
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), seedSQL)
	require.NoError(t, err)
	traced := func(url string) *postgres.DB {
		pool, err := postgres.Open(t.Context(), url, postgres.Options{Tracer: s.traced})
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	s.store = New(traced(s.db.AppURL), traced(s.db.OwnerURL), outbox.New(func() {}), func(context.Context, time.Time, string, domain.Event) (outbox.Message, error) {
		return outbox.Message{ID: uuid.Must(uuid.NewV7()), Workspace: s.ws, Aggregate: "a", Version: 1, Subject: "evt.x"}, nil
	})
	return s
}

// growing are the tables that grow with use. None of them may ever be read from end to end.
func growing() []string {
	return []string{
		"members", "member_times", "workspace_times", "working_schedules", "default_schedules", "member_zones", "time_offs", "layers",
		"time_off_policies", "overlap_choices", "overlap_burdens", "delegations", "teams", "team_members",
		"rotations", "rotation_turns", "rotation_overrides", "rotation_swaps", "core_hours",
		"coverage_watches", "coverage_gaps", "member_departures",
		"imported_calendars", "imported_sources", "imported_busy_times", "calendar_feeds",
		"zone_updates", "core_hours_versions",
	}
}

// requireIndexPlans explains every statement since the last look.
func (s *seeded) requireIndexPlans(t *testing.T) {
	t.Helper()
	require.Positive(t, s.db.RequireIndexPlans(t, s.ws, s.traced.Take(), growing()...))
}

var (
	from  = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	until = time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
)

// No statement of the store reads a growing table from end to end.
func TestIndexPlans(t *testing.T) {
	t.Parallel()
	s := seed(t)
	ctx, member := t.Context(), s.members[7]
	for _, members := range [][]uuid.UUID{{member}, s.members[:50]} {
		found, err := s.store.Records(ctx, s.ws, members, from, until)
		require.NoError(t, err)
		require.Len(t, found, len(members))
		require.Len(t, found[member].Schedules, 1, "what is over is not read")
		require.Len(t, found[member].Zones, 1)
		require.LessOrEqual(t, len(found[member].TimeOffs), 2)
		require.LessOrEqual(t, len(found[member].Layers), 6)
		require.Len(t, found[member].Departures, 1, "those of 2020 to 2026 are over")
		require.NotEmpty(t, found[member].Layers)
		require.LessOrEqual(t, len(found[member].Delegations), 2)
		require.Len(t, found[member].Defaults, 1)
		require.Len(t, found[member].BusyTimes, 30)
		s.requireIndexPlans(t)
	}
	require.NoError(t, s.store.Member(ctx, s.ws, member))
	team, err := s.store.TeamMembers(ctx, s.ws, s.ws, 40)
	require.NoError(t, err)
	require.Len(t, team, 40)
	s.requireIndexPlans(t)
	for _, after := range []*app.Cursor{nil, {ID: uuid.Max}} {
		schedules, err := s.store.Schedules(ctx, s.ws, member, app.Page{Size: 5, After: after})
		require.NoError(t, err)
		require.Len(t, schedules.Items, 5)
		_, err = s.store.Schedule(ctx, s.ws, member, schedules.Items[0].ID)
		require.NoError(t, err)
		offs, err := s.store.TimeOffs(ctx, s.ws, member, true, app.Page{Size: 5, After: after})
		require.NoError(t, err)
		require.Len(t, offs.Items, 5)
		var checks []app.TimeOffCheck
		for i, off := range offs.Items {
			checks = append(checks, app.TimeOffCheck{Place: i, Owner: member, ID: off.ID, Member: member})
		}
		found, err := s.store.TimeOffSources(ctx, s.ws, checks)
		require.NoError(t, err)
		require.Len(t, found, 5)
		layers, err := s.store.Layers(ctx, s.ws, member, domain.Travel, app.Page{Size: 5, After: after})
		require.NoError(t, err)
		require.Len(t, layers.Items, 5)
		_, err = s.store.Layer(ctx, s.ws, member, domain.Travel, layers.Items[0].ID)
		require.NoError(t, err)
		waiting, err := s.store.TimeOffRequests(ctx, s.ws, app.Page{Size: 5, After: after})
		require.NoError(t, err)
		require.Len(t, waiting.Items, 5)
		for _, managers := range [][]uuid.UUID{s.members[8:9], s.members[:50]} {
			waiting, err := s.store.TimeOffRequestsOf(ctx, s.ws, managers, s.members[9], app.Page{Size: 5, After: after})
			require.NoError(t, err)
			require.Len(t, waiting.Items, 5)
		}
		_, err = s.store.ActedFor(ctx, s.ws, s.members[:2], domain.Approvals, from)
		require.NoError(t, err)
		choices, err := s.store.OverlapChoices(ctx, s.ws, app.Page{Size: 5, After: after})
		require.NoError(t, err)
		require.Len(t, choices.Items, 5)
		_, err = s.store.OverlapChoice(ctx, s.ws, choices.Items[0].ID)
		require.NoError(t, err)
		for _, n := range []int{1, 50} {
			borne, err := s.store.Borne(ctx, s.ws, s.members[:n], from.Add(-domain.BurdenMemory))
			require.NoError(t, err)
			require.NotEmpty(t, borne)
		}
		_, err = s.store.Reporting(ctx, s.ws, member)
		require.NoError(t, err)
		_, err = s.store.Requests(ctx, s.ws, member)
		require.NoError(t, err)
		_, err = s.store.TimeOffPolicy(ctx, s.ws)
		require.NoError(t, err)
		acting, err := s.store.Delegations(ctx, s.ws, member, true, app.Page{Size: 5, After: after})
		require.NoError(t, err)
		require.Len(t, acting.Items, 5)
		_, err = s.store.Delegation(ctx, s.ws, member, acting.Items[0].ID)
		require.NoError(t, err)
		defaults, err := s.store.DefaultSchedules(ctx, s.ws, app.Page{Size: 5, After: after})
		require.NoError(t, err)
		require.Len(t, defaults.Items, 5)
		_, err = s.store.DefaultSchedule(ctx, s.ws, defaults.Items[0].ID)
		require.NoError(t, err)
	}
	s.calendars(t, member)
	s.requireIndexPlans(t)
	_, err = s.store.ZoneSeen(ctx, s.ws, member)
	require.NoError(t, err)
	s.requireIndexPlans(t)
	s.writes(t, member)
	s.requireIndexPlans(t)
}

// calendars runs every statement about imported calendars. That of seed has the member's id.
func (s *seeded) calendars(t *testing.T, member uuid.UUID) {
	t.Helper()
	ctx, now := t.Context(), from.Add(2*time.Hour)
	calendars, err := s.store.Calendars(ctx, s.ws, member, app.Page{Size: 5})
	require.NoError(t, err)
	require.Len(t, calendars.Items, 2)
	busy, err := s.store.BusyTimes(ctx, s.ws, member, member, from, app.BusyPage{Size: 5, After: &app.BusyCursor{Start: from}})
	require.NoError(t, err)
	require.Len(t, busy.Items, 5)
	source, err := s.store.Source(ctx, s.ws, member, member)
	require.NoError(t, err)
	require.NotEmpty(t, source)
	claimed, full, err := s.store.ClaimCalendars(ctx, now, time.Minute, 10)
	require.NoError(t, err)
	require.True(t, full)
	require.Len(t, claimed, 10)
	_, found, err := s.store.NextCalendarDue(ctx)
	require.NoError(t, err)
	require.True(t, found)
	of, ofTeam := domain.Feed{Workspace: s.ws, Member: member}, domain.Feed{Workspace: s.ws, Team: member}
	feeds, err := s.store.Feeds(ctx, of, app.Page{Size: 5})
	require.NoError(t, err)
	require.Len(t, feeds.Items, 1)
	_, err = s.store.Feed(ctx, s.ws, feeds.Items[0].ID, false)
	require.NoError(t, err)
	feeds, err = s.store.Feeds(ctx, ofTeam, app.Page{Size: 5})
	require.NoError(t, err)
	require.Len(t, feeds.Items, 1)
	hash := md5.Sum([]byte(member.String() + "0"))
	feed, err := s.store.FeedOfSecret(ctx, hash[:])
	require.NoError(t, err)
	require.Equal(t, member, feed.Member)
	_, err = s.store.TeamName(ctx, s.ws, s.ws)
	require.NoError(t, err)
	_, err = s.store.Leads(ctx, s.ws, s.ws, member)
	require.NoError(t, err)
	require.NoError(t, s.store.InTx(ctx, s.ws, func(ctx context.Context, tx app.Tx) error {
		of.ID, of.Kind, of.CreateTime, of.DeleteTime = uuid.Must(uuid.NewV7()), domain.FeedEvents, from, from
		require.NoError(t, tx.AddFeed(ctx, of, []byte("hash")))
		require.NoError(t, tx.DeleteFeed(ctx, of))
		c, err := tx.Calendar(ctx, member, member)
		require.NoError(t, err)
		n, err := tx.CountCalendars(ctx, member)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		kept, err := tx.BusyFrom(ctx, member, member, from)
		require.NoError(t, err)
		require.Len(t, kept, 39)
		another := c
		another.ID = uuid.Must(uuid.NewV7())
		for _, step := range []error{
			tx.ChangeBusy(ctx, member, member, domain.BusyChange{
				Drop: []uuid.UUID{kept[1].ID}, Cut: []uuid.UUID{kept[0].ID},
				Add: []domain.BusyTime{{ID: uuid.Must(uuid.NewV7()), Start: from, End: until.Add(-70 * 24 * time.Hour)}},
			}, kept[0].Start.Add(time.Minute)),
			tx.SaveCalendar(ctx, c), tx.AddCalendar(ctx, another), tx.SaveSource(ctx, member, member, source), tx.ForgetSource(ctx, member, member),
		} {
			require.NoError(t, step)
		}
		return nil
	}))
}

func (s *seeded) writes(t *testing.T, member uuid.UUID) {
	t.Helper()
	require.NoError(t, s.store.InTx(t.Context(), s.ws, func(ctx context.Context, tx app.Tx) error {
		m, err := tx.LockMember(ctx, member)
		require.NoError(t, err)
		require.EqualValues(t, 5, m.Version)
		_, err = tx.LockTime(ctx, member)
		require.NoError(t, err)
		w, err := tx.LockWorkspace(ctx)
		require.NoError(t, err)
		schedule := domain.Schedule{Member: member, ID: uuid.Must(uuid.NewV7()), Zone: "UTC", Start: from, CreateTime: from}
		off := domain.TimeOff{Member: member, ID: uuid.Must(uuid.NewV7()), Kind: domain.Sick, State: domain.Approved, AllDay: true, CreateTime: from, UpdateTime: from}
		travel := domain.Layer{Member: member, ID: uuid.Must(uuid.NewV7()), Kind: domain.Travel, Dated: true, First: dateOf(from), Last: dateOf(from), CreateTime: from, DeleteTime: from}
		_, err = tx.LayerOver(ctx, travel)
		require.NoError(t, err)
		_, err = tx.CountInheriting(ctx, from)
		require.NoError(t, err)
		_, err = tx.CountAhead(ctx, member, from)
		require.NoError(t, err)
		_, err = tx.Requesters(ctx, member)
		require.NoError(t, err)
		acting := domain.Delegation{
			Member: member, ID: uuid.Must(uuid.NewV7()), Delegate: s.members[8], Kinds: []domain.DelegationKind{domain.Asks},
			Start: from, CreateTime: from, DeleteTime: until,
		}
		choice := domain.OverlapChoice{
			ID: uuid.Must(uuid.NewV7()), Start: from, End: until, Chooser: member, CreateTime: from,
			Burdens: []domain.Burden{{Member: member, Minutes: 60}, {Member: s.members[8]}},
		}
		_, err = tx.LockOverlapChoice(ctx, choice.ID)
		require.Error(t, err)
		_, err = tx.TimeOffPolicy(ctx)
		require.NoError(t, err)
		for _, step := range []error{
			tx.AddLayer(ctx, travel), tx.DeleteLayer(ctx, travel),
			tx.AddOverlapChoice(ctx, choice), tx.EndOverlapChoice(ctx, choice.ID, from),
			tx.SaveTimeOffPolicy(ctx, domain.TimeOffPolicy{Approval: []domain.TimeOffKind{domain.Sick}, UpdateTime: from}),
			tx.AddDelegation(ctx, acting), tx.EndDelegation(ctx, acting),
			tx.AddSchedule(ctx, schedule), tx.AddTimeOff(ctx, off), tx.SaveTimeOff(ctx, off), tx.SeeZone(ctx, member, 9),
			tx.MoveZone(ctx, member, domain.ZonePeriod{Zone: "UTC", Start: from, Seen: 10}),
			tx.AddDefaultSchedule(ctx, domain.DefaultSchedule{ID: uuid.Must(uuid.NewV7()), Version: 1000, CreateTime: from}),
			tx.SaveMemberTime(ctx, m), tx.SaveWorkspaceTime(ctx, w),
			tx.Publish(ctx, from, "a", domain.ScheduleChanged{Schedule: schedule}),
		} {
			require.NoError(t, step)
		}
		return nil
	}))
}

// What is known of a thousand members costs as many statements as what is known of one.
func TestTheCostOfManyMembers(t *testing.T) {
	t.Parallel()
	s := seed(t)
	var cost []int
	for _, n := range []int{1, 10, 1000} {
		s.traced.Take()
		found, err := s.store.Records(t.Context(), s.ws, s.members[:n], from, until)
		require.NoError(t, err)
		require.Len(t, found, n)
		cost = append(cost, len(s.traced.Take()))
	}
	require.Equal(t, cost[0], cost[1])
	require.Equal(t, cost[0], cost[2])
}
