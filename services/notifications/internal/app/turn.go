package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// turn is one recipient's turn within its transaction: what is due for them is decided again, in-app signals are sent with it,
// and parcels for the other channels made.
type turn struct {
	app    *App
	batch  DeliveryBatch
	moment moment
	due    map[DeliveryKey]bool

	to       domain.Recipient
	locked   []Standing
	signals  map[string]time.Time
	inApp    map[string][]int // indexes into locked, by context; one each where they are not gathered
	events   []domain.Event
	attempts []Attempt
	held     []DeliveryKey // wait for who cannot be asked, or for a newer version
	leaving  []DeliveryKey // are on their way until their outcome is recorded
	parcels  []outgoing
}

// outgoing is a parcel on its way, with the record of its attempt.
type outgoing struct {
	Parcel
	attempt uuid.UUID
	key     DeliveryKey
	blind   bool
}

func newTurn(a *App, b DeliveryBatch, m moment) *turn {
	t := &turn{app: a, batch: b, moment: m, inApp: map[string][]int{}}
	t.due, t.held = sorted(b.Keys)
	return t
}

func (t *turn) run(ctx context.Context, tx Tx) error {
	var err error
	if t.locked, err = tx.Lock(ctx, t.batch.ids()); err != nil || len(t.locked) == 0 {
		return err
	}
	people, err := tx.People(ctx, []uuid.UUID{t.batch.Recipient})
	if err != nil {
		return err
	}
	t.to = people[t.batch.Recipient]
	contexts := map[string]bool{}
	for _, n := range t.locked {
		contexts[n.Context] = true
	}
	if t.signals, err = tx.LockSignals(ctx, t.batch.Recipient, slices.Sorted(maps.Keys(contexts))); err != nil {
		return err
	}
	for i := range t.locked {
		if !t.locked[i].Known() {
			t.held = append(t.held, ofNotification(t.batch.Keys, t.locked[i].ID)...)
			continue
		}
		if err := t.one(i); err != nil {
			return err
		}
	}
	if err := t.signal(ctx, tx); err != nil {
		return err
	}
	changed := make([]domain.Notification, 0, len(t.locked))
	for _, n := range t.locked {
		changed = append(changed, n.Notification)
	}
	if err := tx.SaveNotifications(ctx, changed); err != nil {
		return err
	}
	if err := layDigests(ctx, tx, changed, t.moment.at); err != nil {
		return err
	}
	if err := holdAll(ctx, tx, map[time.Duration][]DeliveryKey{0: t.released(), heldFor: t.held, sendingFor: t.leaving}); err != nil {
		return err
	}
	if len(t.attempts) > 0 {
		if err := tx.AddAttempts(ctx, t.attempts); err != nil {
			return err
		}
	}
	return tx.Publish(ctx, t.moment.at, Actor, t.events...)
}

// released are the claimed deliveries that are neither held nor on their way.
func (t *turn) released() []DeliveryKey {
	return slices.DeleteFunc(slices.Clone(t.batch.Keys), func(k DeliveryKey) bool {
		return slices.Contains(t.held, k) || slices.Contains(t.leaving, k)
	})
}

func holdAll(ctx context.Context, tx Tx, waits map[time.Duration][]DeliveryKey) error {
	for wait, keys := range waits {
		if len(keys) == 0 {
			continue
		}
		if err := tx.HoldDeliveries(ctx, keys, wait); err != nil {
			return err
		}
	}
	return nil
}

// one decides a notification again.
func (t *turn) one(i int) error {
	n, state := &t.locked[i], t.moment.states[t.locked[i].ID]
	end := n.Over(standing(*n, t.to))
	woken := n.Delivery(domain.InApp) != nil && n.Delivery(domain.InApp).Woken
	if end.None() {
		end = n.OverAt(state, woken)
	}
	if !end.None() {
		t.events = append(t.events, n.Cancel(end, t.moment.at)...)
		return nil
	}
	n.Refresh(state)
	for _, c := range domain.Channels() {
		key := DeliveryKey{Notification: n.ID, Channel: c}
		d := n.Delivery(c)
		// It may have been sent, cancelled or put off since it was claimed.
		if !t.due[key] || d == nil || d.State != domain.Pending || !d.DecideAt.IsZero() || d.DeliverTime.IsZero() ||
			d.DeliverTime.After(t.moment.at) {
			continue
		}
		if err := t.channel(i, d, key, state); err != nil {
			return err
		}
	}
	return nil
}

// channel decides one channel again. What cannot be known is held, but for URGENT.
func (t *turn) channel(i int, d *domain.Delivery, key DeliveryKey, state domain.SourceState) error {
	n, m := &t.locked[i], t.moment
	blind := m.blind(state)
	if blind && n.Urgency != domain.Urgent {
		t.held = append(t.held, key)
		return nil
	}
	s := n.Situation(m.at, t.to, m.reach, t.app.noMail(t.to), t.signals[n.Context])
	s.Woken = d.Woken
	v := domain.DecideChannel(key.Channel, s)
	switch {
	case v.Decision != domain.Now:
		t.events = append(t.events, n.Redecide(v, s)...)
		return nil
	case t.app.late(m):
		return nil // it stands as it was, and is taken up again at once
	}
	n.Redecide(v, s)
	way := t.app.channel(key.Channel)
	if way == nil {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	n.Begin(key.Channel)
	attempt := Attempt{
		ID: id, Notification: n.ID, Recipient: t.to.ID, Channel: key.Channel, Urgency: n.Urgency, DecideTime: m.at,
		BeginTime: t.app.now(), Working: m.reach.Working, WorkingTimeVersion: m.reach.Version, Outcome: Begun,
	}
	if !way.Leaves() {
		attempt.Outcome = Handed
		gathered := n.Context
		if n.Urgency != domain.Normal || blind {
			gathered = n.ID.String() // it signals by itself
		}
		t.inApp[gathered] = append(t.inApp[gathered], i)
		t.attempts = append(t.attempts, attempt)
		return nil
	}
	t.attempts = append(t.attempts, attempt)
	t.parcels = append(t.parcels, outgoing{Parcel: t.parcel(n.Notification, blind), attempt: id, key: key, blind: blind})
	t.leaving = append(t.leaving, key)
	return nil
}

func (t *turn) parcel(n domain.Notification, blind bool) Parcel {
	if blind {
		n.Excerpt = ""
	}
	return Parcel{ID: "notification-" + n.ID.String(), To: t.to, Local: n.Local, Time: t.moment.at, Notification: n}
}

// signal sends what interrupts in-app: of what is gathered, the newest stands for all.
func (t *turn) signal(ctx context.Context, tx Tx) error {
	contexts := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(t.inApp)) {
		group := t.inApp[key]
		slices.SortFunc(group, func(a, b int) int { return t.locked[a].CreateTime.Compare(t.locked[b].CreateTime) })
		last := len(group) - 1
		for _, i := range group[:last] {
			t.locked[i].DeliverWith(domain.InApp, t.moment.at)
		}
		n := &t.locked[group[last]]
		m := t.moment
		t.events = append(t.events, n.Deliver(domain.InApp, last, m.blind(m.states[n.ID]), m.at)...)
		contexts[n.Context] = true
	}
	if len(contexts) == 0 {
		return nil
	}
	return tx.SetSignals(ctx, t.batch.Recipient, slices.Sorted(maps.Keys(contexts)), t.moment.at)
}
