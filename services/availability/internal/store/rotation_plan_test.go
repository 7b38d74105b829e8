package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Each of three workspaces has a team (whose id is the workspace's) with 1,000 rotations, nearly all of them deleted; the first
// 50 have had 40 versions of turns, 200 overrides and 200 swaps. Thousands of other workspaces have one rotation each, and
// core hours.
const rotationSeedSQL = `
INSERT INTO rotations SELECT s.ws, s.ws, s.id, 'R', n % 10 = 0, 1, 1, '2020-01-01', '2020-01-01', CASE WHEN n >= 50 THEN '2021-01-01'::timestamptz END,
		NULL, NULL, CASE WHEN n < 50 THEN '2026-12-01'::timestamptz + n * interval '1 hour' END, NULL FROM seed_ids s;
INSERT INTO rotations SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'R', n % 10 = 0, 1, 1, '2020-01-01', '2020-01-01', NULL,
		NULL, NULL, '2027-01-01'::timestamptz + n * interval '1 minute', NULL FROM generate_series(1, 20000) n;
INSERT INTO rotation_turns SELECT s.ws, s.id, gen_random_uuid(), ARRAY[s.id], 'DAY', 1, 'UTC', '2020-01-01', 540,
		'2020-01-01'::timestamptz + v * interval '60 days', CASE WHEN v < 40 THEN '2020-01-01'::timestamptz + (v + 1) * interval '60 days' END
		FROM seed_ids s, generate_series(0, 40) v WHERE s.n < 50;
INSERT INTO rotation_turns SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), ARRAY[gen_random_uuid()], 'DAY', 1, 'UTC', '2020-01-01', 540,
		'2020-01-01', NULL FROM generate_series(1, 20000);
INSERT INTO rotation_overrides SELECT s.ws, s.id, gen_random_uuid(), t, t + interval '1 day', s.id, NULL, NULL, t, CASE WHEN v % 2 = 0 THEN t END
		FROM seed_ids s, generate_series(0, 199) v, LATERAL (SELECT '2020-01-01'::timestamptz + v * interval '13 days' AS t) x WHERE s.n < 50;
INSERT INTO rotation_swaps SELECT s.ws, s.id, gen_random_uuid(), s.id, NULL, t, t + interval '1 day', 'OFFERED', NULL, NULL, 1, t, t
		FROM seed_ids s, generate_series(0, 199) v, LATERAL (SELECT '2020-01-01'::timestamptz + v * interval '13 days' AS t) x WHERE s.n < 50;
INSERT INTO core_hours SELECT gen_random_uuid(), gen_random_uuid(), 'UTC', '[]', 1, 1, '2020-01-01' FROM generate_series(1, 20000);
INSERT INTO core_hours SELECT ws, ws, 'UTC', '[]', 1, 1, '2020-01-01' FROM (SELECT DISTINCT ws FROM seed_ids) w;
INSERT INTO coverage_watches SELECT gen_random_uuid(), gen_random_uuid(), 1, 1, '2027-01-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 20000) n;
INSERT INTO coverage_watches SELECT s.ws, CASE WHEN n = 0 THEN s.ws ELSE s.id END, 1, 1, '2026-12-01'::timestamptz + n * interval '1 hour' FROM seed_ids s;
INSERT INTO coverage_gaps SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '2027-01-01', NULL FROM generate_series(1, 20000);
ANALYZE;
`

func seedRotations(t *testing.T) *seeded {
	t.Helper()
	s := seed(t)
	_, err := s.db.Owner.Pool().Exec(t.Context(), rotationSeedSQL)
	require.NoError(t, err)
	s.traced.Take()
	return s
}

// No statement about rotations and core hours reads a growing table from end to end.
func TestRotationIndexPlans(t *testing.T) {
	t.Parallel()
	s := seedRotations(t)
	ctx, team := t.Context(), s.ws
	ref := app.RotationRef{Workspace: s.ws, Team: team, Rotation: s.members[7]}
	r, err := s.store.Rotation(ctx, ref)
	require.NoError(t, err)
	one := []domain.Rotation{r}
	require.NoError(t, s.store.Turns(ctx, s.ws, one, from, until))
	require.NoError(t, s.store.Overrides(ctx, s.ws, one, from, until))
	require.Len(t, one[0].Turns, 1, "what is over is not read")
	require.LessOrEqual(t, len(one[0].Overrides), 8)
	standing, err := s.store.RotationsAt(ctx, s.ws, team, from, 50)
	require.NoError(t, err)
	require.Len(t, standing, 50)
	require.NoError(t, s.store.Turns(ctx, s.ws, standing, from, until))
	require.NoError(t, s.store.Overrides(ctx, s.ws, standing, from, until))
	s.requireIndexPlans(t)
	for _, after := range []*app.Cursor{nil, {ID: uuid.Max}} {
		p := app.Page{Size: 5, After: after}
		rotations, err := s.store.Rotations(ctx, s.ws, team, p)
		require.NoError(t, err)
		require.Len(t, rotations.Items, 5)
		overrides, err := s.store.OverridePage(ctx, ref, p)
		require.NoError(t, err)
		require.Len(t, overrides.Items, 5)
		_, err = s.store.Override(ctx, ref, overrides.Items[0].ID)
		require.NoError(t, err)
		swaps, err := s.store.Swaps(ctx, ref, p)
		require.NoError(t, err)
		require.Len(t, swaps.Items, 5)
		_, err = s.store.Swap(ctx, ref, swaps.Items[0].ID)
		require.NoError(t, err)
		found, err := s.store.SwapSources(ctx, s.ws, []app.SwapCheck{{Place: 3, Ref: ref, ID: swaps.Items[0].ID, Member: s.members[1]}})
		require.NoError(t, err)
		require.Equal(t, swaps.Items[0], found[3])
	}
	require.NoError(t, s.store.Team(ctx, s.ws, team))
	_, err = s.store.CoreHours(ctx, s.ws, team)
	require.NoError(t, err)
	s.requireIndexPlans(t)
	s.rotationWrites(t, ref)
	s.requireIndexPlans(t)
}

func (s *seeded) rotationWrites(t *testing.T, ref app.RotationRef) {
	t.Helper()
	require.NoError(t, s.store.InTx(t.Context(), s.ws, func(ctx context.Context, tx app.Tx) error {
		require.NoError(t, tx.LockTeam(ctx, ref.Team))
		lead, err := tx.IsLead(ctx, ref.Team, s.members[3])
		require.NoError(t, err)
		require.False(t, lead)
		n, err := tx.CountRotations(ctx, ref.Team)
		require.NoError(t, err)
		require.Equal(t, 50, n)
		r, err := tx.LockRotation(ctx, ref)
		require.NoError(t, err)
		require.NoError(t, tx.Layers(ctx, &r, from, until))
		departed, projected, err := tx.Presence(ctx, s.members[3])
		require.NoError(t, err)
		require.False(t, departed)
		require.Equal(t, app.Presence{Workspace: s.ws, Member: s.members[3], Here: true, Version: 1}, projected)
		mine, err := tx.RotationsOfMember(ctx, s.members[7], from)
		require.NoError(t, err)
		require.Equal(t, []app.RotationRef{ref}, mine)
		all, err := tx.RotationsOfTeam(ctx, ref.Team)
		require.NoError(t, err)
		require.Len(t, all, 50)
		turns := domain.Turns{ID: uuid.Must(uuid.NewV7()), Members: s.members[:2], Unit: domain.Day, Every: 1, Zone: "UTC", Start: from}
		o := domain.Override{ID: uuid.Must(uuid.NewV7()), Start: from, End: until, In: s.members[1], CreateTime: from}
		swap := domain.Swap{ID: uuid.Must(uuid.NewV7()), Member: s.members[1], Start: from, End: until, State: domain.SwapOffered, CreateTime: from, UpdateTime: from}
		core, err := tx.CoreHours(ctx, ref.Team)
		require.NoError(t, err)
		added := r
		added.ID = uuid.Must(uuid.NewV7())
		for _, step := range []error{
			tx.AddRotation(ctx, added), tx.SaveRotation(ctx, r), tx.AddTurns(ctx, ref, turns), tx.AddOverride(ctx, ref, o), tx.EndOverride(ctx, ref, o),
			tx.Depart(ctx, s.members[3], from), tx.Return(ctx, s.members[3], from), tx.WatchCoverage(ctx, ref.Team, from), tx.WakeCoverage(ctx, s.members[3], from), tx.WakeAllCoverage(ctx, from),
			tx.AddSwap(ctx, ref, swap), tx.SaveSwap(ctx, ref, swap), tx.WakeSun(ctx, from), tx.SaveCoreHours(ctx, core),
		} {
			require.NoError(t, step)
		}
		return nil
	}))
}

// What is due is found by its time, over all workspaces, and held once.
func TestClaimingShifts(t *testing.T) {
	t.Parallel()
	s := seedRotations(t)
	now := from.Add(4 * time.Hour)
	next, some, err := s.store.NextShift(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, from, next)
	claimed, err := s.store.ClaimShifts(t.Context(), now, time.Minute, 7)
	require.NoError(t, err)
	require.Len(t, claimed, 7)
	rest, err := s.store.ClaimShifts(t.Context(), now, time.Minute, 100)
	require.NoError(t, err)
	require.Len(t, rest, 3*5-7)
	none, err := s.store.ClaimShifts(t.Context(), now, time.Minute, 100)
	require.NoError(t, err)
	require.Empty(t, none)
	s.requireIndexPlans(t)
}

// The same of teams whose coverage is looked at, whose gaps are kept as they were told of.
func TestClaimingCoverage(t *testing.T) {
	t.Parallel()
	s := seedRotations(t)
	ctx, now := t.Context(), from.Add(4*time.Hour)
	next, some, err := s.store.NextCoverage(ctx)
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, from, next)
	claimed, err := s.store.ClaimCoverage(ctx, now, time.Minute, 7)
	require.NoError(t, err)
	require.Len(t, claimed, 7)
	rest, err := s.store.ClaimCoverage(ctx, now, time.Minute, 100)
	require.NoError(t, err)
	require.Len(t, rest, 3*5-7)
	ref := app.TeamRef{Workspace: s.ws, Team: s.ws}
	want, err := s.store.CoverageWatch(ctx, ref)
	require.NoError(t, err)
	require.Equal(t, domain.CoverageWatch{Workspace: s.ws, Team: s.ws, Version: 1, Wakes: 1, Due: from}, want)
	want.Version, want.Due = 3, until
	want.Told = []domain.Gap{{Start: from, End: until}, {Rotation: s.members[1], Start: from}}
	for range 2 {
		require.NoError(t, s.store.InTx(ctx, s.ws, func(ctx context.Context, tx app.Tx) error {
			_, err := tx.LockCoverageWatch(ctx, ref.Team)
			require.NoError(t, err)
			require.NoError(t, tx.SaveGaps(ctx, want))
			return tx.SaveCoverageWatch(ctx, want)
		}))
	}
	require.NoError(t, s.store.InTx(ctx, s.ws, func(ctx context.Context, tx app.Tx) error {
		kept, err := tx.LockCoverageWatch(ctx, ref.Team)
		require.NoError(t, err)
		require.Equal(t, want, kept)
		return nil
	}))
	s.requireIndexPlans(t)
	_, err = s.store.CoverageWatch(ctx, app.TeamRef{Workspace: seedID(2, 0), Team: s.ws})
	require.True(t, fault.Is(err, fault.NotFound))
}

// The second wall holds for rotations too.
func TestRotationsOfAnotherWorkspaceAreNotFound(t *testing.T) {
	t.Parallel()
	s := seedRotations(t)
	ctx, other := t.Context(), seedID(2, 0)
	ref := app.RotationRef{Workspace: s.ws, Team: s.ws, Rotation: s.members[7]}
	swaps, err := s.store.Swaps(ctx, ref, app.Page{Size: 1})
	require.NoError(t, err)
	overridden, err := s.store.OverridePage(ctx, ref, app.Page{Size: 1})
	require.NoError(t, err)
	r, err := s.store.Rotation(ctx, ref)
	require.NoError(t, err)
	q, one := s.store.queries(other), []domain.Rotation{r} // another one is set, and mine is asked for
	require.NoError(t, turns(ctx, q, s.ws, one, from, until))
	require.NoError(t, overrides(ctx, q, s.ws, one, from, until))
	require.Empty(t, one[0].Turns)
	require.Empty(t, one[0].Overrides)
	_, err = overrideBy(ctx, q, ref, overridden.Items[0].ID)
	require.True(t, fault.Is(err, fault.NotFound))
	_, err = swapBy(ctx, q, ref, swaps.Items[0].ID)
	require.True(t, fault.Is(err, fault.NotFound))
	core, err := coreHours(ctx, q, s.ws, s.ws)
	require.NoError(t, err)
	require.Zero(t, core.Revision)
	err = s.store.InTx(ctx, other, func(ctx context.Context, tx app.Tx) error {
		_, err := tx.LockRotation(ctx, ref)
		return err
	})
	require.True(t, fault.Is(err, fault.NotFound))
}
