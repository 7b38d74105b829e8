package store

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// The second wall: the store's own queries, naming one workspace's rows while another is set, find nothing.
func TestQueriesOfAnotherWorkspaceFindNothing(t *testing.T) {
	t.Parallel()
	s := seed(t)
	other, member := seedID(2, 0), s.members[3]
	ctx := t.Context()
	schedules, err := s.store.Schedules(ctx, s.ws, member, app.Page{Size: 1})
	require.NoError(t, err)
	offs, err := s.store.TimeOffs(ctx, s.ws, member, false, app.Page{Size: 1})
	require.NoError(t, err)
	q := s.store.queries(other) // another one is set, and mine is asked for
	records, err := records(ctx, q, s.ws, []uuid.UUID{member}, from, until)
	require.NoError(t, err)
	require.Empty(t, records)
	own, err := schedulesOf(ctx, s, other, member)
	require.NoError(t, err)
	require.Zero(t, own)
	_, err = timeOffBy(ctx, q, s.ws, member, offs.Items[0].ID)
	require.True(t, fault.Is(err, fault.NotFound))
	_, err = calendarBy(ctx, q, s.ws, member, member, true)
	require.True(t, fault.Is(err, fault.NotFound))
	source, err := sourceBy(ctx, q, s.ws, member, member)
	require.NoError(t, err)
	require.Empty(t, source)
	busy, err := busyTimes(ctx, q, s.ws, []uuid.UUID{member}, from, until)
	require.NoError(t, err)
	require.Empty(t, busy)
	layers, err := s.store.Layers(ctx, s.ws, member, domain.Travel, app.Page{Size: 1})
	require.NoError(t, err)
	_, err = layerBy(ctx, q, s.ws, member, domain.Travel, layers.Items[0].ID)
	require.True(t, fault.Is(err, fault.NotFound))
	_, found, err := openZone(ctx, q, s.ws, member)
	require.NoError(t, err)
	require.False(t, found)
	_, err = s.store.Schedule(ctx, other, member, schedules.Items[0].ID)
	require.True(t, fault.Is(err, fault.NotFound))
	require.True(t, fault.Is(s.store.Member(ctx, other, member), fault.NotFound))
	err = s.store.InTx(ctx, other, func(ctx context.Context, tx app.Tx) error {
		_, err := tx.LockMember(ctx, member)
		return err
	})
	require.True(t, fault.Is(err, fault.NotFound))
}

func schedulesOf(ctx context.Context, s *seeded, set, member uuid.UUID) (int, error) {
	found, err := schedules(ctx, s.store.queries(set), s.ws, []uuid.UUID{member}, from)
	return len(found), err
}

// Whatever the query: with a workspace set, the app role sees and writes its rows only, in every table there is.
func TestEveryTableIsWalled(t *testing.T) {
	t.Parallel()
	s := seed(t)
	theirs := seedID(2, 0)
	rows, err := s.db.Owner.Pool().Query(t.Context(), `
		SELECT c.table_name::text FROM information_schema.columns c JOIN pg_class p ON p.relname = c.table_name AND p.relkind = 'r'
		WHERE c.table_schema = 'availability' AND c.column_name = 'workspace_id'`)
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
	_, err = s.db.App.For(s.ws).Exec(t.Context(), "INSERT INTO workspace_times (workspace_id) VALUES ($1)", theirs)
	require.ErrorContains(t, err, "row-level security")
	tag, err := s.db.App.For(s.ws).Exec(t.Context(), "UPDATE working_schedules SET time_zone = 'Asia/Tokyo' WHERE workspace_id = $1", theirs)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
}

// The first zones of members are noted once, for all workspaces, and only where none was.
func TestLayingZones(t *testing.T) {
	t.Parallel()
	s := seed(t)
	owner := s.db.Owner.Pool()
	_, err := owner.Exec(t.Context(), `DELETE FROM member_zones WHERE member_id = ANY ($1)`, s.members[:3])
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), `UPDATE members SET time_zone = CASE WHEN member_id = $1 THEN '' ELSE 'Asia/Tokyo' END, version = 7 WHERE member_id = ANY ($2)`,
		s.members[0], s.members[:4])
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, LayZones(t.Context(), s.db.Owner))
		found, err := s.store.Records(t.Context(), s.ws, s.members[:4], from, until)
		require.NoError(t, err)
		require.Empty(t, found[s.members[0]].Zones, "of an invitation none is known")
		for _, member := range s.members[1:3] {
			require.Len(t, found[member].Zones, 1)
			require.Equal(t, "Asia/Tokyo", found[member].Zones[0].Zone)
			require.True(t, found[member].Zones[0].Start.IsZero(), "since ever")
			require.EqualValues(t, 7, found[member].Zones[0].Seen)
		}
		require.Equal(t, "UTC", found[s.members[3]].Zones[0].Zone, "it is the events that tell of a change")
	}
}
