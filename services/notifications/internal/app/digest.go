package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// mostItems is how many notifications a digest takes up at most; what is beyond comes with the next.
const mostItems = 1000

// digestRecordedIn is how long the record of a digest that was sent may take, whatever else ends meanwhile.
const digestRecordedIn = 5 * time.Second

// errUnknown says that an owner of what a digest tells of cannot be asked.
var errUnknown = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the owner of a source cannot be asked for now")

// DueDigests takes the digests to be sent.
func (a *App) DueDigests(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Item, error) {
	return a.store.ClaimDigests(ctx, now, lease, limit)
}

// NextDigest is when the next digest is to be sent.
func (a *App) NextDigest(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextDigest(ctx)
}

// SendDigest makes a digest that is due and sends it, everything in it decided again. Outside working time it moves to the next
// working day; of nothing it is not sent.
func (a *App) SendDigest(ctx context.Context, item Item) error {
	defer a.woken()
	d, found, err := a.store.Digest(ctx, item.Workspace, item.ID)
	if err != nil || !found || d.State != domain.DigestPending || d.DeliverTime.After(a.now()) {
		return err
	}
	since := a.now() // before anything is asked: what happens meanwhile is told tomorrow rather than never
	m, items, activity, err := a.gather(ctx, d)
	switch {
	case unavailable(err):
		return a.store.HoldDigest(ctx, item, heldFor)
	case err != nil:
		return err
	case !m.reach.Working:
		return a.postpone(ctx, d, m.at)
	}
	if err := a.redate(ctx, &d, m.at); err != nil {
		return err
	}
	var f *filling
	err = a.store.InTx(ctx, d.Workspace, func(ctx context.Context, tx Tx) error {
		f = &filling{app: a, moment: m, digest: d, since: since}
		return f.run(ctx, tx, items, activity)
	})
	if err != nil || f.parcel == nil {
		return err
	}
	return a.sendDigest(ctx, f, m)
}

// gather asks all that a digest is made from: the notifications, how their sources stand, what was followed, and last whether
// the recipient works now. It fails Unavailable where one of them cannot be asked.
func (a *App) gather(ctx context.Context, d domain.Digest) (m moment, items []uuid.UUID, activity []domain.Activity, err error) {
	m.states = map[uuid.UUID]domain.SourceState{}
	if err := a.current(ctx, d.Workspace); err != nil {
		return m, nil, nil, err
	}
	pending, err := a.store.DigestItems(ctx, d.Workspace, d.Recipient, mostItems)
	if err != nil {
		return m, nil, nil, err
	}
	// What only a newer version knows waits for a digest of that one.
	pending = slices.DeleteFunc(pending, func(n domain.Notification) bool { return !n.Known() })
	states, err := a.check(ctx, d.Workspace, pending)
	if err != nil {
		return m, nil, nil, err
	}
	for i, n := range pending {
		if states[i].Unknown {
			return m, nil, nil, errUnknown
		}
		items, m.states[n.ID] = append(items, n.ID), states[i]
	}
	if activity, err = a.followed(ctx, d); err != nil {
		return m, nil, nil, err
	}
	m.at, m.asked = a.now(), a.machine.Now()
	reaches, err := a.working.Reaches(ctx, d.Workspace, []uuid.UUID{d.Recipient}, m.at)
	m.reach = reaches[d.Recipient]
	return m, items, activity, err
}

// followed is what happened in followed threads since the last digest, in spaces that the recipient may read.
func (a *App) followed(ctx context.Context, d domain.Digest) ([]domain.Activity, error) {
	all, err := a.sources.Followed(ctx, d.Workspace, d.Recipient)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	last, err := a.store.LastDigest(ctx, d.Workspace, d.Recipient)
	if err != nil {
		return nil, err
	}
	var spaces []uuid.UUID
	for _, one := range all {
		spaces = append(spaces, one.Space)
	}
	names, err := a.store.ReadableSpaces(ctx, d.Workspace, d.Recipient, unique(spaces))
	if err != nil {
		return nil, err
	}
	var kept []domain.Activity
	for _, one := range all {
		name, may := names[one.Space]
		if may && one.Time.After(last) {
			one.SpaceName = name
			kept = append(kept, one)
		}
	}
	return kept, nil
}

// postpone has a digest that is due outside working time planned again.
func (a *App) postpone(ctx context.Context, d domain.Digest, now time.Time) error {
	return a.store.InTx(ctx, d.Workspace, func(ctx context.Context, tx Tx) error {
		if _, err := tx.LockDigestPlan(ctx, d.Recipient); err != nil { // before the digest, as who plans does
			return err
		}
		due, found, err := tx.LockDigest(ctx, d.ID)
		if err != nil || !found || due.State != domain.DigestPending {
			return err
		}
		due.FillTime = time.Time{} // it is not on its way, or whoever sent it has died
		if err := tx.PutDigest(ctx, due); err != nil {
			return err
		}
		if err := tx.HoldDigest(ctx, due.ID, heldFor); err != nil {
			return err
		}
		return tx.PlanDigests(ctx, []uuid.UUID{d.Recipient}, now)
	})
}

// redate gives a digest whose own day went by unsent the date of the working day that it is sent on.
func (a *App) redate(ctx context.Context, d *domain.Digest, at time.Time) error {
	const mostMissed = 31
	for range mostMissed {
		if at.Sub(d.DayStart) < time.Hour {
			return nil
		}
		reaches, err := a.working.Reaches(ctx, d.Workspace, []uuid.UUID{d.Recipient}, d.DayStart)
		if err != nil {
			return err
		}
		next := reaches[d.Recipient]
		if next.DayStart.IsZero() || next.DayStart.After(at) {
			return nil
		}
		d.Date, d.DayStart = next.DayDate, next.DayStart
	}
	return nil
}

// sendDigest hands a digest to its channel and records what became of it and of what it holds.
func (a *App) sendDigest(ctx context.Context, f *filling, m moment) error {
	ws := f.digest.Workspace
	if a.late(m) {
		return a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
			if err := tx.HoldDigest(ctx, f.digest.ID, 0); err != nil {
				return err
			}
			return tx.EndAttempt(ctx, f.attempt, Skipped, "")
		})
	}
	failure := a.channel(domain.Email).Send(ctx, *f.parcel)
	if failure != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// A shutdown from now on must not keep what was sent from being recorded, else it is sent again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), digestRecordedIn)
	defer cancel()
	return a.recordDigest(ctx, f, failure)
}

// recordDigest records what became of a digest that its channel was handed, and of what it holds.
func (a *App) recordDigest(ctx context.Context, f *filling, failure error) error {
	return a.store.InTx(ctx, f.digest.Workspace, func(ctx context.Context, tx Tx) error {
		if _, err := tx.LockDigestPlan(ctx, f.digest.Recipient); err != nil { // before the digest, as who plans does
			return err
		}
		d, found, err := tx.LockDigest(ctx, f.digest.ID)
		if err != nil || !found || d.State != domain.DigestPending {
			return err
		}
		// Should its day have moved while it was on its way: it was sent for the day that it was made for.
		d.Date, d.DayStart, d.DeliverTime = f.digest.Date, f.digest.DayStart, f.digest.DeliverTime
		now := a.now()
		outcome := outcomeOf(failure)
		if err := tx.EndAttempt(ctx, f.attempt, outcome, text(failure)); err != nil {
			return err
		}
		if outcome == Retry {
			d.Stumble(text(failure), now)
			if err := tx.PutDigest(ctx, d); err != nil {
				return err
			}
			return tx.HoldDigest(ctx, d.ID, backoff(d.Attempts))
		}
		var events []domain.Event
		if outcome == Handed {
			events = d.Deliver(now)
		} else {
			d.Fail(text(failure), now)
		}
		if err := tx.PutDigest(ctx, d); err != nil {
			return err
		}
		told, err := a.tellItems(ctx, tx, f.items, d, failure, now)
		if err != nil {
			return err
		}
		if err := tx.PlanDigests(ctx, []uuid.UUID{d.Recipient}, now); err != nil {
			return err
		}
		return tx.Publish(ctx, now, Actor, append(events, told...)...)
	})
}

func outcomeOf(failure error) Outcome {
	switch {
	case failure == nil:
		return Handed
	case errors.Is(failure, ErrRefused):
		return GivenUp
	}
	return Retry
}

// tellItems records for all that a digest held what became of it.
func (a *App) tellItems(ctx context.Context, tx Tx, items []uuid.UUID, d domain.Digest, failure error, now time.Time) ([]domain.Event, error) {
	if len(items) == 0 {
		return nil, nil
	}
	locked, err := tx.Lock(ctx, items)
	if err != nil {
		return nil, err
	}
	var (
		events  []domain.Event
		changed []domain.Notification
	)
	for _, n := range locked {
		if failure != nil {
			events = append(events, n.Fail(domain.Email, text(failure), now)...)
		} else {
			events = append(events, n.DeliverIn(d.ID, now)...)
		}
		changed = append(changed, n.Notification)
	}
	return events, tx.SaveNotifications(ctx, changed)
}
