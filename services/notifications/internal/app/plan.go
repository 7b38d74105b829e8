package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

const (
	// planAgain is when a member without a working day within 90 days is looked at again, joinAgain one who has not joined yet.
	planAgain = 7 * 24 * time.Hour
	joinAgain = 24 * time.Hour
	// mostDays is how many working days are looked through for one whose digest is not over.
	mostDays = 8
)

// DuePlans takes the members whose next digests are to be planned, by workspace.
func (a *App) DuePlans(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]PlanBatch, error) {
	return a.store.ClaimPlans(ctx, now, lease, limit)
}

// NextPlan is when the next digest is to be planned.
func (a *App) NextPlan(ctx context.Context) (time.Time, bool, error) { return a.store.NextPlan(ctx) }

// Plan plans the next digests of members: at the start of their next working day. It moves one that is planned already where
// that day has moved, and leaves one whose day has begun to its sending; one whose day turns out to have
// begun is due at once.
func (a *App) Plan(ctx context.Context, b PlanBatch) error {
	defer a.woken()
	at := a.now()
	reaches, err := a.working.Reaches(ctx, b.Workspace, b.Members, at)
	if unavailable(err) {
		return a.store.HoldPlans(ctx, b, heldFor)
	}
	if err != nil {
		return err
	}
	// A day whose digest is over already, because the day has moved since, has the next one planned.
	for range mostDays {
		left, err := a.planAll(ctx, b, reaches, at)
		if err != nil || len(left) == 0 {
			return err
		}
		if reaches, err = a.daysAfter(ctx, b.Workspace, left); err != nil {
			return err
		}
	}
	return nil
}

// planAll plans the digests of those who were asked about. It returns the starts of the days of those whose digests of these
// are over already.
func (a *App) planAll(ctx context.Context, b PlanBatch, reaches map[uuid.UUID]domain.Reach, at time.Time) (map[uuid.UUID]time.Time, error) {
	var (
		left    map[uuid.UUID]time.Time
		missing []uuid.UUID
	)
	err := a.store.InTx(ctx, b.Workspace, func(ctx context.Context, tx Tx) error {
		left, missing = map[uuid.UUID]time.Time{}, nil
		people, err := tx.People(ctx, slices.Collect(maps.Keys(reaches)))
		if err != nil {
			return err
		}
		for _, member := range b.Members { // in the order in which they are locked
			r, asked := reaches[member]
			switch {
			case !asked:
				continue
			case r.Missing && people[member].Active: // availability has not heard of them yet
				missing = append(missing, member)
				continue
			}
			over, err := a.planOne(ctx, tx, b.Workspace, people[member], member, r, at)
			if err != nil {
				return err
			}
			if over {
				left[member] = r.DayStart
			}
		}
		return nil
	})
	if err != nil || len(missing) == 0 {
		return left, err
	}
	return left, a.store.HoldPlans(ctx, PlanBatch{Workspace: b.Workspace, Members: missing}, heldFor)
}

// daysAfter asks for the working days of members after the starts of others.
func (a *App) daysAfter(ctx context.Context, ws uuid.UUID, starts map[uuid.UUID]time.Time) (map[uuid.UUID]domain.Reach, error) {
	found := map[uuid.UUID]domain.Reach{}
	for member, start := range starts {
		r, err := a.working.Reaches(ctx, ws, []uuid.UUID{member}, start)
		if err != nil {
			return nil, err
		}
		later := r[member]
		later.Working = false // the question is about the day, not about now
		found[member] = later
	}
	return found, nil
}

// planOne plans one member's digest. over says that the digest of the day is over already.
func (a *App) planOne(
	ctx context.Context, tx Tx, ws uuid.UUID, to domain.Recipient, member uuid.UUID, r domain.Reach, now time.Time,
) (over bool, err error) {
	due, err := tx.LockDigestPlan(ctx, member)
	if err != nil || due.IsZero() {
		return false, err
	}
	pending, leaving, found, err := tx.LockPendingDigest(ctx, member)
	if err != nil {
		return false, err
	}
	switch {
	case leaving:
		return false, nil // who sends it has the next planned; should they fail, this is taken up again
	case !to.Active || !to.Person:
		return false, a.unplan(ctx, tx, member, to, now)
	case found && pending.Begun(now) && r.Working:
		return false, tx.SetDigestPlan(ctx, member, time.Time{})
	case found && pending.Opens(r, now):
		pending.Open(now)
		if err := tx.PutDigest(ctx, pending); err != nil {
			return false, err
		}
		return false, tx.SetDigestPlan(ctx, member, time.Time{})
	case r.DayStart.IsZero():
		if err := tx.DropDigest(ctx, member); err != nil {
			return false, err
		}
		return false, tx.SetDigestPlan(ctx, member, now.Add(planAgain))
	}
	if over, err = tx.DigestOver(ctx, member, r.DayDate); err != nil || over {
		return over, err
	}
	if err := tx.SetDigestPlan(ctx, member, time.Time{}); err != nil {
		return false, err
	}
	if !found {
		id, err := uuid.NewV7()
		if err != nil {
			return false, err
		}
		return false, tx.PutDigest(ctx, domain.PlanDigest(ws, id, member, r, now))
	}
	spread := domain.Spread(member)
	if pending.Begun(now) {
		spread = pending.SpreadAfterMiss(now)
	}
	if pending.Move(r, spread, now) {
		return false, tx.PutDigest(ctx, pending)
	}
	return false, nil
}

// unplan ends the digests of one who gets none. Who has not joined yet, as far as is known here, is looked at again.
func (a *App) unplan(ctx context.Context, tx Tx, member uuid.UUID, to domain.Recipient, now time.Time) error {
	if err := tx.DropDigest(ctx, member); err != nil {
		return err
	}
	var again time.Time
	if to.ID == uuid.Nil || to.Joining {
		again = now.Add(joinAgain)
	}
	return tx.SetDigestPlan(ctx, member, again)
}
