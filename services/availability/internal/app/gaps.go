package app

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// TeamRef says which team it is.
type TeamRef struct{ Workspace, Team uuid.UUID }

// CoverageStore keeps which teams' coverage is looked at ahead.
type CoverageStore interface {
	// ClaimCoverage takes up to limit teams of all workspaces whose coverage is to be looked at by now.
	ClaimCoverage(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]TeamRef, error)
	// NextCoverage is when the next one is; false when none will be.
	NextCoverage(ctx context.Context) (time.Time, bool, error)
	// CoverageWatch returns what is kept of a team, without the gaps that were told of; NotFound for none.
	CoverageWatch(ctx context.Context, ref TeamRef) (domain.CoverageWatch, error)
}

// CoverageTx is what a transaction does with it.
type CoverageTx interface {
	// WatchCoverage has a team's coverage looked at at an instant at the latest, and from then on.
	WatchCoverage(ctx context.Context, team uuid.UUID, at time.Time) error
	// WakeCoverage has that of a member's teams looked at, WakeAllCoverage that of all: of those that are looked at already.
	WakeCoverage(ctx context.Context, member uuid.UUID, at time.Time) error
	WakeAllCoverage(ctx context.Context, at time.Time) error
	// LockCoverageWatch locks what is kept of a team; NotFound for none.
	LockCoverageWatch(ctx context.Context, team uuid.UUID) (domain.CoverageWatch, error)
	// SaveCoverageWatch keeps when it is due and how many gaps were told of, SaveGaps those that were and are still there.
	SaveCoverageWatch(ctx context.Context, w domain.CoverageWatch) error
	SaveGaps(ctx context.Context, w domain.CoverageWatch) error
}

// TellGaps tells of the gaps ahead of a team that were not told of before. What it tells from is read before the team is
// locked, so that nobody waits for it; what changed meanwhile is looked at soon.
func (a *App) TellGaps(ctx context.Context, ref TeamRef) error {
	seen, err := a.store.CoverageWatch(ctx, ref)
	if err != nil {
		return err
	}
	now := a.now()
	if seen.Due.IsZero() || seen.Due.After(now) {
		return nil
	}
	found, something, err := a.gaps(ctx, ref, now)
	if err != nil {
		return err
	}
	return a.store.InTx(ctx, ref.Workspace, func(ctx context.Context, tx Tx) error {
		w, err := tx.LockCoverageWatch(ctx, ref.Team)
		if err != nil {
			return err
		}
		if !w.Due.Equal(seen.Due) {
			return nil // another has looked
		}
		before := w.Told
		events := w.Tell(found, now)
		switch {
		case w.Wakes != seen.Wakes:
			w.Due = now.Add(domain.LookSoon)
		case !something:
			w.Due = time.Time{}
		}
		if !slices.Equal(before, w.Told) {
			if err := tx.SaveGaps(ctx, w); err != nil {
				return err
			}
		}
		if err := tx.SaveCoverageWatch(ctx, w); err != nil {
			return err
		}
		return tx.Publish(ctx, now, actor, events...)
	})
}

// gaps are the gaps ahead of a team. something says whether it has core hours or a rotation at all.
func (a *App) gaps(ctx context.Context, ref TeamRef, now time.Time) (found []domain.Gap, something bool, err error) {
	ws, until := ref.Workspace, domain.GapsUntil(now)
	members, err := a.store.TeamMembers(ctx, ws, ref.Team, domain.MaxTeam+1)
	switch {
	case fault.Is(err, fault.NotFound): // the team was deleted
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	core, err := a.store.CoreHours(ctx, ws, ref.Team)
	if err != nil {
		return nil, false, err
	}
	something = core.Set()
	if len(members) > domain.MaxTeam { // as GetCoverage refuses
		core = domain.CoreHours{}
	}
	var team []domain.Person
	if core.Set() {
		people, err := layAll(a.store.Records(ctx, ws, members, now.Add(-margin), until.Add(margin)))
		if err != nil {
			return nil, false, err
		}
		for _, person := range people {
			if person.Active {
				team = append(team, person)
			}
		}
	}
	rotations, err := a.store.RotationsAt(ctx, ws, ref.Team, now, domain.MaxRotations)
	if err != nil {
		return nil, false, err
	}
	var watches []domain.Watch
	if len(rotations) > 0 {
		if watches, err = a.watches(ctx, ws, rotations, now, until); err != nil {
			return nil, false, err
		}
	}
	found, err = domain.Gaps(team, core, rotations, watches, now)
	return found, something || len(rotations) > 0, err
}

// wake has all looked at that follows from a member's working time.
func wake(ctx context.Context, tx Tx, member uuid.UUID, now time.Time) error {
	if err := tx.WakeSun(ctx, now); err != nil {
		return err
	}
	return tx.WakeCoverage(ctx, member, now.Add(domain.LookSoon))
}

// wakeAll has all looked at that follows from the working time of any member.
func wakeAll(ctx context.Context, tx Tx, now time.Time) error {
	if err := tx.WakeSun(ctx, now); err != nil {
		return err
	}
	return tx.WakeAllCoverage(ctx, now.Add(domain.LookSoon))
}

// ClaimCoverage takes up to limit teams whose coverage is to be looked at.
func (a *App) ClaimCoverage(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]TeamRef, error) {
	return a.store.ClaimCoverage(ctx, now, lease, limit)
}

// NextCoverage is when the next team's coverage is to be looked at.
func (a *App) NextCoverage(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextCoverage(ctx)
}
