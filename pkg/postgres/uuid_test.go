package postgres_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// UUIDs go to the database and back, alone, in slices, empty and missing.
func TestUUIDs(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	ids := []uuid.UUID{uuid.New(), uuid.Nil, uuid.Max}
	var missing *uuid.UUID
	var one, nobody *uuid.UUID
	var text string
	var back, empty, none []uuid.UUID
	err := db.App.For(ids[0]).QueryRow(t.Context(),
		`SELECT $1::uuid, $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid, ($1::uuid)::text`,
		ids[0], ids, []uuid.UUID{}, []uuid.UUID(nil), missing).Scan(&one, &back, &empty, &none, &nobody, &text)
	require.NoError(t, err)
	require.Equal(t, ids[0], *one)
	require.Equal(t, ids[0].String(), text)
	require.Equal(t, ids, back)
	require.NotNil(t, empty)
	require.Empty(t, empty)
	require.Nil(t, none)
	require.Nil(t, nobody)
}
