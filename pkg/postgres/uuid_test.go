package postgres_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestUUIDsTravelAsThemselves(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	one, two := uuid.New(), uuid.New()
	ask := func(sql string, args []any, into ...any) {
		t.Helper()
		require.NoError(t, db.App.Pool().QueryRow(t.Context(), sql, args...).Scan(into...))
	}
	var id uuid.UUID
	var held *uuid.UUID
	var all []uuid.UUID
	var text string
	ask("SELECT $1::uuid, $1::uuid, $2::uuid[], $3::text", []any{one, []uuid.UUID{one, two}, two}, &id, &held, &all, &text)
	require.Equal(t, one, id)
	require.Equal(t, &one, held)
	require.Equal(t, []uuid.UUID{one, two}, all)
	require.Equal(t, two.String(), text)
	ask("SELECT $1::uuid, $1::uuid", []any{&two}, &id, &held)
	require.Equal(t, two, id)
	require.Equal(t, &two, held)
	id = uuid.Nil
	ask("SELECT $1::uuid, $1::uuid, $2::uuid[], $3::uuid[]", []any{(*uuid.UUID)(nil), []uuid.UUID(nil), []uuid.UUID{}}, &id, &held, &all, &[]uuid.UUID{})
	require.Zero(t, id)
	require.Nil(t, held)
	require.Nil(t, all)
	rows, err := db.App.Pool().Query(t.Context(), "SELECT unnest($1::uuid[])", []uuid.UUID{two, one})
	require.NoError(t, err)
	all, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{two, one}, all)
}

func BenchmarkUUIDs(b *testing.B) {
	db := newNotes(b)
	ids := make([]uuid.UUID, 1000)
	for i := range ids {
		ids[i] = uuid.New()
	}
	b.ReportAllocs()
	for b.Loop() {
		rows, err := db.App.Pool().Query(b.Context(), "SELECT unnest($1::uuid[])", ids)
		require.NoError(b, err)
		_, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		require.NoError(b, err)
	}
}
