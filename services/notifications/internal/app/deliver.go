package app

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

const (
	// freshFor is how long after it was decided, by either clock, an attempt may still begin.
	freshFor = 5 * time.Second
	// sendingFor is how long nobody else takes up what is on its way, by machine time.
	sendingFor = time.Minute
)

// DueUrgent takes what is to be sent and URGENT, by recipient.
func (a *App) DueUrgent(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]DeliveryBatch, error) {
	return a.store.ClaimUrgent(ctx, now, lease, limit)
}

// NextUrgent is when the next of those is to be sent.
func (a *App) NextUrgent(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextUrgent(ctx)
}

// DueDeliveries takes what else is to be sent, by recipient.
func (a *App) DueDeliveries(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]DeliveryBatch, error) {
	return a.store.ClaimDeliveries(ctx, now, lease, limit)
}

// NextDelivery is when the next is to be sent.
func (a *App) NextDelivery(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextDelivery(ctx)
}

// moment is what was asked for just before sending to one recipient, and when.
type moment struct {
	// at is domain time, asked machine time.
	at, asked time.Time
	reach     domain.Reach
	// states are how the sources stand, by notification.
	states map[uuid.UUID]domain.SourceState
	// stale says that the projection of rights could not be confirmed.
	stale bool
}

// blind says that not all of what must be known about a notification could be asked.
func (m moment) blind(state domain.SourceState) bool {
	return state.Unknown || !m.reach.Known || m.reach.Missing || m.stale
}

// late says whether an attempt would begin too late after the decision.
func (a *App) late(m moment) bool {
	return a.now().Sub(m.at) > freshFor || a.machine.Now().Sub(m.asked) > freshFor
}

// Deliver decides again what is due for one recipient, and sends what it is right to send now. The rest is held until another
// instant, cancelled, or, where somebody who must be asked cannot be, left for a moment.
func (a *App) Deliver(ctx context.Context, b DeliveryBatch) error {
	defer a.woken()
	loaded, err := a.store.Load(ctx, b.Workspace, b.ids())
	if err != nil || len(loaded) == 0 {
		return err
	}
	m, err := a.look(ctx, b, loaded)
	if err != nil {
		return err
	}
	var t *turn
	err = a.store.InTx(ctx, b.Workspace, func(ctx context.Context, tx Tx) error {
		t = newTurn(a, b, m)
		return t.run(ctx, tx)
	})
	if err != nil {
		return err
	}
	for i, out := range t.parcels {
		if ctx.Err() != nil { // the process stops, or the time of this batch is over
			return errors.Join(context.Cause(ctx), a.putBack(ctx, b.Workspace, t.parcels[i:]...))
		}
		if err := a.send(ctx, b.Workspace, out, m); err != nil {
			return errors.Join(err, a.putBack(ctx, b.Workspace, t.parcels[i+1:]...))
		}
	}
	return nil
}

// look asks all that is asked just before sending: the owners of the sources, then working time.
func (a *App) look(ctx context.Context, b DeliveryBatch, loaded []domain.Notification) (moment, error) {
	m := moment{states: map[uuid.UUID]domain.SourceState{}}
	if err := a.current(ctx, b.Workspace); unavailable(err) {
		m.stale = true
	} else if err != nil {
		return m, err
	}
	states, err := a.check(ctx, b.Workspace, loaded)
	if err != nil {
		return m, err
	}
	for i, n := range loaded {
		m.states[n.ID] = states[i]
	}
	m.at, m.asked = a.now(), a.machine.Now()
	reaches, err := a.reaches(ctx, b.Workspace, []uuid.UUID{b.Recipient}, m.at)
	m.reach = reaches[b.Recipient]
	return m, err
}

// check asks the owners how the sources of notifications stand for their recipients.
func (a *App) check(ctx context.Context, ws uuid.UUID, all []domain.Notification) ([]domain.SourceState, error) {
	if len(all) == 0 {
		return nil, nil
	}
	checks := make([]SourceCheck, 0, len(all))
	for _, n := range all {
		checks = append(checks, SourceCheck{Source: n.Source, Member: n.Recipient})
	}
	return a.sources.Check(ctx, ws, checks)
}
