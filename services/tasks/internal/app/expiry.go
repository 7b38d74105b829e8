package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// ExpiryStore keeps which offers expire when.
type ExpiryStore interface {
	// ClaimExpired takes up to limit offers of all workspaces that have expired by now and are not written down so.
	ClaimExpired(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Ref, error)
	// NextExpiry is when the next offer expires; false when none will.
	NextExpiry(ctx context.Context) (time.Time, bool, error)
}

// ExpireHandoff writes down that an offer has expired, and says so. That it has was true before, for everybody who asked.
func (a *App) ExpireHandoff(ctx context.Context, ref Ref) error {
	var relay *domain.Relay
	err := a.store.InTx(ctx, ref.Workspace, func(ctx context.Context, tx Tx) error {
		r, h, _, err := tx.LockRelayOf(ctx, uuid.Nil, ref.Handoff)
		if err != nil {
			return err
		}
		r.Begin(a.now())
		relay = r
		if h.ID != r.Offer.ID {
			return nil
		}
		r.Expire()
		return a.keep(ctx, tx, r, service)
	})
	if err != nil {
		return err
	}
	a.woken(relay)
	return nil
}

// ClaimExpired takes up to limit offers that have expired.
func (a *App) ClaimExpired(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Ref, error) {
	return a.store.ClaimExpired(ctx, now, lease, limit)
}

// NextExpiry is when the next offer expires.
func (a *App) NextExpiry(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextExpiry(ctx)
}
