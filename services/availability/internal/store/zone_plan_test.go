package store

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// No statement about what is told of time zones and which core hours held reads a growing table from end to
// end.
func TestFollowingIndexPlans(t *testing.T) {
	t.Parallel()
	s := seedRotations(t)
	ctx, member := t.Context(), s.members[7]
	core, err := s.store.CoreHistory(ctx, s.ws, s.ws, from, until)
	require.NoError(t, err)
	require.Len(t, core, 30, "what is over is not read")
	claimed, err := s.store.ClaimZoneUpdates(ctx, "2026a", from.Add(time.Hour), time.Minute, 8)
	require.NoError(t, err)
	require.Len(t, claimed, 8)
	_, some, err := s.store.NextZoneUpdate(ctx, "2026a")
	require.NoError(t, err)
	require.True(t, some)
	err = s.store.InTx(ctx, s.ws, func(ctx context.Context, tx app.Tx) error {
		require.NoError(t, tx.WakeCalendars(ctx, member, true, from))
		require.NoError(t, tx.SaveCoreHours(ctx, domain.CoreHours{Workspace: s.ws, Team: s.ws, Zone: "UTC", Need: 1, Revision: 3000, UpdateTime: from}))
		ended, err := tx.EndZoneUpdate(ctx, app.ZoneUpdate{Workspace: s.ws, Member: s.members[8], Version: "2026a"})
		require.True(t, ended)
		return err
	})
	require.NoError(t, err)
	s.requireIndexPlans(t)
}
