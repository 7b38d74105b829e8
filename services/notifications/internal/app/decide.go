package app

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// heldFor is how long something waits, by machine time, after somebody who must be asked could not be.
const heldFor = 2 * time.Second

// Undecided takes what is to be decided, by workspace.
func (a *App) Undecided(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]DeliveryBatch, error) {
	return a.store.ClaimUndecided(ctx, now, lease, limit)
}

// NextUndecided is when the next is to be decided.
func (a *App) NextUndecided(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextUndecided(ctx)
}

// Redecide decides what is held anew: because working time or preferences have changed, or could not be asked for before.
func (a *App) Redecide(ctx context.Context, b DeliveryBatch) error {
	defer a.woken()
	loaded, err := a.store.Load(ctx, b.Workspace, b.ids())
	if err != nil || len(loaded) == 0 {
		return err
	}
	at := a.now()
	reaches, err := a.working.Reaches(ctx, b.Workspace, unique(recipients(loaded)), at)
	if unavailable(err) {
		return a.store.HoldDeliveries(ctx, b.Workspace, b.Keys, heldFor)
	}
	if err != nil {
		return err
	}
	return a.store.InTx(ctx, b.Workspace, func(ctx context.Context, tx Tx) error {
		locked, err := tx.Lock(ctx, b.ids())
		if err != nil || len(locked) == 0 {
			return err
		}
		people, err := tx.People(ctx, unique(recipients(loaded)))
		if err != nil {
			return err
		}
		var (
			events  []domain.Event
			changed []domain.Notification
		)
		claimed, unknown := sorted(b.Keys)
		for _, n := range locked {
			to := people[n.Recipient]
			// Only a newer version knows what it is, or availability has not heard of them yet.
			if !n.Known() || reaches[n.Recipient].Missing && to.Active {
				unknown = append(unknown, ofNotification(b.Keys, n.ID)...)
				continue
			}
			s := n.Situation(at, to, reaches[n.Recipient], a.noMail(to), n.LastSignal)
			events = append(events, redecide(&n.Notification, s, standing(n, to), claimed)...)
			changed = append(changed, n.Notification)
		}
		if err := tx.SaveNotifications(ctx, changed); err != nil {
			return err
		}
		if err := layDigests(ctx, tx, changed, at); err != nil {
			return err
		}
		if err := holdAll(ctx, tx, map[time.Duration][]DeliveryKey{0: b.Keys}); err != nil {
			return err
		}
		if err := holdAll(ctx, tx, map[time.Duration][]DeliveryKey{heldFor: unknown}); err != nil {
			return err
		}
		return tx.Publish(ctx, at, Actor, events...)
	})
}

// sorted are keys as a set, and those of them that only a newer version can decide: of a channel that is not known here.
func sorted(keys []DeliveryKey) (all map[DeliveryKey]bool, unknown []DeliveryKey) {
	all = make(map[DeliveryKey]bool, len(keys))
	for _, k := range keys {
		all[k] = true
		if !k.Channel.Known() {
			unknown = append(unknown, k)
		}
	}
	return all, unknown
}

// ofNotification are those of the keys that name a notification.
func ofNotification(keys []DeliveryKey, id uuid.UUID) []DeliveryKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k DeliveryKey) bool { return k.Notification != id })
}

// redecide decides the channels of a notification that were claimed and are to be decided by now, or ends it where it is over.
// One that was not claimed may be on its way.
func redecide(n *domain.Notification, s domain.Situation, st domain.Standing, claimed map[DeliveryKey]bool) []domain.Event {
	if end := n.Over(st); !end.None() {
		return n.Cancel(end, s.Now)
	}
	var events []domain.Event
	for _, c := range domain.Channels() {
		d := n.Delivery(c)
		if d == nil || !claimed[DeliveryKey{n.ID, c}] || d.State != domain.Pending || d.DecideAt.IsZero() || d.DecideAt.After(s.Now) {
			continue
		}
		s.Woken = d.Woken
		events = append(events, n.Redecide(domain.DecideChannel(c, s), s)...)
	}
	return events
}

func standing(n Standing, to domain.Recipient) domain.Standing {
	return domain.Standing{MayRead: n.MayRead, Active: to.Active}
}

// unique are the ids, each once.
func unique(ids []uuid.UUID) []uuid.UUID {
	seen := make(map[uuid.UUID]bool, len(ids))
	kept := make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			kept = append(kept, id)
		}
	}
	return kept
}
