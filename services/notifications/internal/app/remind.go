package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// DueReminders takes what is to be reminded of, by source.
func (a *App) DueReminders(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]ReminderBatch, error) {
	return a.store.ClaimReminders(ctx, now, lease, limit)
}

// NextReminder is when the next reminder is due.
func (a *App) NextReminder(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextReminder(ctx)
}

// Remind reminds those for whom a source still waits when three quarters of their window are gone. What the owner cannot be
// asked about is left for a moment.
func (a *App) Remind(ctx context.Context, b ReminderBatch) error {
	defer a.woken()
	checks := make([]SourceCheck, 0, len(b.Members))
	for _, m := range b.Members {
		checks = append(checks, SourceCheck{Source: b.Source, Member: m})
	}
	states, err := a.sources.Check(ctx, b.Workspace, checks)
	if err != nil {
		return err
	}
	waiting := map[uuid.UUID]bool{}
	for i, m := range b.Members {
		if states[i].Unknown {
			return a.store.HoldReminders(ctx, b, heldFor)
		}
		waiting[m] = states[i].Waiting && !states[i].Gone
	}
	at := a.now()
	reaches, err := a.reaches(ctx, b.Workspace, b.Members, at)
	if err != nil {
		return err
	}
	return a.store.InTx(ctx, b.Workspace, func(ctx context.Context, tx Tx) error {
		drafts, err := reminders(ctx, tx, b, waiting, at)
		if err != nil || len(drafts) == 0 {
			return err
		}
		people, err := tx.People(ctx, b.Members)
		if err != nil {
			return err
		}
		var opened []opening
		for _, d := range drafts {
			to := people[d.Recipient]
			if !to.Active {
				continue
			}
			o, err := openOne(d, d.Situation(at, to, reaches[to.ID], a.noMail(to), time.Time{}))
			if err != nil {
				return err
			}
			opened = append(opened, o)
		}
		if len(opened) == 0 {
			return nil
		}
		return a.add(ctx, tx, opened, at)
	})
}

// reminders are the drafts of those who are to be reminded. One whose window is over hears of that instead.
func reminders(ctx context.Context, tx Tx, b ReminderBatch, waiting map[uuid.UUID]bool, now time.Time) ([]domain.Notification, error) {
	first, err := firstWords(ctx, tx, b)
	if err != nil {
		return nil, err
	}
	waits, err := tx.LockReminders(ctx, b.Source, b.Members)
	if err != nil || len(waits) == 0 {
		return nil, err
	}
	var (
		drafts []domain.Notification
		done   []uuid.UUID
	)
	for _, w := range waits {
		if w.Remind.IsZero() || w.Remind.After(now) {
			continue // it has moved
		}
		n, told := first[w.Member]
		if !told && waiting[w.Member] && w.Due.After(now) {
			continue // the news of it is still to come, and then the reminder
		}
		done = append(done, w.Member)
		if !told || !waiting[w.Member] || !w.Due.IsZero() && !w.Due.After(now) {
			continue
		}
		draft := domain.Remind(n, now)
		draft.Waiting, draft.DueTime = true, w.Due
		drafts = append(drafts, draft)
	}
	if len(done) == 0 {
		return nil, nil
	}
	return drafts, tx.SetReminded(ctx, b.Source, done)
}

// firstWords are the notifications by which members were first told of a source, without the words of a deleted message.
func firstWords(ctx context.Context, tx Tx, b ReminderBatch) (map[uuid.UUID]domain.Notification, error) {
	first, err := tx.FirstNotifications(ctx, b.Source, b.Members)
	if err != nil {
		return nil, err
	}
	all := slices.Collect(maps.Values(first))
	if err := forget(ctx, tx, all); err != nil {
		return nil, err
	}
	for _, n := range all {
		first[n.Recipient] = n
	}
	return first, nil
}
