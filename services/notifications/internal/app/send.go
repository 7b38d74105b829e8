package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

const (
	// firstBackoff doubles with each attempt that a channel could not take, up to longestBackoff.
	firstBackoff   = 2 * time.Second
	longestBackoff = 15 * time.Minute
	// recordingFor is how long the record of what was sent may take once the process stops.
	recordingFor = 5 * time.Second
)

// backoff is how long to wait after so many attempts, by machine time, with jitter so that those who failed together do not
// come back together.
func backoff(attempts int) time.Duration {
	base := longestBackoff
	if attempts < 10 {
		base = min(firstBackoff<<max(attempts-1, 0), longestBackoff)
	}
	return base/2 + rand.N(base) //nolint:gosec // jitter, not a secret
}

// send hands a parcel to its channel and records what became of it. The parcel's ID is the same every time, so that a receiver
// can drop what comes twice when the process died in between.
func (a *App) send(ctx context.Context, ws uuid.UUID, out outgoing, m moment) error {
	if a.late(m) {
		return a.putBack(ctx, ws, out)
	}
	failure := a.channel(out.key.Channel).Send(ctx, out.Parcel)
	if failure != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// What was sent is recorded although the process is about to stop: else it would be sent again.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordingFor)
	defer cancel()
	return a.store.InTx(recording, ws, func(ctx context.Context, tx Tx) error {
		locked, err := tx.Lock(ctx, []uuid.UUID{out.key.Notification})
		if err != nil || len(locked) == 0 {
			return err
		}
		n, now := &locked[0].Notification, a.now()
		outcome, events := recorded(n, out, failure, now)
		if err := tx.EndAttempt(ctx, out.attempt, outcome, text(failure)); err != nil {
			return err
		}
		if err := tx.SaveNotifications(ctx, []domain.Notification{*n}); err != nil {
			return err
		}
		if outcome == Retry {
			return tx.HoldDeliveries(ctx, []DeliveryKey{out.key}, backoff(n.Delivery(out.key.Channel).Attempts))
		}
		return tx.Publish(ctx, now, Actor, events...)
	})
}

// putBack has parcels that no channel was handed taken up again at once, also where the process is about to stop: whoever takes
// them up then does not wait until they are no longer thought to be on their way.
func (a *App) putBack(ctx context.Context, ws uuid.UUID, parcels ...outgoing) error {
	if len(parcels) == 0 {
		return nil
	}
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordingFor)
	defer cancel()
	return a.store.InTx(recording, ws, func(ctx context.Context, tx Tx) error {
		keys := make([]DeliveryKey, 0, len(parcels))
		for _, out := range parcels {
			if err := tx.EndAttempt(ctx, out.attempt, Skipped, ""); err != nil {
				return err
			}
			keys = append(keys, out.key)
		}
		return tx.HoldDeliveries(ctx, keys, 0)
	})
}

// recorded is what an attempt comes to.
func recorded(n *domain.Notification, out outgoing, failure error, now time.Time) (Outcome, []domain.Event) {
	switch {
	case failure == nil:
		return Handed, n.Deliver(out.key.Channel, 0, out.blind, now)
	case errors.Is(failure, ErrRefused):
		return GivenUp, n.Fail(out.key.Channel, text(failure), now)
	}
	n.Stumble(out.key.Channel, text(failure), now)
	return Retry, nil
}

// text is what a channel answered, as far as it is kept.
func text(failure error) string {
	if failure == nil {
		return ""
	}
	const most = 500
	said := []rune(failure.Error())
	return string(said[:min(len(said), most)])
}
