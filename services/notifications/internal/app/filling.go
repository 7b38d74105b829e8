package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// filling is the making of one digest within its transaction: what is to be in it is decided again.
type filling struct {
	app    *App
	moment moment
	digest domain.Digest
	since  time.Time // before anything that it is made from was asked for
	to     domain.Recipient

	items   []uuid.UUID // all that it tells of, shown or counted
	parcel  *Parcel     // nil where nothing is sent
	attempt uuid.UUID
}

// run fills the digest, unless it has moved since it was looked at.
func (f *filling) run(ctx context.Context, tx Tx, items []uuid.UUID, activity []domain.Activity) error {
	at := f.moment.at
	if _, err := tx.LockDigestPlan(ctx, f.digest.Recipient); err != nil { // before the digest, as who plans does
		return err
	}
	d, found, err := tx.LockDigest(ctx, f.digest.ID)
	if err != nil || !found || d.State != domain.DigestPending {
		return err
	}
	if d.Version != f.digest.Version || f.app.late(f.moment) {
		return tx.HoldDigest(ctx, d.ID, 0) // it is looked at again
	}
	people, err := tx.People(ctx, []uuid.UUID{d.Recipient})
	if err != nil {
		return err
	}
	f.to = people[d.Recipient]
	d = f.digest
	shown, err := f.decide(ctx, tx, items)
	if err != nil {
		return err
	}
	if f.app.noMail(f.to) != "" || f.to.Preferences.DigestDisabled || !f.to.Active {
		activity = nil
	}
	composition := domain.Compose(shown, activity)
	parcel := Parcel{ID: "digest-" + d.ID.String(), To: f.to, Local: f.moment.reach.Local, Time: at, Digest: &d, Composition: composition}
	text, err := f.app.digests.DigestText(parcel)
	if err != nil {
		return err
	}
	d.Fill(composition, text, f.since, at)
	if err := tx.PutDigest(ctx, d); err != nil {
		return err
	}
	f.digest = d
	if d.State == domain.DigestEmpty {
		return tx.PlanDigests(ctx, []uuid.UUID{d.Recipient}, at)
	}
	f.parcel = &parcel
	return f.begin(ctx, tx)
}

// begin records the attempt. Until its outcome is recorded nobody else takes the digest up.
func (f *filling) begin(ctx context.Context, tx Tx) error {
	if err := tx.HoldDigest(ctx, f.digest.ID, sendingFor); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	f.attempt = id
	r := f.moment.reach
	return tx.AddAttempts(ctx, []Attempt{{
		ID: id, Digest: f.digest.ID, Recipient: f.to.ID, Channel: domain.Email, Urgency: domain.Normal, DecideTime: f.moment.at,
		BeginTime: f.app.now(), Working: r.Working, WorkingTimeVersion: r.Version, Outcome: Begun,
	}})
}

// decide decides again what waits for the digest, and returns what belongs into it.
func (f *filling) decide(ctx context.Context, tx Tx, items []uuid.UUID) ([]domain.Notification, error) {
	if len(items) == 0 {
		return nil, nil
	}
	locked, err := tx.Lock(ctx, items)
	if err != nil {
		return nil, err
	}
	var (
		events         []domain.Event
		shown, changed []domain.Notification
	)
	for _, n := range locked {
		in, told := f.belongs(&n)
		events = append(events, told...)
		if in {
			shown, f.items = append(shown, n.Notification), append(f.items, n.ID)
		}
		changed = append(changed, n.Notification)
	}
	if err := tx.SaveNotifications(ctx, changed); err != nil {
		return nil, err
	}
	return shown, tx.Publish(ctx, f.moment.at, Actor, events...)
}

// belongs decides one of them again. What it is no longer right to send is cancelled; what was decided otherwise meanwhile
// goes its own way.
func (f *filling) belongs(n *Standing) (in bool, events []domain.Event) {
	at, state := f.moment.at, f.moment.states[n.ID]
	d := n.Delivery(domain.Email)
	if d == nil || d.State != domain.Pending {
		return false, nil
	}
	end := n.Over(standing(*n, f.to))
	if end.None() {
		end = n.OverAt(state, false)
	}
	if !end.None() {
		return false, n.Cancel(end, at)
	}
	n.Refresh(state)
	reach := f.moment.reach
	reach.DayStart, reach.DayDate = f.digest.DayStart, f.digest.Date // of this digest's day: there may be no other
	s := n.Situation(at, f.to, reach, f.app.noMail(f.to), time.Time{})
	v := domain.DecideChannel(domain.Email, s)
	if v.Decision == domain.InDigest {
		return true, nil
	}
	return false, n.Redecide(v, s)
}
